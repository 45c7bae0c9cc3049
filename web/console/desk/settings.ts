import { signal } from "@preact/signals";
import type { BrowserStorage } from "../../shared/storage";
import { LANGUAGES, type LanguageCode } from "../language/languages";

/** What an agent chose on this device. Settings of the whole shop belong to the server. */
export interface Settings {
  theme: "auto" | "light" | "dark";
  /** "auto" is the browser's. */
  language: "auto" | LanguageCode;
  sound: boolean;
  /** Browser notifications; the browser has to permit them, too. */
  notify: boolean;
  /** Rung also while the console is closed. */
  ring: boolean;
}

const KEY = "shoptalk:console:settings";
const DEFAULTS: Settings = {
  theme: "auto",
  language: "auto",
  sound: true,
  notify: false,
  ring: false,
};

export type DeviceSettings = ReturnType<typeof makeSettings>;

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
      const stored = { ...DEFAULTS, ...JSON.parse(storage.get(KEY) ?? "{}") };
      if (!Object.hasOwn(LANGUAGES, stored.language)) stored.language = DEFAULTS.language;
      return stored;
    } catch {
      return DEFAULTS;
    }
  }
}
