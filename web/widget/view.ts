import type { Conversation } from "./conversation";
import { attribute, h, icon } from "./dom";
import { Lines } from "./lines";
import type { Words } from "./locales/en";
import { Past } from "./past";
import { prechat } from "./prechat";
import type { Shell } from "./shell";

const DOWN = "M6 9l6 6 6-6";
const PAST = "M12 7v5l3 2M3 12a9 9 0 1 0 3-6.7L3 8M3 3v5h5";
const BACK = "M15 6l-6 6 6 6";
const SEND = "M4 12l16-8-6 16-3-7zM11 13l9-9";
/** That close to the end of the log counts as the end. */
const NEAR_PX = 60;

/** The dialog: what the visitor sees of the conversation. */
export class View {
  readonly panel: HTMLElement;
  readonly #talk: Conversation;
  readonly #words: Words;
  readonly #lines: Lines;
  readonly #past: Past;
  readonly #intro: HTMLElement;
  readonly #chat: HTMLElement;
  readonly #log: HTMLElement;
  readonly #text: HTMLTextAreaElement;
  readonly #status: HTMLElement;
  readonly #presence: HTMLElement;
  readonly #typing: HTMLElement;
  readonly #notice: HTMLElement;
  readonly #again: HTMLElement;
  readonly #end: HTMLElement;
  readonly #newer: HTMLElement;
  readonly #pastButton: HTMLElement;
  readonly #form: ReturnType<typeof prechat>;
  readonly #away: string;
  #problem = "";
  #wasPast = false;

