import type { OutboxItem } from "../shared/outbox";
import type { Message } from "../shared/protocol";
import { linkify } from "../shared/text";
import { h, host, labels, texts } from "./host";

const DAY_MS = 86_400_000;

/** A message of the log, or one of the outbox, which has no seq. */
type Line = Pick<Message, "id" | "sender_type" | "content"> &
  Partial<Message> & { at?: number; refused?: string };

/**
 * Returns a function that shows messages in `box`. Nodes of shown messages stay, so that a screen
 * reader reads only new ones. `edit` is called when the visitor edits a message that the server
 * refused.
 */
export function makeMessageList(box: HTMLElement, edit: (line: Line) => void) {
  const { lang } = host;
  let shown = new Map<string, HTMLElement>();
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });

  const midnight = (day: Date) => new Date(day).setHours(0, 0, 0, 0);
  const dayOf = (at: Date) => {
    const ago = Math.round((midnight(new Date()) - midnight(at)) / DAY_MS);
    return ago < 2
      ? relative.format(-ago, "day")
      : at.toLocaleDateString(lang, { dateStyle: "long" });
  };

  const make = ({ sender_type, sender_name, content, event, via }: Line, at: Date) =>
    event
      ? h("div.day", {}, labels[event])
      : h(
          `div.line ${sender_type} ${via}`,
          {},
          sender_type === "admin" && h("div.name", { dir: "auto" }, sender_name),
          h(
            // Only a message whose text was removed is empty.
            content ? "div.text" : "i.text",
            { dir: "auto" },
            ...linkify(content || texts.redacted).map(({ text, href }) =>
              href ? h("a", { href, target: "_blank", rel: "noreferrer" }, text) : text,
            ),
          ),
          h(
            "div",
            {},
            at.toLocaleTimeString(lang, { timeStyle: "short" }),
            sender_type === "customer" && h("span.mark", { "aria-live": "off" }),
          ),
        );

  /** Shows whether a message is sent and read, or why it was refused. */
  const setMark = (node: HTMLElement, line: Line) => {
    const { seq, is_read, refused } = line;
    const place = node.querySelector<HTMLElement>(".mark");
    const mark = seq ? (is_read ? "read" : "sent") : "sending";
    const state = refused ?? mark;
    if (!place || place.dataset.mark === state) return;
    place.dataset.mark = state;
    place.replaceChildren(
      refused ? ` · ${refused} ` : h("span.unseen", {}, labels[mark]),
      refused ? h("button", { onclick: () => edit(line) }, texts.edit) : "",
    );
  };

  return (messages: Message[], items: OutboxItem[]) => {
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
      // A message whose text was removed gets a node of its own.
      const key = line.id + !line.content;
      if (shown.has(key)) continue;
      const at = new Date(line.created_at ?? line.at!);
      const today = dayOf(at);
      if (today !== day) put(today, () => h("div.day", {}, today));
      day = today;
      setMark(
        put(key, () => make(line, at)),
        line,
      );
    }
    for (const [, node] of before) node.remove();
  };
}
