/**
 * The console's language: chosen on this device or the browser's, with all its texts.
 *
 * Made once by `app.ts`. Views get it by `useLanguage`, the parts of the desk are given it.
 */
import { computed, signal } from "@preact/signals";
import { makeDescribe } from "./errors";
import { makeFormat } from "./format";
import { firstSupported, LANGUAGES, type LanguageCode, localeOf } from "./languages";
import { english, loadTexts } from "./texts";
import { makeTranslate } from "./translate";

export interface LanguageOptions {
  /** `navigator.languages`. */
  preferred: readonly string[];
  load?: typeof loadTexts;
}

export type Language = ReturnType<typeof makeLanguage>;

export function makeLanguage({ preferred, load = loadTexts }: LanguageOptions) {
  const current = signal({ code: "en" as LanguageCode, texts: english as typeof english });
  /** Which choice was made last: texts of an earlier one may arrive late. */
  let choices = 0;
  const spoken = computed(() => {
    const { code, texts } = current.value;
    return { texts, locale: localeOf(code, preferred), dir: LANGUAGES[code].dir };
  });
  const { t, rich } = makeTranslate(spoken);
  const format = makeFormat({ locale: computed(() => spoken.value.locale), t });

  return {
    /** The language of what is shown. */
    code: computed(() => current.value.code),
    dir: computed(() => spoken.value.dir),
    /** How the browser's own texts and times are written. */
    locale: computed(() => spoken.value.locale),
    /** A text as a string: `t("signIn.title")`. */
    t,
    /** A text with elements in it. */
    rich,
    /** Times, numbers, names of visitors. */
    format,
    ...makeDescribe(t),

    /** Shows a language, or the browser's; rejects when its texts cannot be loaded. */
    async show(choice: LanguageCode | "auto") {
      const code = choice === "auto" ? firstSupported(preferred) : choice;
      choices += 1;
      const mine = choices;
      const texts = await load(code);
      if (mine === choices) current.value = { code, texts: texts as typeof english };
    },
  };
}
