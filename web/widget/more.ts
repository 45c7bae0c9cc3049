/**
 * A further file of the chat, for what only some visitors need: loaded when it is first used. Like
 * the chat there is one for each language. `size.mjs` holds its budget.
 */
import type { MessageLog } from "../shared/message-log";
import type { Room } from "../shared/protocol";
import { splitQuote } from "../shared/quote";
import type { Host } from "./interfaces";
import { moreTexts, texts } from "./locales/en";
import { rate } from "./rating";

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
  else {
    const year = days < 300 ? {} : ({ year: "numeric" } as const);
    day = moreTexts.onDate.replace("{}", format({ day: "numeric", month: "long", ...year }));
  }
  const time = format({ hour: "2-digit", minute: "2-digit" });
  return moreTexts.backAt.replace("{day}", day).replace("{time}", time);
}

/** The day on the wall, counted where every day has as many hours. */
const midnight = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());

/** Calls the visitor's API, by POST if there is a body; throws an error that has the status. */
type Call = <T>(path: string, body?: object) => Promise<T>;

/**
 * What shows the visitor's earlier conversations, and mails them if the server sends mail. A click
 * opens one, then leaves the list.
 */
export async function rooms(
  host: Host,
  open: (id: string) => void,
  leave: HTMLElement,
  call: Call,
) {
  const { h, lang, tagData: data } = host;
  const { results } = await call<{ results: Room[] }>("rooms/").catch(() => ({ results: [] }));
  const rows = results.map(({ id, updated_at }) =>
    h(
      "div",
      {},
      h(
        "button.text room",
        {
          onclick() {
            open(id);
            leave.click();
          },
        },
        new Date(updated_at).toLocaleString(lang, { dateStyle: "long", timeStyle: "short" }),
      ),
      ...(data.mail ? mailer(host, id, call) : []),
    ),
  );
  return [h("h2", {}, texts.earlier), ...(rows[0] ? rows : [texts.failed])];
}

/** A button that has the conversation mailed, with a field for the address if none is known. */
function mailer({ h }: Host, id: string, call: Call) {
  const address = h("input", { type: "email", "aria-label": texts.yourEmail, hidden: true });
  const result = h("p", { "aria-live": "polite" });
  const send = h("button", { onclick }, moreTexts.mailIt);
  return [send, address, result];

  async function onclick() {
    send.disabled = true;
    try {
      await call(`rooms/${id}/transcript/`, address.value ? { email: address.value } : {});
      send.hidden = address.hidden = true;
      result.textContent = moreTexts.mailed;
    } catch (error) {
      const { status } = error as { status?: number };
      result.textContent =
        { 400: moreTexts.toWhom, 409: moreTexts.unanswered, 429: moreTexts.often }[status!] ??
        texts.failed;
      if (status === 400) {
        address.hidden = false;
        address.focus();
      }
    }
    send.disabled = false;
  }
}

/**
 * What this file adds to the conversation that is shown before `place`: quotes of mails are folded, and
 * a closed conversation can be rated. A log that showed its end goes on doing so.
 */
export function show(host: Host, place: Element, log: MessageLog, call: Call) {
  const view = place.parentElement!.querySelector(".log")!;
  const isAtEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 1;
  fold(view);
  rate(host, place, log, call);
  if (isAtEnd) view.scrollTop = view.scrollHeight;
}

/** Folds what mails quote; the message list marks them with a class. */
function fold(box: Element) {
  for (const line of box.querySelectorAll(".mail")) {
    line.classList.remove("mail");
    const text = line.querySelector(".text")!;
    let left = splitQuote(text.textContent).quote.length;
    if (!left) continue;
    const quote = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = moreTexts.quote;
    quote.append(summary);
    while (left > 0) {
      let last = text.lastChild as ChildNode;
      const { length } = last.textContent!;
      // A link holds no line break, so what begins before the quote is a text.
      if (length > left) last = (last as Text).splitText(length - left);
      left -= length;
      summary.after(last);
    }
    text.lastChild!.textContent = text.lastChild!.textContent!.trimEnd();
    text.append(quote);
  }
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
