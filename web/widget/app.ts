/**
 * The chat, fetched when it is first needed: opens and closes the dialog, and joins the
 * conversation to what shows it.
 */
import { converse } from "./conversation";
import { use } from "./kit";
import type { Words } from "./locales/en";
import type { Chat, Shell } from "./shell";
import { chime } from "./sound";
import css from "./style.css?inline";
import { makeView } from "./view";

/** The hash in the names of the translations' files; filled in by the build. */
declare const __WORDS__: string;

export async function start(shell: Shell): Promise<Chat> {
  const { data, lang, frame, button } = shell;
  const { default: words }: { default: Words } = await import(
    /* @vite-ignore */ `./${lang}-${__WORDS__}.js`
  );
  use(shell);
  shell.dress(css);

  let isOpen = false;
  let unread = 0;
  const seen = () => isOpen && !document.hidden;

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

  const show = (shown: boolean) => {
    isOpen = shown;
    view.panel.hidden = !shown;
    button.hidden = shown;
  };
  const close = () => {
    if (!isOpen) return;
    show(false);
    button.focus();
    shell.emit("close");
  };
  const view = makeView(shell, talk, words, close);
  frame.append(view.panel);
  document.addEventListener("visibilitychange", update);

  return {
    open() {
      if (isOpen) return view.focus();
      show(true);
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
      const ended = talk.reset();
      view.discard();
      await ended;
    },
  };
}
