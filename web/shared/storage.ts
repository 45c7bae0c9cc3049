/** The part of a browser's storage that is used: it behaves like an object. */
export type Storage = Record<string, string>;

export type Shelf = ReturnType<typeof makeShelf>;

/**
 * The browser's storage, and memory for what it has no room for: that is gone with the page, but
 * until then everything works.
 */
export function makeShelf(storage: Storage) {
  let memory: Storage = {};
  return {
    keys: () => [...Object.keys(storage), ...Object.keys(memory)],

    get: (key: string): string | undefined => memory[key] ?? storage[key],

    /** Answers whether the value outlives the page. */
    set(key: string, value: string) {
      delete memory[key];
      try {
        storage[key] = value;
        return true;
      } catch {
        // An older value must not stand beside the newer one.
        delete storage[key];
        memory[key] = value;
        return false;
      }
    },

    remove(key: string) {
      delete memory[key];
      delete storage[key];
    },

    /** Forgets what only this page knows. */
    forget() {
      memory = {};
    },
  };
}
