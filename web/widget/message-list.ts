import type { Item } from "../shared/outbox";
import type { Message } from "../shared/protocol";
import { pieces } from "../shared/text";
import { h, said, shell, words } from "./host";

/** A message of the room, or one on its way there, which has no seq. */
type Line = Pick<Message, "id" | "sender_type" | "content"> &
  Partial<Message> & { at?: number; refused?: string };

/**
 * Shows messages in `box`. Nodes stay as long as what they show: a screen reader then hears what
 * is new and nothing else. `edit` is called for a message that the server refused.
 */
export function lines(box: HTMLElement, edit: (id: string) => void) {
  const { lang } = shell;
  let shown = new Map<string, HTMLElement>();
  const near = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });

  const midnight = (day: Date) => new Date(day).setHours(0, 0, 0, 0);
  const dayOf = (at: Date) => {
    const ago = Math.round((midnight(new Date()) - midnight(at)) / 864e5);
    return ago < 2 ? near.format(-ago, "day") : at.toLocaleDateString(lang, { dateStyle: "long" });
  };

  const make = ({ sender_type, sender_name, content, event }: Line, at: Date) =>
    event
      ? h("div.day", {}, said[event])
      : h(
          `div.line ${sender_type}`,
          {},
          sender_type === "admin" && h("div.name", { dir: "auto" }, sender_name),
          h(
            "div.text",
            { dir: "auto" },
            ...pieces(content).map(({ text, href }) =>
              href ? h("a", { href, target: "_blank", rel: "noopener noreferrer" }, text) : text,
            ),
          ),
          h(
            "div",
            {},
            at.toLocaleTimeString(lang, { timeStyle: "short" }),
            sender_type === "customer" && h("span.mark", { "aria-live": "off" }),
          ),
        );

  /** Shows how far a message got. */
  const sign = (node: HTMLElement, { id, seq, is_read, refused }: Line) => {
    const place = node.querySelector<HTMLElement>(".mark");
    const mark = seq ? (is_read ? "read" : "sent") : "sending";
    const state = refused ?? mark;
    if (!place || place.dataset.mark === state) return;
    place.dataset.mark = state;
    node.classList.toggle("refused", !!refused);
    place.replaceChildren(
      refused ?? h("span.unseen", {}, said[mark]),
      refused ? h("button", { onclick: () => edit(id) }, words.edit) : "",
    );
  };

  return (messages: Message[], items: Item[]) => {
    const before = shown;
    let place = box.firstChild;
    let day = "";
    shown = new Map();
    const put = (key: string, make: () => HTMLElement) => {
      const node = before.get(key) ?? make();
      before.delete(key);
      shown.set(key, node);
      if (node === place) place = node.nextSibling;
      else box.insertBefore(node, place);
      return node;
    };
    const all: Line[] = [
      ...messages,
      ...items.map((item) => ({ ...item, sender_type: "customer" as const })),
    ];
    for (const line of all) {
      if (shown.has(line.id)) continue;
      const at = new Date(line.created_at ?? line.at!);
      const today = dayOf(at);
      if (today !== day) put(today, () => h("div.day", {}, today));
      day = today;
      sign(
        put(line.id, () => make(line, at)),
        line,
      );
    }
    for (const node of before.values()) node.remove();
  };
}
