import type { Message } from "../shared/protocol";
import { isBlank } from "../shared/text";
import * as conversation from "./conversation";
import { keepAboveKeyboard, keepFocusInside, setText } from "./dialog";
import { h, host, icon, labels, texts } from "./host";
import type { Chat } from "./interfaces";
import { makeMessageList } from "./message-list";
import { makePrechatForm } from "./prechat-form";

const MINIMIZE = "M6 9l6 6 6-6";
const HISTORY = "M12 7v5l3 2M3 12a9 9 0 1 0 3-7L3 8V3";
const BACK = "M15 6l-6 6 6 6";
const SEND = "M5 12l15-8-5 16-4-7z";
/** A distance from the end of the log that still counts as the end. */
const NEAR_PX = 60;

/**
 * The dialog that shows the conversation: first its elements, then what they do. `update` renders
 * the state of `conversation.ts`. It is one function because its parts share the elements, and
 * modules or objects between them cost bytes of the size budget.
 */
export function makeView(): Chat {
  const { button, tagData: data, lang } = host;
  const title = button.ariaLabel!;
  const greeting = data.greeting || texts.hello;
  let isOpen = false;
  let unread = 0;
  /** What this widget has put before the page's title. */
  let titlePrefix = "";
  /** An error to show until the next keystroke. */
  let problem = "";
  /** The list of earlier conversations is shown. */
  let showsEarlier = false;
  /** The further file, once it was needed. */
  let more: typeof import("./more") | undefined;
  /** The seq of the first message shown. */
  let firstSeq = 0;

  const iconButton = (name: string, path: string, onclick: (event: Event) => void) =>
    h("button", { title: name, onclick }, icon(path));

  const form = makePrechatForm(greeting, (details) => {
    conversation.begin(details);
    update();
    focus();
  });
  const box = h("div");
  const log = h(
    "div.log",
    { role: "log", tabindex: "0", "aria-label": title, onscroll: onScroll },
    h("div.text", { dir: "auto" }, greeting),
    box,
  );
  const showMessages = makeMessageList(box, ({ id, content }) => {
    text.value += (text.value && "\n") + content;
    conversation.outbox.settle(id);
    onInput();
    text.focus();
  });
  const newer = h("button.newer", { onclick: scrollToEnd }, texts.newer);
  const typing = h("div.typing", { dir: "auto" });
  const newButton = h("button.wide", { onclick: conversation.beginNew }, texts.beginNew);
  const notice = h("p.notice", { role: "alert" });
  const text = h("textarea", {
    rows: 1,
    "aria-label": texts.yourMessage,
    placeholder: texts.yourMessage,
    dir: "auto",
    enterkeyhint: "send",
    oninput() {
      onInput();
      if (text.value) conversation.sendTyping();
    },
  });
  const status = h("span", { role: "status" });
  const endButton = h(
    "button",
    {
      onclick() {
        problem = conversation.end() ? "" : texts.failed;
        update();
        text.focus();
      },
    },
    texts.end,
  );
  const pane = h(
    "div.chat",
    {},
    log,
    newer,
    typing,
    newButton,
    h("form", {}, text, iconButton(texts.send, SEND, send)),
    h("div.foot", {}, status, endButton),
  );
  const list = h("div.intro", { tabindex: "0" });
  const presence = h("small", { dir: "auto", "aria-live": "polite" });
  const earlierButton = iconButton(texts.earlier, HISTORY, listRooms);
  const backButton = iconButton(texts.back, BACK, () => {
    showsEarlier = false;
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
      onkeydown: onKey,
      onpointerdown: conversation.sync,
    },
    h(
      "header",
      {},
      earlierButton,
      backButton,
      h("div", {}, h("strong", { dir: "auto" }, title), presence),
      iconButton(texts.minimize, MINIMIZE, close),
    ),
    form,
    list,
    pane,
    notice,
  );
  keepAboveKeyboard(panel);
  host.frame.append(panel);
  conversation.start(update, onAgentMessage, clear);
  text.value = conversation.draft();
  conversation.resume();

  return {
    open() {
      conversation.sync();
      if (isOpen) return focus();
      show(true);
      if (data.prechat === "off" || data.token || host.jwt || conversation.chat.details)
        conversation.begin();
      update();
      scrollToEnd();
      update();
      focus();
      host.emit("open");
    },
    close,
    identify: (jwt) => conversation.identify(jwt, isOpen),
    async reset(token) {
      close();
      await conversation.reset(token);
    },
    forget: conversation.forget,
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
    host.emit("close");
  }

  function onAgentMessage(message: Message) {
    host.emit("message", message);
    if (!isVisible() && data.sound === "on") loadMore().then(({ chime }) => chime());
  }

  async function loadMore() {
    more ??= await import(/* @vite-ignore */ import.meta.url.replace("s/chat", "s/more"));
    return more!;
  }

  function isVisible() {
    return isOpen && !document.hidden;
  }

  /** Whether the newest message is visible. */
  function atEnd() {
    return !pane.hidden && log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
  }

  /** Focuses the field to write in; on a phone only the dialog, so that no keyboard opens. */
  function focus() {
    const field = pane.hidden ? form.querySelector("input") : text;
    (matchMedia("(pointer: coarse)").matches ? panel : field)?.focus();
  }

  /**
   * Empties the fields and the list. It does not read the storage: while another tab clears that,
   * this one may see the chat gone and the draft still there.
   */
  function clear() {
    showsEarlier = false;
    list.replaceChildren();
    form.reset();
    text.value = "";
    text.style.height = "";
  }

  /** Renders the conversation as it is now, and the number of unread messages. */
  function update() {
    if (isVisible() && atEnd()) conversation.markRead();
    const { state } = conversation.connection;
    const closed = conversation.room?.status === "closed";
    form.hidden = conversation.begun || showsEarlier;
    pane.hidden = !conversation.begun || showsEarlier;
    list.hidden = backButton.hidden = !showsEarlier;
    earlierButton.hidden = showsEarlier || !conversation.chat.token;
    setText(
      presence,
      conversation.room &&
        (conversation.agentsOnline
          ? state !== "offline" && texts.here
          : data.awayText || more?.backText(conversation.backAt, lang) || texts.away),
    );
    setText(status, conversation.begun && !conversation.refusal && labels[state]);
    status.dataset.state = state;
    setText(typing, conversation.typist && texts.isTyping.replace("{}", conversation.typist));
    endButton.hidden = !conversation.room || closed;
    newButton.hidden = !closed;
    setText(
      notice,
      conversation.refusal
        ? conversation.refusal.status === 401
          ? texts.signIn
          : conversation.refusal.message
        : problem,
    );
    if (!pane.hidden) showLog(state === "connected");
    if (more) more.show(host, newButton, conversation.log, conversation.call);
    else if (closed || conversation.backAt || box.querySelector(".mail"))
      loadMore().then(update, () => {});
    const count = conversation.unread();
    if (count === unread) return;
    unread = count;
    // Read out after the button's name, which stays as it is, and shown by the style sheet.
    button.ariaDescription = (count || null) as string | null;
    host.emit("unread", count);
    const { title } = document;
    // The page may have changed its title meanwhile.
    const plain = title.slice(title.startsWith(titlePrefix) ? titlePrefix.length : 0);
    titlePrefix = count ? `(${count}) ` : "";
    document.title = titlePrefix + plain;
  }

  function showLog(live: boolean) {
    const wasAtEnd = atEnd();
    const { scrollHeight } = log;
    const { lastChild } = box;
    const firstBefore = firstSeq;
    firstSeq = conversation.log.firstSeq;
    // A screen reader reads what comes from now on, not the whole history.
    log.ariaLive = live ? "polite" : "off";
    showMessages(conversation.log.messages, conversation.unsent());
    if (wasAtEnd) scrollToEnd();
    else {
      if (box.lastChild !== lastChild) newer.hidden = false;
      if (firstSeq < firstBefore) log.scrollTop += log.scrollHeight - scrollHeight;
    }
  }

  function scrollToEnd() {
    log.scrollTop = log.scrollHeight;
    newer.hidden = true;
  }

  function onScroll() {
    if (log.scrollTop < NEAR_PX) conversation.loadOlder();
    if (atEnd()) {
      newer.hidden = true;
      conversation.markRead();
    }
  }

  function onInput() {
    problem = "";
    conversation.sync();
    conversation.saveDraft(text.value);
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 2}px`;
  }

  function send(event: Event) {
    event.preventDefault();
    const content = text.value.trim();
    const length = [...content].length;
    if (isBlank(content)) return;
    if (length > conversation.maxContent) {
      problem = `${length} / ${conversation.maxContent}`;
    } else {
      conversation.post(content);
      text.value = "";
      onInput();
    }
    update();
    scrollToEnd();
  }

  async function listRooms() {
    showsEarlier = true;
    const rooms = await (await loadMore()).rooms(
      host,
      conversation.openRoom,
      backButton,
      conversation.call,
    );
    // The visitor may have gone back or signed out meanwhile.
    if (!showsEarlier) return;
    list.replaceChildren(...rooms);
    update();
    list.focus();
  }

  function onKey(event: KeyboardEvent) {
    conversation.sync();
    if (event.target === text && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      send(event);
    }
    if (event.key === "Escape") {
      event.stopPropagation();
      if (showsEarlier) backButton.click();
      else close();
    }
    keepFocusInside(panel, event);
  }
}
