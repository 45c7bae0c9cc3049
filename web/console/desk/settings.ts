import { signal } from "@preact/signals";
import type { BrowserStorage } from "../../shared/storage";

/** What an agent chose on this device. Settings of the whole shop belong to the server. */
export interface Settings {
  theme: "auto" | "light" | "dark";
  sound: boolean;
  /** Browser notifications; the browser has to permit them, too. */
  notify: boolean;
}

const KEY = "shoptalk:console:settings";
const DEFAULTS: Settings = { theme: "auto", sound: true, notify: false };

/** The settings of this device, kept in the browser's storage. */
export function makeSettings({ storage }: { storage: BrowserStorage }) {
  const current = signal<Settings>(read());

  return {
    current,

    change(changes: Partial<Settings>) {
      current.value = { ...current.value, ...changes };
      storage.set(KEY, JSON.stringify(current.value));
    },
  };

  function read(): Settings {
    try {
      return { ...DEFAULTS, ...JSON.parse(storage.get(KEY) ?? "{}") };
    } catch {
      return DEFAULTS;
    }
  }
}
