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
  const count = (sign: string) => address.split(sign).length;
  const surplus = { ")": count(")") - count("("), "]": count("]") - count("[") };
  let end = address.length;
  for (; ; end--) {
    const sign = address[end - 1] as ")";
    if (sign in surplus ? surplus[sign]-- < 1 : !".,;:!?'*_([".includes(sign)) break;
  }
  return address.slice(0, end);
}
