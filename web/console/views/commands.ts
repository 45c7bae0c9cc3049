/** Something that can be done from the palette, and by which key otherwise. */
export interface Command {
  name: string;
  key?: string;
  run: () => void;
}

/** The entries in which every word occurs; nothing asked is everything. */
export function matching<T extends { name: string }>(entries: readonly T[], asked: string): T[] {
  const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
}
