/**
 * The three interfaces of the widget: `Api` for the shop's scripts, `Chat` for the launcher, and
 * `Host`, which the launcher passes to the chat.
 */
import type { StorageArea } from "../shared/storage";
import type * as dom from "./dom";

export type EventName = "open" | "close" | "message" | "unread" | "state";

/** `window.shoptalk`: for the shop's own scripts. */
export interface Api {
  /** The server that the chat comes from. */
  readonly server: string;
  open(): Promise<void>;
  close(): void;
  /**
   * Signs the visitor in with a JWT of the shop's back end. If it is another user than before,
   * resets first.
   */
  identify(jwt: string): Promise<void>;
  /** Signs out on a shared computer: ends the token, removes everything kept in this browser. */
  reset(): Promise<void>;
  /** Calls `listener` at each event, until the returned function is called. */
  on(event: EventName, listener: (detail: unknown) => void): () => void;
}

/** The loaded chat, as the launcher uses it. */
export interface Chat {
  open(): void;
  close(): void;
  identify(jwt: string): Promise<void>;
  /** The visitor signed out; `token` is the one that was stored. */
  reset(token: string | undefined): Promise<void>;
  /** The visitor signed out in another tab. */
  forget(): void;
}

/** What the launcher passes to the chat, once, when it is first needed. */
export interface Host {
  /** The server's origin. */
  base: string;
  /** Begins every key in the browser's storage. */
  keyPrefix: string;
  /** The browser's storage, or a plain object where the browser refuses it. */
  storageArea: StorageArea;
  /** The tag's `data-` attributes, and what admins have set in place of those that are missing. */
  tagData: DOMStringMap;
  /** The first supported language among the tag's, the page's and the browser's. */
  lang: string;
  /** The element in the shadow root that carries language, direction and colours. */
  frame: HTMLElement;
  button: HTMLButtonElement;
  /** See `host.ts`. */
  h: typeof dom.h;
  icon: typeof dom.icon;
  addStyle(css: string): void;
  /** The JWT of `identify`, if any. */
  jwt?: string | undefined;
  emit(event: EventName, detail?: unknown): void;
  /** Removes everything from the browser's storage, and notifies the other tabs. */
  clear(): void;
}

/** The key of the visitor's chat in the browser's storage, after the prefix; browsers have it. */
export const CHAT_KEY = "session";
