import { effect, signal } from "@preact/signals";
import { makeStorage } from "../../shared/storage";

/** What the console keeps in this browser. */
export const storage = makeStorage(localStorage);

/** What an agent chose on this device. */
export interface Settings {
  theme: "auto" | "light" | "dark";
  sound: boolean;
  /** Notifications of the browser; the browser has a say in it, too. */
  notify: boolean;
}

const KEY = "shoptalk:console:settings";
const DEFAULTS: Settings = { theme: "auto", sound: true, notify: false };

function kept(): Settings {
  try {
    return { ...DEFAULTS, ...JSON.parse(storage.get(KEY) ?? "{}") };
  } catch {
    return DEFAULTS;
  }
}

export const settings = signal<Settings>(kept());

export function choose(change: Partial<Settings>) {
  settings.value = { ...settings.value, ...change };
  storage.set(KEY, JSON.stringify(settings.value));
}

effect(() => {
  const { theme } = settings.value;
  document.documentElement.style.colorScheme = theme === "auto" ? "light dark" : theme;
});
