/** What the page's tag and scripts may say, and what the launcher and the chat say to each other. */
import type { Storage } from "../shared/storage";
import type * as dom from "./dom";

export type EventName = "open" | "close" | "message" | "unread" | "state";

/** What the chat gives the launcher. */
export interface Chat {
  open(): void;
  close(): void;
  identify(jwt: string): Promise<void>;
  /** Somebody signed out; `token` is what the storage had. */
  reset(token: string | undefined): Promise<void>;
  /** Somebody signed out in another tab. */
  forget(): void;
}

/** `window.shoptalk`: for the shop's own scripts. */
export interface Api {
  /** The server that the chat comes from. */
  readonly server: string;
  open(): Promise<void>;
  close(): void;
  /**
   * Signs the visitor in with a JWT of the shop's back end. Another user than before resets first.
   */
  identify(jwt: string): Promise<void>;
  /** Signs out on a shared computer: ends the token, forgets everything kept in this browser. */
  reset(): Promise<void>;
  /** Calls `listener` at each event; the answer ends that. */
  on(event: EventName, listener: (detail: unknown) => void): () => void;
}

/** What the launcher gives the chat, once, when it is first needed. */
export interface Shell {
  /** The server's origin. */
  base: string;
  /** Begins every key in the browser's storage. */
  keys: string;
  /** The browser's storage, or an object where a browser refuses it. */
  shelf: Storage;
  /** The tag's `data-` attributes. */
  data: DOMStringMap;
  /** The first of the tag's, the page's and the browser's languages that there is. */
  lang: string;
  /** What is between the shadow root and the page: carries language, direction and colours. */
  frame: HTMLElement;
  button: HTMLButtonElement;
  /** Make elements, see `kit.ts`. */
  h: typeof dom.h;
  icon: typeof dom.icon;
  /** Adds a style sheet. */
  dress(css: string): void;
  identity?: string | undefined;
  emit(event: EventName, detail?: unknown): void;
  /** Removes all that is kept in the browser, and lets the other tabs know. */
  clear(): void;
}

/** Where the browser's storage keeps the visitor's conversation. */
export const SESSION = "session";
