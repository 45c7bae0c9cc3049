/** The languages of the console: the same as the widget's. */

/** By code: the language's name in itself, and the direction of its script. */
export const LANGUAGES = {
  ar: { name: "العربية", dir: "rtl" },
  de: { name: "Deutsch", dir: "ltr" },
  en: { name: "English", dir: "ltr" },
  es: { name: "Español", dir: "ltr" },
  fr: { name: "Français", dir: "ltr" },
} as const;

export type LanguageCode = keyof typeof LANGUAGES;

export const CODES = Object.keys(LANGUAGES) as LanguageCode[];

/** The first of the browser's languages that the console has; English when it has none. */
export function firstSupported(preferred: readonly string[]): LanguageCode {
  for (const tag of preferred) {
    const code = CODES.find((code) => code === languageOf(tag));
    if (code) return code;
  }
  return "en";
}

/** The browser's regional form of a language, such as en-GB, for dates and numbers. */
export const localeOf = (code: LanguageCode, preferred: readonly string[]): string =>
  preferred.find((tag) => languageOf(tag) === code) ?? code;

const languageOf = (tag: string) => tag.toLowerCase().split("-")[0];
