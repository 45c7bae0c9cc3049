/**
 * `/widget.js`: the button on the shop's page, and `window.shoptalk`.
 *
 * All that a page pays before somebody wants to talk. It stores and connects nothing; the chat
 * itself is fetched at the first click, or at once for a visitor with an open conversation or
 * unsent text, and for one whom the shop identifies.
 */
import { h, icon } from "./dom";
import { type Api, type Chat, type EventName, SESSION, type Shell } from "./interfaces";
import css from "./launcher.css?inline";

/** The English chat's file, with a hash of all of them; filled in by the build. */
declare const __APP__: string;

declare global {
  interface Window {
    shoptalk?: Api;
  }
  interface HTMLElementTagNameMap {
    "shoptalk-chat": HTMLElement;
  }
}

/** The languages that there are. */
const LANGUAGE = /(?:^|,)(ar|de|en|es|fr)/i;
/** The one word needed before a translation is loaded. */
const WORD: Record<string, string> = { ar: "دردشة" };
const BUBBLE = "M21 12a8.5 8.5 0 0 1-12.6 7.4L3 21l1.6-5A8.5 8.5 0 1 1 21 12ZM8 10h8M8 14h5";

function launch({ src, dataset: data }: HTMLScriptElement) {
  const base = new URL(src).origin;
  // Elements with the id or name "shoptalk" are properties of the window, too, but not its own.
  if (Object.hasOwn(window, "shoptalk")) {
    // A page may run the same tag again: each time that it swaps its body, for one.
    if (window.shoptalk?.server !== base) console.warn(`shoptalk: ignored ${src}`);
    return;
  }
  const keys = `shoptalk:${base}:`;
  const listeners: Partial<Record<EventName, Set<(detail: unknown) => void>>> = {};
  let loading: Promise<Chat> | undefined;
  let shelf: Shell["shelf"] = {};
  let channel: BroadcastChannel | undefined;
  try {
    channel = new BroadcastChannel(keys);
    // Another tab signed out; this one may have stored nothing by which it could tell.
    channel.onmessage = async () => {
      shell.identity = undefined;
      (await loading)?.forget();
    };
    shelf = localStorage || shelf;
  } catch {
    // A browser that keeps nothing: what there is lives as long as the page.
  }
  const ours = () =>
    Object.keys(shelf)
      .filter((key) => key.startsWith(keys))
      .sort();

  const host = h("shoptalk-chat", { "data-side": data.side });
  const root = host.attachShadow({ mode: "open" });
  // Style sheets of this kind are nothing that a page's policy could forbid.
  const dress = (text: string) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    root.adoptedStyleSheets.push(sheet);
  };
  const wished = [data.locale, document.documentElement.lang, ...navigator.languages, "en"];
  const lang = LANGUAGE.exec(wished.join())![1]!.toLowerCase();
  const button = h(
    "button.launch",
    {
      "aria-label": data.title || WORD[lang] || "Chat",
      "aria-haspopup": "dialog",
      onclick: () => api.open().catch(console.error),
    },
    icon(BUBBLE),
    data.title,
  );
  const frame = h("div.frame", { lang, dir: lang === "ar" ? "rtl" : "ltr" }, button);
  // A colour that is missing or makes no sense changes nothing.
  if (CSS.supports("color", data.accent!)) frame.style.setProperty("--accent", data.accent!);
  frame.style.colorScheme = data.theme ?? "";
  root.append(frame);

  const shell: Shell = {
    base,
    keys,
    shelf,
    data,
    lang,
    frame,
    button,
    h,
    icon,
    dress,
    emit(event, detail) {
      for (const listener of listeners[event] ?? []) {
        // The shop's mistake is the shop's alone.
        try {
          listener(detail);
        } catch (error) {
          reportError(error);
        }
      }
    },
    clear() {
      // The session comes first and the newest message before older ones: another tab that sees
      // only a part of it gone sends nothing more.
      for (const key of ours().reverse()) delete shelf[key];
      channel?.postMessage(0);
    },
  };

  dress(css);

  const app = __APP__.replace("-", lang === "en" ? "-" : `-${lang}-`);
  /** The chat, loaded once; a failed load is tried again at the next wish. */
  const load = async () => {
    button.ariaBusy = "true";
    try {
      loading ??= import(/* @vite-ignore */ `${base}/${app}`).then((chat) => chat.start(shell));
      return await loading;
    } catch (error) {
      loading = undefined;
      throw error;
    } finally {
      button.ariaBusy = null;
    }
  };
  const api: Api = {
    server: base,
    async open() {
      (await load()).open();
    },
    async close() {
      (await loading)?.close();
    },
    async identify(jwt) {
      shell.identity = jwt;
      const chat = await load();
      // Unless somebody signed out meanwhile.
      if (shell.identity === jwt) await chat.identify(jwt);
    },
    async reset() {
      const token = /"token":"(.+?)"/.exec(shelf[keys + SESSION]!)?.[1];
      // At once: the page may go away, and the server may be out of reach.
      shell.clear();
      shell.identity = undefined;
      if (loading || token) {
        await load().then(
          (chat) => chat.reset(token),
          () => {},
        );
      }
    },
    on(event, listener) {
      listeners[event] ??= new Set();
      const all = listeners[event].add(listener);
      return () => all.delete(listener);
    },
  };
  window.shoptalk = api;
  // Some pages swap their body, or all that is in it. Not at once, since a page might insist.
  const watcher = new MutationObserver(() => setTimeout(put));
  const put = () => {
    if (!host.isConnected) document.body.append(host);
    watcher.observe(document.body, { childList: true });
  };
  watcher.observe(document.documentElement, { childList: true });
  put();
  // The conversation goes on, or something waits to be sent.
  if (ours().some((key) => /:out:|"open":true/.test(key + shelf[key]))) setTimeout(load, 1);
}

const script = document.currentScript as HTMLScriptElement | null;
if (!script?.src) {
  throw Error("shoptalk: must not be a module");
}
if (document.body) launch(script);
else addEventListener("DOMContentLoaded", () => launch(script));
