/**
 * The chat, fetched when it is first needed: opens and closes the dialog, and joins the
 * conversation to what shows it.
 */
import { converse } from "./conversation";
import { use } from "./kit";
import { language, translation } from "./language";
import type { Chat, Shell } from "./shell";
import { chime } from "./sound";
import css from "./style.css?inline";
import { makeView } from "./view";

export async function start(shell: Shell): Promise<Chat> {
  const { data, frame, button, root } = shell;
  const lang = language(data);
  const words = await translation(lang);
  use(shell);
  shell.dress(root, css);
  frame.lang = lang;
  frame.dir = lang === "ar" ? "rtl" : "ltr";

  let isOpen = false;
  let unread = 0;
  const seen = () => isOpen && document.visibilityState === "visible";

  const update = () => {
    if (seen() && view.atEnd()) talk.look();
    view.update();
    if (talk.unread !== unread) {
      unread = talk.unread;
      shell.badge(unread);
      shell.emit("unread", unread);
      document.title = (unread ? `(${unread}) ` : "") + document.title.replace(/^\(\d+\) /, "");
    }
  };
  let queued = false;
  /** Once for all that happens in one go. */
  const later = () => {
    if (!queued)
      queueMicrotask(() => {
        queued = false;
        update();
      });
    queued = true;
  };
  const talk = converse(shell, later, (message) => {
    shell.emit("message", message);
    if (!seen() && data.sound === "on") chime();
  });

  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    view.panel.hidden = true;
    button.hidden = false;
    button.setAttribute("aria-expanded", "false");
    button.focus();
    shell.emit("close");
  };
  const view = makeView(shell, talk, words, lang, close);
  frame.append(view.panel);
  document.addEventListener("visibilitychange", update);

  return {
    open() {
      if (isOpen) return view.focus();
      isOpen = true;
      view.panel.hidden = false;
      button.hidden = true;
      button.setAttribute("aria-expanded", "true");
      if (data.prechat === "off" || shell.identity || talk.session.details) talk.begin();
      view.update();
      view.toEnd();
      update();
      view.focus();
      shell.emit("open");
    },
    close,
    identify: (jwt) => talk.identify(jwt, isOpen),
    async reset() {
      close();
      await talk.reset();
    },
  };
}
