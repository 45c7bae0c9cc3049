import type { Item } from "../shared/outbox";
import type { Message } from "../shared/protocol";
import { pieces } from "../shared/text";
import { h } from "./dom";
import type { Words } from "./locales/en";

/** A message of the room, or one on its way there, as it is shown. */
interface Line {
  id: string;
  who: Message["sender_type"];
  name: string;
  content: string;
  at: Date;
  mark: "" | "sending" | "sent" | "read";
  refused?: string | undefined;
}

/**
 * Shows messages in `box`. Nodes stay as long as what they show: a screen reader then hears what
 * is new and nothing else. `edit` is called for a message that the server refused.
 */
export function lines(box: HTMLElement, words: Words, lang: string, edit?: (id: string) => void) {
  const shown = new Map<string, HTMLElement>();
  const days = new Intl.DateTimeFormat(lang, { dateStyle: "long" });
  const times = new Intl.DateTimeFormat(lang, { timeStyle: "short" });
  const near = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });

  const dayOf = (at: Date) => {
    const midnight = (day: Date) => new Date(day).setHours(0, 0, 0, 0);
    const ago = Math.round((midnight(new Date()) - midnight(at)) / 864e5);
    return ago < 2 ? near.format(-ago, "day") : days.format(at);
  };

  const make = ({ who, name, content, at }: Line) => {
    if (who === "system") return h("div.note", {}, content);
    return h(
      `div.line ${who}`,
      {},
      name && h("div.name", { dir: "auto" }, name),
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
        who === "customer" && h("span.mark", { "aria-live": "off" }),
      ),
    );
  };

  /** Shows how far a message got. */
  const sign = (node: HTMLElement, { id, mark, refused }: Line) => {
    const place = node.querySelector<HTMLElement>(".mark");
    const state = refused ?? mark;
    if (!place || place.dataset.mark === state) return;
    place.dataset.mark = state;
    node.classList.toggle("refused", !!refused);
    if (refused) {
      place.replaceChildren(refused, h("button", { onclick: () => edit?.(id) }, words.edit));
    } else if (mark) place.replaceChildren(h("span.unseen", {}, words[mark]));
  };

  return (messages: Message[], items: Item[] = []) => {
    const all: Line[] = messages.map((m) => ({
      id: m.id,
      who: m.sender_type,
      name: m.sender_type === "admin" ? m.sender_name : "",
      content: m.event ? words[m.event] : m.content,
      at: new Date(m.created_at),
      mark: m.is_read ? "read" : "sent",
    }));
    for (const { id, content, at, refused } of items) {
      all.push({
        id,
        who: "customer",
        name: "",
        content,
        at: new Date(at),
        mark: "sending",
        refused,
      });
    }
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
      const today = dayOf(line.at);
      if (today !== day) {
        day = today;
        put(day, () => h("div.day", {}, today));
      }
      sign(
        put(line.id, () => make(line)),
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
