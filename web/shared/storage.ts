/** The part of `localStorage` that is used: it behaves like an object. Tests have a fake one. */
export type StorageArea = Record<string, string>;

export type BrowserStorage = ReturnType<typeof makeStorage>;

/**
 * The browser's storage, with a fallback in memory for what it refuses, for example past its
 * quota. What is in memory lives as long as the page; until then everything works.
 *
 * Other scripts of the page write to the same storage: whoever reads a value validates it.
 */
export function makeStorage(area: StorageArea) {
  let memory: StorageArea = {};
  return {
    keys: () => [...Object.keys(area), ...Object.keys(memory)],

    get: (key: string): string | undefined => memory[key] ?? area[key],

    /** Stores a value; false when it is only in memory and ends with the page. */
    set(key: string, value: string) {
      delete memory[key];
      try {
        area[key] = value;
        return true;
      } catch {
        // An older value must not stay beside the newer one.
        delete area[key];
        memory[key] = value;
        return false;
      }
    },

    remove(key: string) {
      delete memory[key];
      delete area[key];
    },

    /** Forgets what only this page has. */
    clearMemory() {
      memory = {};
    },
  };
}
