/** The catalogue: which texts there are, and where those of each language come from. */
import type { LanguageCode } from "./languages";
import { texts as english } from "./texts/en";
import type { ValuesOf } from "./values";

export type TextKey = keyof typeof english;

/** The text of each key, as English has it; the types of values come from it. */
export type English = typeof english;

/** The keys of texts that need no values: for tables of labels. */
export type PlainKey = {
  [Key in TextKey]: keyof ValuesOf<English[Key]> extends never ? Key : never;
}[TextKey];

/** All texts of a language. */
export type Texts = Record<TextKey, string>;

/** What a translation of one of the catalogue's files must have. */
export type Translation<File> = Record<keyof File, string>;

export { english };

/** Loads the texts of a language. English is always there; the others are files of their own. */
export async function loadTexts(code: LanguageCode): Promise<Texts> {
  switch (code) {
    case "ar":
      return (await import("./texts/ar")).texts;
    case "de":
      return (await import("./texts/de")).texts;
    case "es":
      return (await import("./texts/es")).texts;
    case "fr":
      return (await import("./texts/fr")).texts;
    case "en":
      return english;
  }
}