  constructor(shell: Shell, talk: Conversation, words: Words, lang: string, close: () => void) {
    const { data } = shell;
    this.#talk = talk;
    this.#words = words;
    this.#away = data.awayText || words.away;
    const title = data.title || words.chat;
    const button = (name: string, path: string, click: () => void) =>
      h(
        "button",
        { type: "button", class: "icon", "aria-label": name, title: name, click },
        icon(path),
      );

    this.#form = prechat(words, data, (details) => {
      talk.begin(details);
      this.update();
      this.focus();
    });
    this.#intro = this.#form.node;

    this.#log = h("div", {
      class: "log",
      role: "log",
      tabindex: 0,
      "aria-label": title,
      scroll: () => this.#scrolled(),
    });
    this.#lines = new Lines(h("div", { class: "lines" }), words, lang, {
      edit: (id) => {
        this.#text.value = [talk.outbox.discard(id), this.#text.value].filter(Boolean).join("\n");
        this.#typed();
        this.#text.focus();
      },
      discard: (id) => void talk.outbox.discard(id),
    });
    this.#log.append(
      h("p", { class: "hello", dir: "auto" }, data.greeting || words.hello),
      this.#lines.node,
    );
    this.#typing = h("div", { class: "typing", hidden: true });
    this.#newer = h(
      "button",
      { type: "button", class: "newer", hidden: true, click: () => this.#toEnd() },
      words.newer,
    );
    this.#notice = h("p", { class: "notice", role: "alert" });
    this.#again = h(
      "button",
      { type: "button", class: "wide", hidden: true, click: () => talk.anew() },
      words.again,
    );
    this.#text = h("textarea", {
      rows: 1,
      "aria-label": words.message,
      placeholder: words.message,
      dir: "auto",
      enterkeyhint: "send",
      input: () => {
        this.#typed();
        if (this.#text.value) talk.type();
      },
      keydown: (event: KeyboardEvent) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        this.#send();
      },
    });
    this.#text.value = talk.draft;
    this.#status = h("span", { role: "status" });
    this.#end = h(
      "button",
      { type: "button", class: "quiet", click: () => this.#endTalk() },
      words.end,
    );
    this.#chat = h(
      "div",
      { class: "chat" },
      h("div", { class: "frame-log" }, this.#log, this.#newer),
      this.#typing,
      this.#again,
      this.#notice,
      h(
        "form",
        {
          class: "composer",
          submit: (event: Event) => {
            event.preventDefault();
            this.#send();
          },
        },
        this.#text,
        h("button", { class: "send", "aria-label": words.send, title: words.send }, icon(SEND)),
      ),
      h("div", { class: "foot" }, this.#status, this.#end),
    );

    this.#past = new Past(talk, words, lang);
    this.#presence = h("span", { class: "presence", dir: "auto" });
    this.#pastButton = button(words.earlier, PAST, () => this.#togglePast());
    this.panel = h(
      "div",
      {
        class: "panel",
        role: "dialog",
        "aria-label": title,
        tabindex: -1,
        hidden: true,
        keydown: (event: KeyboardEvent) => this.#key(event, close),
      },
      h(
        "header",
        {},
        this.#pastButton,
        h("div", {}, h("strong", { dir: "auto" }, title), this.#presence),
        button(words.minimize, DOWN, close),
      ),
      this.#intro,
      this.#chat,
      this.#past.node,
    );
    this.#keyboard();
  }

  /** Whether the newest message is in sight. */
  get atEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    return !this.#chat.hidden && scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  /** Puts the caret where the visitor goes on; on a phone without calling up its keyboard. */
  focus() {
    const field = this.#intro.hidden ? this.#text : this.#intro.querySelector("input");
    if (matchMedia("(pointer: coarse)").matches || !field?.checkVisibility()) this.panel.focus();
    else field.focus();
  }

  /** Shows the conversation as it is now. */
  update() {
    if (this.panel.hidden) return;
    const talk = this.#talk;
    const words = this.#words;
    const { state, room, session, typist } = talk;
    const isPast = this.#past.isOpen;
    const begun = !!(state || session.room || session.details || talk.signedOut);
    this.#intro.hidden = begun || isPast;
    this.#chat.hidden = !begun || isPast;
    this.#past.node.hidden = !isPast;
    this.#pastButton.hidden = !session.token;
    if (isPast !== this.#wasPast) {
      this.#wasPast = isPast;
      const name = isPast ? words.back : words.earlier;
      attribute(this.#pastButton, "aria-label", name);
      attribute(this.#pastButton, "title", name);
      this.#pastButton.replaceChildren(icon(isPast ? BACK : PAST));
    }
    say(this.#presence, room ? (talk.agentsOnline ? words.here : this.#away) : "");
    this.#presence.classList.toggle("here", talk.agentsOnline);
    say(this.#status, state ? words[state] : "");
    this.#status.dataset.state = state ?? "";
    say(this.#typing, typist ? words.typing.replace("{}", typist) : "");
    this.#typing.hidden = !typist;
    this.#end.hidden = !room || room.status === "closed";
    this.#again.hidden = room?.status !== "closed";
    if (talk.trouble?.problem.errors) this.#form.refuse(talk.trouble.problem.errors);
    say(
      this.#notice,
      talk.signedOut ? words.signIn : this.#problem || (!state && talk.trouble?.message) || "",
    );
    this.#showLines(state === "connected");
  }

  #showLines(live: boolean) {
    const talk = this.#talk;
    const { atEnd } = this;
    const log = this.#log;
    const [height, first] = [log.scrollHeight, this.#lines.node.querySelector("[class^=line]")];
    const count = this.#lines.node.childElementCount;
    // Read out what comes from now on, not the whole history.
    attribute(log, "aria-live", live ? "polite" : "off");
    this.#lines.update(talk.log.messages, talk.waiting, live);
    if (atEnd) this.#toEnd();
    else if (first && first !== this.#lines.node.querySelector("[class^=line]")) {
      log.scrollTop += log.scrollHeight - height;
    } else if (this.#lines.node.childElementCount > count) this.#newer.hidden = false;
  }

  #toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#newer.hidden = true;
  }

  #scrolled() {
    if (this.#log.scrollTop < NEAR_PX) this.#talk.older();
    if (this.atEnd) {
      this.#newer.hidden = true;
      if (document.visibilityState === "visible") this.#talk.look();
    }
  }

  #typed() {
    this.#problem = "";
    const text = this.#text;
    try {
      this.#talk.draft = text.value;
    } catch {
      this.#problem = this.#words.full;
    }
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight}px`;
  }

  #send() {
    const content = this.#text.value.trim();
    const extra = [...content].length - this.#talk.maxContent;
    if (!content) return;
    if (extra > 0) {
      this.#problem = this.#words.long.replace("{}", `${extra}`);
    } else {
      try {
        this.#talk.post(content);
        this.#text.value = "";
        this.#text.style.height = "auto";
        this.#problem = "";
      } catch {
        this.#problem = this.#words.full;
      }
    }
    this.update();
    this.#toEnd();
  }

  #endTalk() {
    this.#problem = this.#talk.end() ? "" : this.#words.failed;
    this.update();
    this.#text.focus();
  }

  #togglePast() {
    this.#past.toggle(() => this.update());
    this.update();
  }

  #key(event: KeyboardEvent, close: () => void) {
    if (event.key === "Escape") {
      event.stopPropagation();
      if (this.#past.isOpen) this.#togglePast();
      else close();
    }
    if (event.key !== "Tab") return;
    const stops = [
      ...this.panel.querySelectorAll<HTMLElement>("button,input,textarea,a[href],[tabindex='0']"),
    ].filter((node) => node.checkVisibility());
    const root = this.panel.getRootNode() as ShadowRoot;
    const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
    if (root.activeElement === from || (event.shiftKey && root.activeElement === this.panel)) {
      event.preventDefault();
      to?.focus();
    }
  }

  /** On a phone the dialog is as high as what the keyboard leaves of the screen. */
  #keyboard() {
    const { style } = this.panel;
    const screen = visualViewport;
    const follow = () => {
      if (!screen) return;
      style.setProperty("--height", `${screen.height}px`);
      style.setProperty("--top", `${screen.offsetTop}px`);
      if (this.atEnd) this.#toEnd();
    };
    screen?.addEventListener("resize", follow);
    screen?.addEventListener("scroll", follow);
    follow();
  }
}

/** Changes text only when it is another, so that a screen reader says it once. */
function say(node: HTMLElement, text: string) {
  if (node.textContent !== text) node.textContent = text;
}
