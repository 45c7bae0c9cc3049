import type { Words } from "./locales/en";

/** The hash in the names of the translations' files; filled in by the build. */
declare const __WORDS__: string;

/** The first of the tag's, the page's and the browser's languages that there is. */
export function language({ locale }: DOMStringMap): string {
  const wished = [locale, document.documentElement.lang, ...navigator.languages].join();
  const [, found = "en"] = /(?:^|,)(ar|de|en|es|fr)/i.exec(wished) ?? [];
  return found.toLowerCase();
}

/** What the widget says; each language is in a file of its own. */
export async function translation(lang: string): Promise<Words> {
  return (await import(/* @vite-ignore */ `./${lang}-${__WORDS__}.js`)).default;
}
