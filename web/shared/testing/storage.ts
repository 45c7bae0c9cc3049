import type { StorageArea } from "../storage";

/**
 * The storage of one browser, shared by its tabs: each has its own view of the same items, and is
 * notified of what the others change.
 */
export class FakeStorage {
  readonly items: StorageArea = {};
  /** Writes throw, as a browser's do when its quota is used up. */
  full = false;
  readonly #listeners = new Map<StorageArea, (key: string) => void>();

  /** One tab's view. `onChange` gets the key of what another tab changed. */
  view(onChange: (key: string) => void = () => {}): StorageArea {
    const notifyOthers = (key: string) => {
      for (const [other, listener] of this.#listeners) if (other !== view) listener(key);
    };
    const view: StorageArea = new Proxy(this.items, {
      set: (items, key: string, value) => {
        if (this.full) throw new DOMException("no room", "QuotaExceededError");
        const before = items[key];
        items[key] = String(value);
        if (before !== value) notifyOthers(key);
        return true;
      },
      deleteProperty: (items, key: string) => {
        const existed = key in items;
        delete items[key];
        if (existed) notifyOthers(key);
        return true;
      },
    });
    this.#listeners.set(view, onChange);
    return view;
  }

  /** The tab is closed. */
  close(view: StorageArea) {
    this.#listeners.delete(view);
  }
}
