import { computed, signal } from "@preact/signals";

/** A part of the draft that what is chosen takes the place of. */
export interface Insertion {
  from: number;
  to: number;
  text: string;
}

export interface ChoicesOptions<Item> {
  /** Matches up to the caret if the list is to be open: the sign that opens it, and behind it the word. */
  pattern: RegExp;
  /** What fits the word, the best first. */
  matching: (word: string) => readonly Item[];
  /** What takes the place of the sign and the word. */
  textOf: (item: Item) => string;
}

export type Choices<Item> = ReturnType<typeof makeChoices<Item>>;

/**
 * A list that opens while a word is typed in the field. What is chosen takes the place of that word,
 * and is never sent by that.
 */
export function makeChoices<Item>({ pattern, matching, textOf }: ChoicesOptions<Item>) {
  /** The word before the caret. */
  const word = signal<{ text: string; from: number; to: number } | undefined>(undefined);
  const chosen = signal(0);
  const matches = computed(() => (word.value === undefined ? [] : matching(word.value.text)));

  return {
    matches,
    isOpen: computed(() => matches.value.length > 0),
    /** Which of the matches is marked. */
    chosen: computed(() => Math.min(chosen.value, matches.value.length - 1)),

    /** The agent has typed or moved the caret. Returns whether there is a word for this list. */
    follow(draft: string, caret: number): boolean {
      const text = pattern.exec(draft.slice(0, caret))?.[1];
      if (text !== word.value?.text) chosen.value = 0;
      word.value =
        text === undefined ? undefined : { text, from: caret - text.length - 1, to: caret };
      return text !== undefined;
    },

    /** Marks the next match, or the one before. */
    move(step: 1 | -1) {
      const count = matches.value.length;
      if (count) chosen.value = (Math.min(chosen.value, count - 1) + step + count) % count;
    },

    /** What to insert for the marked match, or for another one. */
    take(item: Item | undefined = matches.value[chosen.value]): Insertion | undefined {
      const place = word.value;
      word.value = undefined;
      if (item === undefined || !place) return undefined;
      return { from: place.from, to: place.to, text: textOf(item) };
    },

    /** Closes the list until the next key. */
    close() {
      word.value = undefined;
    },
  };
}
