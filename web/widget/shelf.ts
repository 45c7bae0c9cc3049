import type { Shelf } from "../shared/outbox";

/** The browser's storage, or memory where a browser refuses it: then only a reload forgets. */
export function shelf(): Shelf {
  try {
    localStorage.length;
    return localStorage;
  } catch {
    const kept: Record<string, string> = {};
    return {
      getItem: (key) => kept[key] ?? null,
      setItem(key, value) {
        kept[key] = value;
      },
      removeItem(key) {
        delete kept[key];
      },
      key: (index) => Object.keys(kept)[index] ?? null,
      get length() {
        return Object.keys(kept).length;
      },
    };
  }
}
