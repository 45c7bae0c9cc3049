/**
 * The chat, fetched when it is first needed: opens and closes the dialog, and joins the
 * conversation to what shows it.
 */
import { converse } from "./conversation";
import type { Words } from "./locales/en";
import type { Chat, Shell } from "./shell";
import { chime } from "./sound";
import css from "./style.css?inline";
import { makeView } from "./view";

/** The hash of all translations together; filled in by the build. */
declare const __WORDS__: string;

const LANGUAGES = ["ar", "de", "en", "es", "fr"];

/** The first of the tag's, the page's and the browser's languages that there is. */
function language({ locale = "" }: DOMStringMap): string {
  const wished = [locale, document.documentElement.lang, ...navigator.languages, "en"];
  return wished.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => LANGUAGES.includes(tag))!;
}

export async function start(shell: Shell): Promise<Chat> {
  const { data, frame, button, root } = shell;
  const lang = language(data);
  const file = `./${lang}-${__WORDS__}.js`;
  const words: Words = (await import(/* @vite-ignore */ file)).default;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets.push(sheet);
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
  const talk = converse(
    shell,
    () => later(update),
    (message) => {
      shell.emit("message", message);
      if (!seen() && data.sound === "on") chime();
    },
  );

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

let queued: (() => void) | undefined;

/** Once for all that happens in one go. */
function later(task: () => void) {
  if (!queued)
    queueMicrotask(() => {
      const run = queued;
      queued = undefined;
      run?.();
    });
  queued = task;
}
