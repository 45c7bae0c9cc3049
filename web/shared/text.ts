/** A piece of a message's text; `href` only where it is a link. */
export interface Piece {
  text: string;
  href?: string;
}

/** Finds http and https links. Everything else is text, whatever it looks like. */
export function pieces(content: string): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of content.matchAll(/\bhttps?:\/\/[^\s<>"«»]+/gi)) {
    // A sentence's punctuation is not the address's.
    let text = match[0].replace(/[.,;:!?'*_]+$/, "");
    if (text.endsWith(")") && !text.includes("(")) text = text.slice(0, -1);
    if (!URL.canParse(text)) continue;
    if (match.index > end) found.push({ text: content.slice(end, match.index) });
    found.push({ text, href: text });
    end = match.index + text.length;
  }
  if (end < content.length) found.push({ text: content.slice(end) });
  return found;
}
