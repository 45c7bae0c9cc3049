import type { Item } from "../shared/outbox";
import type { Message } from "../shared/protocol";
import { pieces } from "../shared/text";
import { h, icon } from "./dom";
import type { Words } from "./locales/en";

const TICK = "M5 13l4 4L19 7";
const TICKS = "M2 13l4 4L16 7M12 16l1 1L23 7";
const CLOCK = "M12 7v5l3 2M21 12a9 9 0 1 1-18 0a9 9 0 0 1 18 0";

/** One entry of the log as it is shown: a message of the room, or one on its way there. */
interface Line {
  id: string;
  who: Message["sender_type"];
  name: string;
  content: string;
  at: Date;
  mark?: "sending" | "waiting" | "sent" | "read";
  refused?: string | undefined;
}

interface Shown {
  node: HTMLElement;
  mark: HTMLElement;
  marked?: string;
}

/** What a refused message's buttons do. */
interface Mending {
  edit(id: string): void;
  discard(id: string): void;
}

/**
 * Shows messages in an element, and keeps the nodes of those that stay: a screen reader then
 * hears what is new and nothing else.
 */
export class Lines {
  readonly #shown = new Map<string, Shown>();
  readonly #day: Intl.DateTimeFormat;
  readonly #time: Intl.DateTimeFormat;
  readonly #today: Intl.RelativeTimeFormat;

  constructor(
    readonly node: HTMLElement,
    readonly words: Words,
    lang: string,
    readonly mending?: Mending,
  ) {
    this.#day = new Intl.DateTimeFormat(lang, { dateStyle: "long" });
    this.#time = new Intl.DateTimeFormat(lang, { timeStyle: "short" });
    this.#today = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
  }

  /** Shows these messages, then these items. */
  update(messages: Message[], items: Item[] = [], live = false) {
    const { words } = this;
    const inLog = new Set(messages.map(({ id }) => id));
    const lines: Line[] = messages.map((message) => ({
      id: message.id,
      who: message.sender_type,
      name: message.sender_name,
      content: message.event
        ? words[message.event === "closed" ? "ended" : "reopened"]
        : message.content,
      at: new Date(message.created_at),
      ...(message.sender_type === "customer" && { mark: message.is_read ? "read" : "sent" }),
    }));
    for (const { id, content, at, refused } of items) {
      if (inLog.has(id)) continue;
      lines.push({
        id,
        who: "customer",
        name: "",
        content,
        at: new Date(at),
        mark: live ? "sending" : "waiting",
        refused,
      });
    }
    let place = this.node.firstChild;
    const put = (node: Node) => {
      if (node === place) place = node.nextSibling;
      else this.node.insertBefore(node, place);
    };
    const kept = new Set<string>();
    let day = "";
    let before: Line | undefined;
    for (const line of lines) {
      const today = this.#dayOf(line.at);
      if (today !== day) {
        day = today;
        kept.add(day);
        put(this.#show(day, () => h("div", { class: "day" }, day)).node);
        before = undefined;
      }
      kept.add(line.id);
      const shown = this.#show(line.id, () => this.#make(line));
      const follows = before?.who === line.who && before.name === line.name;
      shown.node.classList.toggle("follows", follows);
      this.#mark(shown, line);
      put(shown.node);
      before = line;
    }
    for (const [key, { node }] of this.#shown) {
      if (kept.has(key)) continue;
      node.remove();
      this.#shown.delete(key);
    }
  }

  #show(key: string, make: () => HTMLElement): Shown {
    let shown = this.#shown.get(key);
    if (!shown) {
      shown = { node: make(), mark: h("span", { class: "mark", "aria-live": "off" }) };
      this.#shown.set(key, shown);
    }
    return shown;
  }

  #make({ who, name, content, at }: Line): HTMLElement {
    if (who === "system") return h("div", { class: "note" }, content);
    const text = h("div", { class: "text", dir: "auto" });
    for (const { text: piece, href } of pieces(content)) {
      text.append(
        href
          ? h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, piece)
          : piece,
      );
    }
    return h(
      "div",
      { class: `line ${who}` },
      who === "admin" && h("div", { class: "name", dir: "auto" }, name),
      text,
      h("div", { class: "meta" }, h("time", { datetime: at.toISOString() }, this.#time.format(at))),
    );
  }

  #mark(shown: Shown, { id, mark, refused }: Line) {
    const state = refused ?? mark;
    if (!state || state === shown.marked) return;
    shown.marked = state;
    shown.node.querySelector(".meta")?.append(shown.mark);
    shown.node.classList.toggle("refused", !!refused);
    const { words, mending } = this;
    if (refused) {
      shown.mark.replaceChildren(
        h("span", { role: "alert" }, refused),
        h("button", { type: "button", click: () => mending?.edit(id) }, words.edit),
        h("button", { type: "button", click: () => mending?.discard(id) }, words.discard),
      );
    } else if (mark) {
      shown.mark.dataset.mark = mark;
      shown.mark.replaceChildren(
        icon(mark === "read" ? TICKS : mark === "sent" ? TICK : CLOCK),
        h("span", { class: mark === "waiting" ? "" : "unseen" }, words[mark]),
      );
    }
  }

  #dayOf(at: Date): string {
    const ago = Math.round(
      (new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 864e5,
    );
    return ago === 0 || ago === 1 ? this.#today.format(-ago, "day") : this.#day.format(at);
  }
}
