import { computed, type ReadonlySignal } from "@preact/signals";
import { IntlMessageFormat } from "intl-messageformat";
import type { ComponentChild, ComponentChildren } from "preact";
import type { English, TextKey, Texts } from "./texts";
import type { TagsOf, ValuesOf } from "./values";

/** A language with its texts, and the locale for its numbers. */
export interface Spoken {
  texts: Texts;
  locale: string;
  dir: "ltr" | "rtl";
}

type Values<Key extends TextKey> = ValuesOf<English[Key]>;

/** The text of a key as a string: for names of controls, notifications, and most else. */
export type Translate = <Key extends TextKey>(
  key: Key,
  ...values: keyof Values<Key> extends never ? [] : [Values<Key>]
) => string;

/** The text of a key with elements in it: `<b>…</b>` by a function, `{name}` by an element, too. */
export type TranslateRich = <Key extends TextKey>(
  key: Key,
  parts: { [Name in keyof Values<Key>]: Values<Key>[Name] | ComponentChild } & {
    [Tag in TagsOf<English[Key]>]: (children: ComponentChildren) => ComponentChild;
  },
) => ComponentChildren;

/** Keeps a text of unknown direction from changing the order of what surrounds it. */
const isolate = (text: string) => `\u2068${text}\u2069`;

/** Whether a text is shown as it is written. Most are, and a format takes a while to be made. */
export const isPlain = (text: string) => !/[{<]|''/.test(text);

/** Both ways to get a text in the language of the signal. Who reads one is updated with it. */
export function makeTranslate(spoken: ReadonlySignal<Spoken>) {
  const read = computed(() => {
    const { texts, locale } = spoken.value;
    const formats = new Map<TextKey, IntlMessageFormat>();
    return (key: TextKey, values: object) => {
      if (isPlain(texts[key])) return texts[key];
      let format = formats.get(key);
      if (!format) {
        format = new IntlMessageFormat(texts[key], locale);
        formats.set(key, format);
      }
      return format.format(prepare(values));
    };
  });
  const prepare = (values: object) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        typeof value === "string" && spoken.value.dir === "rtl" ? isolate(value) : value,
      ]),
    );
  const t = (key: TextKey, values: object = {}) => read.value(key, values);
  return { t: t as Translate, rich: t as unknown as TranslateRich };
}
