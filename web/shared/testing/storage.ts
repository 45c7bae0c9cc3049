import type { Storage } from "../storage";

/**
 * The storage of one browser, as several tabs see it: each has its own view of the same items,
 * and hears of what the others change.
 */
export class FakeStorage {
  readonly items: Storage = {};
  /** The next writes throw, like a browser's at the end of its quota. */
  full = false;
  readonly #listeners = new Map<Storage, (key: string) => void>();

  /** A tab's view. `changed` gets the key of what another tab changed. */
  shelf(changed: (key: string) => void = () => {}): Storage {
    const tell = (key: string) => {
      for (const [other, listener] of this.#listeners) if (other !== view) listener(key);
    };
    const view: Storage = new Proxy(this.items, {
      set: (items, key: string, value) => {
        if (this.full) throw new DOMException("no room", "QuotaExceededError");
        const before = items[key];
        items[key] = String(value);
        if (before !== value) tell(key);
        return true;
      },
      deleteProperty: (items, key: string) => {
        const known = key in items;
        delete items[key];
        if (known) tell(key);
        return true;
      },
    });
    this.#listeners.set(view, changed);
    return view;
  }

  /** The tab is gone. */
  close(view: Storage) {
    this.#listeners.delete(view);
  }
}
