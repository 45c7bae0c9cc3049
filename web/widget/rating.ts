/**
 * What the visitor thinks of a conversation that was closed: five buttons, and after the first
 * click a field for words. Part of the further file.
 */
import type { MessageLog } from "../shared/message-log";
import type { RatingAnswer, RatingRequest } from "../shared/protocol";
import type { Host } from "./interfaces";
import { moreTexts, texts } from "./locales/en";
import css from "./rating.css?inline";

/** Characters of a comment that the server takes. */
const COMMENT_MAX = 1_000;

/** Sends a call to the server. It throws what has the status of a refusal. */
type Call = (path: string, body: RatingRequest) => Promise<unknown>;

/** The element that is shown, and the closing that it is about. */
let shown: HTMLElement | undefined;
let closing: string | undefined;

/** Shows the buttons before `place` while the newest message is a closing, else nothing. */
export function rate(host: Host, place: Element, { messages }: MessageLog, call: Call) {
  const last = messages.at(-1);
  const key = last?.event === "closed" ? `${last.room_id} ${last.seq}` : undefined;
  if (key === closing) return;
  if (!closing) host.addStyle(css);
  closing = key;
  shown?.remove();
  shown = key ? makeRating(host, `rooms/${last!.room_id}/rating/`, call) : undefined;
  if (shown) place.before(shown);
}

function makeRating({ h, lang }: Host, path: string, call: Call) {
  let score = 0;
  const number = new Intl.NumberFormat(lang).format;
  const buttons = [1, 2, 3, 4, 5].map((value) => {
    const name = moreTexts.score.replace("{}", number(value));
    return h("button", { title: name, "aria-label": name, onclick: () => give(value) }, "☆");
  });
  const comment = h("textarea", {
    rows: 2,
    maxlength: COMMENT_MAX,
    "aria-label": moreTexts.comment,
    placeholder: moreTexts.comment,
    dir: "auto",
  });
  const words = h(
    "div.words",
    { hidden: true },
    comment,
    h("button", { onclick: () => give(score) }, moreTexts.sendComment),
  );
  const outcome = h("p", { "aria-live": "polite" });
  const show = (given: number) => {
    score = given;
    words.hidden = !given;
    buttons.forEach((button, index) => {
      button.textContent = index < given ? "★" : "☆";
      button.ariaPressed = `${index + 1 === given}`;
    });
  };
  const give = async (value: number) => {
    const before = score;
    show(value);
    try {
      const given = await call(path, { score: value, comment: comment.value });
      outcome.textContent = moreTexts.thanks;
      // Another click may have come meanwhile.
      if (score === value) show((given as RatingAnswer).rating.score);
    } catch (error) {
      if (score === value) show(before);
      const isFinal = (error as { status?: number }).status === 409;
      outcome.textContent = isFinal ? moreTexts.ratingIsFinal : texts.failed;
    }
  };
  show(0);
  return h(
    "div.rating",
    { role: "group", "aria-label": moreTexts.rate },
    h("p", {}, moreTexts.rate),
    h("div", {}, ...buttons),
    words,
    outcome,
  );
}
