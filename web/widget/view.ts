import type { Message } from "../shared/protocol";
import { isBlank } from "../shared/text";
import * as talk from "./conversation";
import { h, icon, said, shell, words } from "./host";
import type { Chat } from "./interfaces";
import { lines } from "./message-list";
import { prechat } from "./prechat-form";
import { chime } from "./sound";

const DOWN = "M6 9l6 6 6-6";
const PAST = "M12 7v5l3 2M3 12a9 9 0 1 0 3-7L3 8V3";
const BACK = "M15 6l-6 6 6 6";
const SEND = "M5 12l15-8-5 16-4-7z";
/** That close to the end of the log counts as the end. */
const NEAR_PX = 60;

/** The dialog: what the visitor sees of the conversation, and whether they see it. */
export function makeView(): Chat {
  const { button, data, lang } = shell;
  const title = button.ariaLabel!;
  const greeting = data.greeting || words.hello;
  let isOpen = false;
  let unread = 0;
  /** What we have put before the page's title. */
  let mark = "";
  /** What did not work, until the next keystroke. */
  let problem = "";
  /** The list of conversations is shown. */
  let past = false;
  /** The seq of the first message shown. */
  let oldest = 0;

  const iconButton = (name: string, path: string, onclick: (event: Event) => void) =>
    h("button", { title: name, onclick }, icon(path));

  const intro = prechat(greeting, (details) => {
    talk.begin(details);
    update();
    focus();
  });
  const box = h("div");
  const log = h(
    "div.log",
    { role: "log", tabindex: "0", "aria-label": title, onscroll: scrolled },
    h("div.text", { dir: "auto" }, greeting),
    box,
  );
  const showLines = lines(box, (id) => {
    text.value += (text.value && "\n") + talk.outbox.discard(id);
    typed();
    text.focus();
  });
  const newer = h("button.newer", { onclick: toEnd }, words.newer);
  const typing = h("div.typing", { dir: "auto" });
  const again = h("button.wide", { onclick: talk.anew }, words.again);
  const notice = h("p.notice", { role: "alert" });
  const text = h("textarea", {
    rows: 1,
    "aria-label": words.yourMessage,
    placeholder: words.yourMessage,
    dir: "auto",
    enterkeyhint: "send",
    oninput() {
      typed();
      if (text.value) talk.type();
    },
  });
  const status = h("span", { role: "status" });
  const end = h(
    "button",
    {
      onclick() {
        problem = talk.end() ? "" : words.failed;
        update();
        text.focus();
      },
    },
    words.end,
  );
  const chat = h(
    "div.chat",
    {},
    log,
    newer,
    typing,
    again,
    h("form", {}, text, iconButton(words.sendIt, SEND, send)),
    h("div.foot", {}, status, end),
  );
  const list = h("div.intro", { tabindex: "0" });
  const presence = h("small", { dir: "auto" });
  const pastButton = iconButton(words.earlier, PAST, listRooms);
  const backButton = iconButton(words.back, BACK, () => {
    past = false;
    update();
    focus();
  });
  const panel = h(
    "div.panel",
    {
      role: "dialog",
      "aria-label": title,
      tabindex: -1,
      hidden: true,
      onkeydown: key,
      onpointerdown: talk.sync,
    },
    h(
      "header",
      {},
      pastButton,
      backButton,
      h("div", {}, h("strong", { dir: "auto" }, title), presence),
      iconButton(words.minimize, DOWN, close),
    ),
    intro,
    list,
    chat,
    notice,
  );
  keepAboveKeyboard();
  shell.frame.append(panel);
  talk.converse(update, arrived, discard);
  text.value = talk.draft();
  talk.resume();

  return {
    open() {
      talk.sync();
      if (isOpen) return focus();
      show(true);
      if (data.prechat === "off" || shell.identity || talk.session.details) talk.begin();
      update();
      toEnd();
      update();
      focus();
      shell.emit("open");
    },
    close,
    identify: (jwt) => talk.identify(jwt, isOpen),
    async reset(token) {
      close();
      await talk.reset(token);
    },
    forget: talk.forget,
  };

  function show(shown: boolean) {
    isOpen = shown;
    panel.hidden = !shown;
    button.hidden = shown;
  }

  function close() {
    if (!isOpen) return;
    show(false);
    button.focus();
    shell.emit("close");
  }

  function arrived(message: Message) {
    shell.emit("message", message);
    if (!seen() && data.sound === "on") chime();
  }

  function seen() {
    return isOpen && !document.hidden;
  }

  /** Whether the newest message is in sight. */
  function atEnd() {
    return !chat.hidden && log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
  }

  /** Puts the caret where the visitor goes on; on a phone without calling up its keyboard. */
  function focus() {
    const field = chat.hidden ? intro.querySelector("input") : text;
    (matchMedia("(pointer: coarse)").matches ? panel : field)?.focus();
  }

  /**
   * Forgets what was filled in, written or listed. Storage is not asked: where another tab clears
   * it, this one may see the session gone and the draft still there.
   */
  function discard() {
    past = false;
    list.replaceChildren();
    intro.reset();
    text.value = "";
    text.style.height = "";
  }

  /** Shows the conversation as it is now, and outside of it how many answers wait. */
  function update() {
    if (seen() && atEnd()) talk.look();
    const { state } = talk.connection;
    const closed = talk.room?.status === "closed";
    intro.hidden = talk.begun || past;
    chat.hidden = !talk.begun || past;
    list.hidden = !past;
    backButton.hidden = !past;
    pastButton.hidden = past || !talk.session.token;
    say(presence, talk.room && (talk.agentsOnline ? words.here : data.awayText || words.away));
    say(status, talk.begun && !talk.refusal && said[state]);
    status.dataset.state = state;
    say(typing, talk.typist && words.isTyping.replace("{}", talk.typist));
    end.hidden = !talk.room || closed;
    again.hidden = !closed;
    say(
      notice,
      talk.refusal ? (talk.refusal.status === 401 ? words.signIn : talk.refusal.message) : problem,
    );
    if (!chat.hidden) showLog(state === "connected");
    const count = talk.unread();
    if (count === unread) return;
    unread = count;
    // Said after the button's name, which stays what it is, and drawn by the style.
    button.ariaDescription = (count || null) as string | null;
    shell.emit("unread", count);
    const { title } = document;
    // The page may have changed its title meanwhile.
    const bare = title.slice(title.startsWith(mark) ? mark.length : 0);
    mark = count ? `(${count}) ` : "";
    document.title = mark + bare;
  }

  function showLog(live: boolean) {
    const wasAtEnd = atEnd();
    const { scrollHeight } = log;
    const { lastChild } = box;
    const before = oldest;
    oldest = talk.log.messages[0]?.seq ?? 0;
    // Read out what comes from now on, not the whole history.
    log.ariaLive = live ? "polite" : "off";
    showLines(talk.log.messages, talk.unsent());
    if (wasAtEnd) toEnd();
    else {
      if (box.lastChild !== lastChild) newer.hidden = false;
      if (oldest < before) log.scrollTop += log.scrollHeight - scrollHeight;
    }
  }

  function toEnd() {
    log.scrollTop = log.scrollHeight;
    newer.hidden = true;
  }

  function scrolled() {
    if (log.scrollTop < NEAR_PX) talk.older();
    if (atEnd()) {
      newer.hidden = true;
      talk.look();
    }
  }

  function typed() {
    problem = "";
    talk.sync();
    talk.keepDraft(text.value);
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 2}px`;
  }

  function send(event: Event) {
    event.preventDefault();
    const content = text.value.trim();
    const length = [...content].length;
    if (isBlank(content)) return;
    if (length > talk.maxContent) {
      problem = `${length} / ${talk.maxContent}`;
    } else {
      talk.post(content);
      text.value = "";
      typed();
    }
    update();
    toEnd();
  }

  async function listRooms() {
    past = true;
    const rooms = await talk.rooms().catch(() => []);
    // Whoever asked has gone back, or signed out.
    if (!past) return;
    const buttons = rooms.map(({ id, updated_at }) =>
      h(
        "button.room",
        {
          onclick() {
            talk.enter(id);
            backButton.click();
          },
        },
        new Date(updated_at).toLocaleString(lang, { dateStyle: "long", timeStyle: "short" }),
      ),
    );
    list.replaceChildren(
      h("h2", {}, words.earlier),
      ...(buttons.length ? buttons : [words.failed]),
    );
    update();
    list.focus();
  }

  function key(event: KeyboardEvent) {
    talk.sync();
    if (event.target === text && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      send(event);
    }
    if (event.key === "Escape") {
      event.stopPropagation();
      if (past) backButton.click();
      else close();
    }
    if (event.key !== "Tab") return;
    const stops = [...panel.querySelectorAll<HTMLElement>("*")].filter(
      (node) => node.tabIndex >= 0 && node.checkVisibility(),
    );
    const at = stops.indexOf(event.target as HTMLElement);
    const edge = event.shiftKey ? at < 1 : at === stops.length - 1;
    if (edge) {
      event.preventDefault();
      stops.at(event.shiftKey ? -1 : 0)?.focus();
    }
  }

  /** On a phone the dialog is as high as what the keyboard leaves of the screen. */
  function keepAboveKeyboard() {
    const screen = visualViewport!;
    const follow = () => {
      panel.style.cssText = `--height:${screen.height}px;--top:${screen.offsetTop}px`;
    };
    for (const type of ["resize", "scroll"]) screen.addEventListener(type, follow);
  }
}

/** Changes text only when it is another, so that a screen reader says it once. */
function say(node: HTMLElement, text: string | false | undefined) {
  text ||= "";
  if (node.textContent !== text) node.textContent = text;
}
