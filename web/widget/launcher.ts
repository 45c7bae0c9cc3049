/**
 * `/widget.js`: the button on the shop's page, and `window.shoptalk`.
 *
 * All that a page pays before somebody wants to talk. It stores and connects nothing; the chat
 * itself is fetched at the first click, or at once for a visitor with an open conversation.
 */
import { h, icon } from "./dom";
import css from "./launcher.css?inline";
import { type Api, type Chat, type EventName, SESSION, type Shell } from "./shell";

/** The chat's file, with the hash of its content; filled in by the build. */
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
  const keys = `shoptalk:${base}:`;
  const listeners: Partial<Record<EventName, Set<(detail: unknown) => void>>> = {};
  let loading: Promise<Chat> | undefined;

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
  const badge = h("span", { id: "badge", hidden: true });
  const button = h(
    "button.launch",
    {
      "aria-label": data.title || WORD[lang] || "Chat",
      // The name stays what it is; the count is said after it.
      "aria-describedby": "badge",
      "aria-haspopup": "dialog",
      onclick: () => api.open().catch(console.error),
    },
    icon(BUBBLE),
    data.title,
    badge,
  );
  const frame = h("div.frame", { lang, dir: lang === "ar" ? "rtl" : "ltr" }, button);
  // A colour that is missing or makes no sense changes nothing.
  if (CSS.supports("color", data.accent!)) frame.style.setProperty("--accent", data.accent!);
  frame.style.colorScheme = data.theme ?? "";
  root.append(frame);

  const shell: Shell = {
    base,
    keys,
    shelf: shelf(),
    data,
    lang,
    frame,
    button,
    h,
    icon,
    dress,
    emit(event, detail) {
      for (const listener of listeners[event] ?? []) listener(detail);
    },
    badge(unread) {
      // Drawn by the style, so that the button's words stay its name.
      badge.dataset.unread = `${unread}`;
      badge.hidden = !unread;
    },
  };

  dress(css);

  /** The chat, loaded once; a failed load is tried again at the next wish. */
  const load = async () => {
    button.ariaBusy = "true";
    try {
      loading ??= import(/* @vite-ignore */ `${base}/${__APP__}`).then((app) => app.start(shell));
      return await loading;
    } catch (error) {
      loading = undefined;
      throw error;
    } finally {
      button.ariaBusy = null;
    }
  };
  const kept = () => shell.shelf[keys + SESSION];
  /** The chat of a visitor who has opened it, now or before. */
  const begun = async () => (loading || kept() ? load() : undefined);

  /** How many answers wait for a signed visitor who has nothing in this browser. */
  const lookUp = async () => {
    const headers = { authorization: `Bearer ${shell.identity}` };
    const get = async (path: string) =>
      (await fetch(`${base}/api/chat/rooms/${path}`, { headers })).json();
    const [room] = (await get("?limit=1")).results;
    if (!room || room.last_seq <= room.customer_read_seq) return;
    const { results } = await get(`${room.id}/messages/?after=${room.customer_read_seq}`);
    shell.badge(
      results.filter((message: { sender_type: string }) => message.sender_type === "admin").length,
    );
  };

  const api: Api = {
    async open() {
      (await load()).open();
    },
    async close() {
      (await loading)?.close();
    },
    async identify(jwt) {
      shell.identity = jwt;
      const chat = await begun();
      await (chat ? chat.identify(jwt) : lookUp());
    },
    async reset() {
      shell.identity = undefined;
      shell.badge(0);
      await (await begun())?.reset();
    },
    on(event, listener) {
      listeners[event] ??= new Set();
      const all = listeners[event].add(listener);
      return () => all.delete(listener);
    },
  };
  window.shoptalk = api;
  document.body.append(host);
  if (kept()?.includes('"open":true')) setTimeout(load, 1);
}

function shelf() {
  try {
    return localStorage || {};
  } catch {
    return {};
  }
}

const script = document.currentScript as HTMLScriptElement;
if (!window.shoptalk) {
  if (document.body) launch(script);
  else addEventListener("DOMContentLoaded", () => launch(script));
}
