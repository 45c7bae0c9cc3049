/** A part of a message's text; `href` only where it is a link. */
export interface TextPart {
  text: string;
  href?: string;
}

/** Ends at a space, a quotation mark, or the punctuation of scripts that write no spaces. */
const ADDRESS = /(?<![a-z\d])https?:\/\/[^\s<>"«»‘-‟、-〟！-／：；？]+/gi;

/**
 * Splits a text at its http and https links. Everything else is plain text, whatever it looks
 * like.
 */
export function linkify(content: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of content.matchAll(ADDRESS)) {
    const text = trimUrl(match[0]);
    if (!URL.canParse(text)) continue;
    if (match.index > end) parts.push({ text: content.slice(end, match.index) });
    parts.push({ text, href: text });
    end = match.index + text.length;
  }
  if (end < content.length) parts.push({ text: content.slice(end) });
  return parts;
}

/** Removes punctuation of the sentence around an address, and brackets opened before it. */
function trimUrl(address: string): string {
  let surplus = address.split(/[)\]]/).length - address.split(/[([]/).length;
  let end = address.length;
  for (; ; end--) {
    const sign = address[end - 1]!;
    if (!".,;:!?'*_([".includes(sign) && !(")]".includes(sign) && surplus-- > 0)) break;
    if ("([".includes(sign)) surplus++;
  }
  return address.slice(0, end);
}

/** Whether a text shows nothing; the server refuses such a message. */
export const isBlank = (text: string) => !/[^\s\p{Cc}\p{DI}\u2800]/u.test(text);
