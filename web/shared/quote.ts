/**
 * Splits the text of a mail: what was written, and the quote behind it, whose lines all begin with
 * `>`. The server puts them in this order.
 */
export function splitQuote(content: string): { written: string; quote: string } {
  const at = content.search(/\n\n(?:>.*(?:\n|$))+$/);
  if (at < 1) return { written: content, quote: "" };
  return { written: content.slice(0, at), quote: content.slice(at + 2) };
}
