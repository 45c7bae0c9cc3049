/** A piece of a message's text; `href` only where it is a link. */
export interface Piece {
  text: string;
  href?: string;
}

/** Up to a space, a quotation mark, or the punctuation of scripts that write no spaces. */
const ADDRESS = /(?<![a-z\d])https?:\/\/[^\s<>"«»‘-‟、-〟！-／：；？]+/gi;

/** Finds http and https links. Everything else is text, whatever it looks like. */
export function pieces(content: string): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of content.matchAll(ADDRESS)) {
    const text = trimmed(match[0]);
    if (!URL.canParse(text)) continue;
    if (match.index > end) found.push({ text: content.slice(end, match.index) });
    found.push({ text, href: text });
    end = match.index + text.length;
  }
  if (end < content.length) found.push({ text: content.slice(end) });
  return found;
}

/** Without the sentence's punctuation, and the brackets that were opened before the address. */
function trimmed(address: string): string {
  let surplus = address.split(/[)\]]/).length - address.split(/[([]/).length;
  let end = address.length;
  for (; ; end--) {
    const sign = address[end - 1]!;
    if (!".,;:!?'*_([".includes(sign) && !(")]".includes(sign) && surplus-- > 0)) break;
    if ("([".includes(sign)) surplus++;
  }
  return address.slice(0, end);
}

/**
 * Text without half an emoji, which a cut paste or an old keyboard leaves: neither UTF-8 nor a
 * server can take one.
 */
export const wellFormed = (text: string) => text.toWellFormed();

/** Whether nothing of a text can be seen; the server refuses such a message. */
export const isBlank = (text: string) => !/[^\s\p{Cc}\p{DI}\u2800]/u.test(text);
