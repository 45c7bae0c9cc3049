import type { Item } from "../shared/outbox";
import type { Message } from "../shared/protocol";
import { pieces } from "../shared/text";
import { h } from "./kit";
import type { Words } from "./locales/en";

/** A message of the room, or one on its way there, which has no seq. */
type Line = Pick<Message, "id" | "sender_type" | "content"> &
  Partial<Message> & { at?: number; refused?: string };

/**
 * Shows messages in `box`. Nodes stay as long as what they show: a screen reader then hears what
 * is new and nothing else. `edit` is called for a message that the server refused.
 */
export function lines(box: HTMLElement, words: Words, lang: string, edit: (id: string) => void) {
  const shown = new Map<string, HTMLElement>();
  const days = new Intl.DateTimeFormat(lang, { dateStyle: "long" });
  const times = new Intl.DateTimeFormat(lang, { timeStyle: "short" });
  const near = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });

  const dayOf = (at: Date) => {
    const midnight = (day: Date) => new Date(day).setHours(0, 0, 0, 0);
    const ago = Math.round((midnight(new Date()) - midnight(at)) / 864e5);
    return ago < 2 ? near.format(-ago, "day") : days.format(at);
  };

  const make = ({ sender_type, sender_name, content, event }: Line, at: Date) => {
    if (event) return h("div.note", {}, words[event]);
    return h(
      `div.line ${sender_type}`,
      {},
      sender_type === "admin" && h("div.name", { dir: "auto" }, sender_name),
      h(
        "div.text",
        { dir: "auto" },
        ...pieces(content).map(({ text, href }) =>
          href
            ? h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text)
            : text,
        ),
      ),
      h(
        "div.meta",
        {},
        h("time", { datetime: at.toISOString() }, times.format(at)),
        h("span.mark", { "aria-live": "off" }),
      ),
    );
  };

  /** Shows how far a message got. */
  const sign = (node: HTMLElement, { id, sender_type, seq, is_read, refused }: Line) => {
    const place = node.querySelector<HTMLElement>(".mark");
    const mark = seq ? (is_read ? "read" : "sent") : "sending";
    const state = refused ?? mark;
    if (sender_type !== "customer" || !place || place.dataset.mark === state) return;
    place.dataset.mark = state;
    node.classList.toggle("refused", !!refused);
    place.replaceChildren(
      ...(refused
        ? [refused, h("button", { onclick: () => edit(id) }, words.edit)]
        : [h("span.unseen", {}, words[mark])]),
    );
  };

  return (messages: Message[], items: Item[]) => {
    const all: Line[] = [
      ...messages,
      ...items.map((item) => ({ ...item, sender_type: "customer" as const })),
    ];
    const kept = new Set<string>();
    let place = box.firstChild;
    const put = (key: string, make: () => HTMLElement) => {
      const node = shown.get(key) ?? make();
      shown.set(key, node);
      kept.add(key);
      if (node === place) place = node.nextSibling;
      else box.insertBefore(node, place);
      return node;
    };
    let day = "";
    for (const line of all) {
      if (kept.has(line.id)) continue;
      const at = new Date(line.created_at ?? line.at!);
      const today = dayOf(at);
      if (today !== day) {
        day = today;
        put(day, () => h("div.day", {}, today));
      }
      sign(
        put(line.id, () => make(line, at)),
        line,
      );
    }
    for (const [key, node] of shown) {
      if (kept.has(key)) continue;
      node.remove();
      shown.delete(key);
    }
  };
}
