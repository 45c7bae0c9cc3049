/**
 * A further file of the chat, for what only some visitors need: loaded when it is first used. Like
 * the chat there is one for each language. `size.mjs` holds its budget.
 */
import type { Room } from "../shared/protocol";
import type { Host } from "./interfaces";
import { moreTexts, texts } from "./locales/en";

const DAY_MS = 86_400_000;

/**
 * When the shop is back, in the visitor's own time and way of writing it; nothing if it is not
 * closed, or once that is past. `language` is that of the texts, `languages` are the browser's.
 */
export function backText(
  backAt: string | null,
  language: string,
  languages: readonly string[] = navigator.languages,
  now = new Date(),
) {
  // Null is 1970.
  const back = new Date(backAt ?? 0);
  if (back <= now) return "";
  // "en-GB" writes times differently from "en".
  const locale = languages.find((tag) => tag.split("-")[0] === language) ?? language;
  const format = (options: Intl.DateTimeFormatOptions) => back.toLocaleString(locale, options);
  const days = (midnight(back) - midnight(now)) / DAY_MS;
  let day: string;
  if (days < 2) day = new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(days, "day");
  else if (days < 7) day = moreTexts.onWeekday.replace("{}", format({ weekday: "long" }));
  else day = moreTexts.onDate.replace("{}", format({ day: "numeric", month: "long" }));
  const time = format({ hour: "2-digit", minute: "2-digit" });
  return moreTexts.backAt.replace("{day}", day).replace("{time}", time);
}

/** The day on the wall, counted where every day has as many hours. */
const midnight = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());

/** What shows the visitor's earlier conversations. */
export function roomList({ h, lang }: Host, rooms: Room[], open: (id: string) => void) {
  const buttons = rooms.map(({ id, updated_at }) =>
    h(
      "button.room",
      { onclick: () => open(id) },
      new Date(updated_at).toLocaleString(lang, { dateStyle: "long", timeStyle: "short" }),
    ),
  );
  return [h("h2", {}, texts.earlier), ...(buttons[0] ? buttons : [texts.failed])];
}

/** Plays a short, soft note. Silent where the browser requires a click first. */
export function chime() {
  const audio = new AudioContext();
  const tone = new OscillatorNode(audio, { frequency: 780 });
  tone.connect(new GainNode(audio, { gain: 0.1 })).connect(audio.destination);
  tone.start();
  tone.stop(0.15);
  tone.onended = () => audio.close();
}
