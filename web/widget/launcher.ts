/**
 * `/widget.js`: the button on the shop's page, and `window.shoptalk`.
 *
 * All that a page pays before somebody wants to talk. It stores and connects nothing; the chat
 * itself is fetched at the first click, or at once for a visitor with an open conversation.
 */
import css from "./launcher.css?inline";
import { type Api, type Chat, type EventName, SESSION, type Shell } from "./shell";

/** The chat's file, with the hash of its content; filled in by the build. */
declare const __APP__: string;

declare global {
  interface Window {
    shoptalk?: Api;
  }
}

/** The one word needed before a translation is loaded. */
const WORD: Record<string, string> = { ar: "دردشة" };
const BUBBLE =
  "M21 12a8.5 8.5 0 0 1-12.6 7.4L3.5 20.5l1.3-4.4A8.5 8.5 0 1 1 21 12ZM8.5 10.5h7M8.5 14h4.5";

function launch({ src, dataset: data }: HTMLScriptElement) {
  const base = new URL(src).origin;
  const keys = `shoptalk:${base}:`;
  const listeners: [EventName, (detail: unknown) => void][] = [];
  let chat: Promise<Chat> | undefined;

  const host = document.createElement("shoptalk-chat");
  const side = data.side === "left" ? "left" : "right";
  host.dataset.side = side;
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];
  const frame = document.createElement("div");
  frame.className = "frame";
  if (data.accent && CSS.supports("color", data.accent)) {
    frame.style.setProperty("--accent", data.accent);
  }
  if (data.theme) frame.style.colorScheme = data.theme;
  const button = document.createElement("button");
  button.className = "launch";
  button.type = "button";
  const language = (data.locale || document.documentElement.lang || navigator.language).slice(0, 2);
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(icon.namespaceURI, "path");
  path.setAttribute("d", BUBBLE);
  icon.append(path);
  const badge = document.createElement("span");
  badge.className = "badge";
  badge.id = "badge";
  badge.setAttribute("aria-hidden", "true");
  button.append(icon, data.title ?? "", badge);
  button.setAttribute("aria-label", data.title || WORD[language] || "Chat");
  // The name stays what it is; the count is said after it.
  button.setAttribute("aria-describedby", "badge");
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  frame.append(button);
  root.append(frame);

  const shell: Shell = {
    base,
    keys,
    data,
    root,
    frame,
    button,
    identity: undefined,
    emit(event, detail) {
      for (const [name, listener] of listeners) if (name === event) listener(detail);
    },
    badge(unread) {
      badge.textContent = unread ? `${unread}` : "";
    },
  };

  /** The chat, loaded once; a failed load is tried again at the next wish. */
  const load = () => {
    button.setAttribute("aria-busy", "true");
    chat ??= import(/* @vite-ignore */ `${base}/${__APP__}`).then((module) => module.start(shell));
    return chat.then(
      (loaded) => {
        button.removeAttribute("aria-busy");
        return loaded;
      },
      (error) => {
        chat = undefined;
        button.removeAttribute("aria-busy");
        throw error;
      },
    );
  };
  const kept = () => {
    try {
      return localStorage.getItem(keys + SESSION);
    } catch {
      return null;
    }
  };

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

  window.shoptalk = {
    open: () => load().then((loaded) => loaded.open()),
    close: () => void chat?.then((loaded) => loaded.close()),
    async identify(jwt) {
      shell.identity = jwt;
      if (chat || kept()) await (await load()).identify(jwt);
      else await lookUp();
    },
    async reset() {
      shell.identity = undefined;
      shell.badge(0);
      if (chat || kept()) await (await load()).reset();
    },
    on(event, listener) {
      const entry: (typeof listeners)[number] = [event, listener];
      listeners.push(entry);
      return () => void listeners.splice(listeners.indexOf(entry) >>> 0, 1);
    },
  };
  button.onclick = () => window.shoptalk?.open().catch(console.error);
  document.body.append(host);
  if (kept()?.includes('"open":true')) setTimeout(load, 1);
}

const script = document.currentScript as HTMLScriptElement;
if (!window.shoptalk) {
  if (document.body) launch(script);
  else addEventListener("DOMContentLoaded", () => launch(script));
}
