import type { Message, Room } from "../shared/protocol";
import type { Conversation } from "./conversation";
import { h } from "./dom";
import { Lines } from "./lines";
import type { Words } from "./locales/en";

/** The visitor's earlier conversations: a list, and each to be read again. */
export class Past {
  readonly node = h("div", { class: "past", tabindex: 0, hidden: true });
  isOpen = false;
  #inRoom = false;

  constructor(
    readonly talk: Conversation,
    readonly words: Words,
    readonly lang: string,
  ) {}

  /** Opens the list, goes back to it, or closes. */
  toggle(changed: () => void) {
    if (this.isOpen && !this.#inRoom) this.isOpen = false;
    else {
      this.isOpen = true;
      this.#inRoom = false;
      this.#load(changed, async () => this.#list(await this.talk.rooms(), changed));
    }
  }

  /** Shows what `fill` brings, or that it failed. */
  async #load(changed: () => void, fill: () => Promise<void>) {
    try {
      await fill();
    } catch {
      this.node.replaceChildren(h("p", { class: "notice", role: "alert" }, this.words.failed));
    }
    changed();
  }

  #list(rooms: Room[], changed: () => void) {
    const { words, talk } = this;
    const date = new Intl.DateTimeFormat(this.lang, { dateStyle: "long", timeStyle: "short" });
    const earlier = rooms.filter(({ id, last_seq }) => id !== talk.session.room && last_seq);
    this.node.replaceChildren(
      h("h2", {}, words.earlier),
      ...earlier.map((room) =>
        h(
          "button",
          {
            type: "button",
            class: "room",
            click: () =>
              this.#load(changed, async () => this.#open(room, await talk.page(room.id))),
          },
          date.format(new Date(room.last_message_at ?? room.created_at)),
        ),
      ),
      earlier.length ? "" : h("p", {}, words.none),
    );
  }

  #open(room: Room, messages: Message[]) {
    this.#inRoom = true;
    const lines = new Lines(h("div", { class: "lines" }), this.words, this.lang);
    const older = h(
      "button",
      {
        type: "button",
        class: "quiet",
        click: async () => {
          messages.unshift(...(await this.talk.page(room.id, messages[0]?.seq)));
          show();
        },
      },
      "↑",
    );
    const show = () => {
      lines.update(messages);
      older.hidden = (messages[0]?.seq ?? 1) <= 1;
    };
    show();
    this.node.replaceChildren(older, lines.node);
    this.node.focus();
  }
}
