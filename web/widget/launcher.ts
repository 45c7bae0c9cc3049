/**
 * `/widget.js`: the button on the shop's page, and `window.shoptalk`.
 *
 * This is all that a page loads before a visitor opens the chat. It stores and connects nothing.
 * The chat (`app.ts`) is loaded at the first click, or at once for a visitor with an open
 * conversation or unsent messages, and for one whom the shop identifies.
 */
import { h, icon } from "./dom";
import { type Api, CHAT_KEY, type Chat, type EventName, type Host } from "./interfaces";
import css from "./launcher.css?inline";

/** The file of the English chat, with a hash over all languages; filled in by the build. */
declare const __APP__: string;
/**
 * What admins have set: attributes of the tag by name, and by language those that are texts. The
 * server fills it in (`src/http/pages/widget.rs`).
 */
declare const __SETTINGS__: Record<string, string | Record<string, string>>;

declare global {
  interface Window {
    shoptalk?: Api;
  }
  interface HTMLElementTagNameMap {
    "shoptalk-chat": HTMLElement;
  }
}

/** The supported languages. */
const LANGUAGE = /(?:^|,)(ar|de|en|es|fr)/i;
/** The button's label where it is not "Chat": needed before a translation is loaded. */
const BUTTON_LABELS: Record<string, string> = { ar: "دردشة" };
const BUBBLE = "M21 12a8.5 8.5 0 0 1-12.6 7.4L3 21l1.6-5A8.5 8.5 0 1 1 21 12ZM8 10h8M8 14h5";

function launch({ src, dataset }: HTMLScriptElement) {
  const base = new URL(src).origin;
  // Elements with the id or name "shoptalk" are properties of the window, but not own properties.
  if (Object.hasOwn(window, "shoptalk")) {
    // A page may run the same tag again, for example each time that it replaces its body.
    if (window.shoptalk?.server !== base) console.warn(`shoptalk: ignored ${src}`);
    return;
  }
  const keyPrefix = `shoptalk:${base}:`;
  const listeners: Partial<Record<EventName, Set<(detail: unknown) => void>>> = {};
  let loading: Promise<Chat> | undefined;
  let storageArea: Host["storageArea"] = {};
  let channel: BroadcastChannel | undefined;
  try {
    channel = new BroadcastChannel(keyPrefix);
    // Another tab signed out. This one may have nothing stored, so no storage event either.
    channel.onmessage = async () => {
      host.jwt = undefined;
      (await loading)?.forget();
    };
    storageArea = localStorage || storageArea;
  } catch {
    // The browser refuses its storage: everything lives as long as the page.
  }
  const ownKeys = () =>
    Object.keys(storageArea)
      .filter((key) => key.startsWith(keyPrefix))
      .sort();

  const languages = [dataset.locale, document.documentElement.lang, ...navigator.languages, "en"];
  const lang = LANGUAGE.exec(languages.join())![1]!.toLowerCase();
  const own = __SETTINGS__[lang] as object;
  const data = { ...__SETTINGS__, ...own, ...dataset } as DOMStringMap;
  const element = h("shoptalk-chat", { "data-side": data.side });
  const root = element.attachShadow({ mode: "open" });
  // A constructed style sheet, which no policy of the page forbids.
  const addStyle = (text: string) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    root.adoptedStyleSheets.push(sheet);
  };
  const button = h(
    "button.launch",
    {
      "aria-label": data.title || BUTTON_LABELS[lang] || "Chat",
      "aria-haspopup": "dialog",
      onclick: () => api.open().catch(console.error),
    },
    icon(BUBBLE),
    data.title,
  );
  const frame = h("div.frame", { lang, dir: lang === "ar" ? "rtl" : "ltr" }, button);
  // A missing or invalid colour changes nothing.
  if (CSS.supports("color", data.accent!)) frame.style.setProperty("--accent", data.accent!);
  frame.style.colorScheme = data.theme ?? "";
  root.append(frame);

  const host: Host = {
    base,
    keyPrefix,
    storageArea,
    tagData: data,
    lang,
    frame,
    button,
    h,
    icon,
    addStyle,
    emit(event, detail) {
      for (const listener of listeners[event] ?? []) {
        // A listener that throws must not stop the chat.
        try {
          listener(detail);
        } catch (error) {
          reportError(error);
        }
      }
    },
    clear() {
      // In reverse order the chat goes first and newer messages before older ones: another tab
      // that sees only a part of this sends nothing more.
      for (const key of ownKeys().reverse()) delete storageArea[key];
      channel?.postMessage(0);
    },
  };

  addStyle(css);

  const app = __APP__.replace("-", lang === "en" ? "-" : `-${lang}-`);
  /** Loads the chat once; after a failure, the next call tries again. */
  const load = async () => {
    button.ariaBusy = "true";
    try {
      loading ??= import(/* @vite-ignore */ `${base}/${app}`).then((chat) => chat.start(host));
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
      host.jwt = jwt;
      const chat = await load();
      // The visitor may have signed out meanwhile.
      if (host.jwt === jwt) await chat.identify(jwt);
    },
    async reset() {
      const token = /"token":"(.+?)"/.exec(storageArea[keyPrefix + CHAT_KEY]!)?.[1] || data.token;
      delete data.token;
      // First, since the page may end and the server may be unreachable.
      host.clear();
      host.jwt = undefined;
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
  // Some pages replace their body or its content. Delayed, since a page might remove it again.
  const observer = new MutationObserver(() => setTimeout(attach));
  const attach = () => {
    if (!element.isConnected) document.body.append(element);
    observer.observe(document.body, { childList: true });
  };
  observer.observe(document.documentElement, { childList: true });
  attach();
  // There is an open conversation, or an unsent message.
  if (ownKeys().some((key) => /:out:|"open":true/.test(key + storageArea[key])))
    setTimeout(load, 1);
}

const script = document.currentScript as HTMLScriptElement | null;
if (!script?.src) {
  throw Error("shoptalk: is a module");
}
if (document.body) launch(script);
else addEventListener("DOMContentLoaded", () => launch(script));
