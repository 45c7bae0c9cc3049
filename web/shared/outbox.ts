import type { Clock } from "./clock";
import { uuid } from "./uuid";

/**
 * Where the outbox keeps its items: the browser's localStorage, which behaves like an object, or
 * an object where a browser has none to give.
 */
export type Shelf = Record<string, string>;

/** A message on its way. */
export interface Item {
  /** The message's id; every try carries the same one. */
  id: string;
  /** The room it goes to; null while the room does not exist yet. */
  room: string | null;
  content: string;
  /** When it was written, in ms of the wall clock; shown to people, never used for order. */
  at: number;
  /** Why the server will not take it, in its words. Waits for the writer to mend or discard it. */
  refused?: string;
}

export interface OutboxOptions {
  clock: Clock;
  shelf: Shelf;
  /** Begins every key. */
  prefix: string;
  /** Hands an item to the socket; false when there is none. */
  send: (item: Item & { room: string }) => boolean;
  /** Told when the items changed, in this tab or another. */
  changed: () => void;
}

/** Another tab's fresh item is left to that tab for so long. */
const FOREIGN_MS = 5_000;
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 20_000;

/**
 * What has been written and not yet acked.
 *
 * An item is on the shelf from before the composer is cleared until its ack, one key an item,
 * so that tabs share them without overwriting each other. Each is sent again under the same id
 * until the server answers, which makes it one message however many tabs and sockets try. A
 * room's items leave one after another, so they stand in the log in the order of writing.
 */
export class Outbox {
  readonly #o: OutboxOptions;
  /** Per room: the item that waits for its ack. */
  readonly #flying = new Map<string, string>();
  /** Per room: retries in a row, and until when nothing is tried. */
  readonly #resting = new Map<string, { tries: number; until: number }>();
  /** When items were first seen: this tab's own have been there for ever. */
  readonly #seen = new Map<string, number>();
  #up = false;
  #cancel = () => {};

  constructor(options: OutboxOptions) {
    this.#o = options;
    for (const { id } of this.items()) this.#seen.set(id, Number.NEGATIVE_INFINITY);
  }

  /** All items, the oldest first. */
  items(): Item[] {
    const { shelf, prefix } = this.#o;
    return Object.keys(shelf)
      .filter((key) => key.startsWith(prefix))
      .sort()
      .map((key) => ({ id: key.slice(prefix.length), ...JSON.parse(shelf[key]!) }));
  }

  /**
   * Keeps a message and sends it when it can. Throws when the shelf is full: the text must then
   * stay where it was written.
   */
  add(room: string | null, content: string): string {
    const newest = this.items().at(-1)?.id;
    const id = uuid(newest);
    this.#put({ id, room, content, at: Date.now() });
    this.#seen.set(id, Number.NEGATIVE_INFINITY);
    this.#after();
    return id;
  }

  /** The socket is welcome: what waits may go. */
  up() {
    this.#up = true;
    this.#pump();
  }

  /** The socket is gone: what was flying will fly again. */
  down() {
    this.#up = false;
    this.#flying.clear();
    this.#resting.clear();
    this.#cancel();
  }

  /** The message is in the log. */
  acked(id: string) {
    if (this.#remove(id)) this.#after();
  }

  /** The server answered with an error. */
  refused(id: string, reason: string, retryable: boolean, retryAfterMs?: number) {
    const item = this.items().find((other) => other.id === id);
    if (!item?.room) return;
    this.#flying.delete(item.room);
    if (retryable) {
      const tries = (this.#resting.get(item.room)?.tries ?? 0) + 1;
      const wait = retryAfterMs ?? Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** (tries - 1));
      this.#resting.set(item.room, { tries, until: this.#o.clock.now() + wait });
    } else {
      this.#put({ ...item, refused: reason });
    }
    this.#after();
  }

  /** Forgets an item, and answers its text so that it can be mended. */
  discard(id: string): string {
    const text = this.items().find((item) => item.id === id)?.content ?? "";
    this.acked(id);
    return text;
  }

  /** Directs what waited for one room to another. */
  redirect(from: string | null, to: string | null) {
    for (const item of this.items()) {
      if (item.room === from && !item.refused) this.#put({ ...item, room: to });
    }
    if (from) this.#flying.delete(from);
    this.#after();
  }

  /** Forgets everything. */
  clear() {
    // The newest first: another tab sends no later one when it sees an earlier one go.
    for (const { id } of this.items().reverse()) this.#remove(id);
    this.#resting.clear();
    this.#o.changed();
  }

  /** Another tab wrote to the shelf: call with every `storage` event's key. */
  touched(key: string | null) {
    if (key === null || key.startsWith(this.#o.prefix)) this.#after();
  }

  #put({ id, ...rest }: Item) {
    this.#o.shelf[this.#o.prefix + id] = JSON.stringify(rest);
  }

  #remove(id: string): boolean {
    const key = this.#o.prefix + id;
    const known = key in this.#o.shelf;
    delete this.#o.shelf[key];
    for (const [room, flying] of this.#flying) {
      if (flying === id) {
        this.#flying.delete(room);
        this.#resting.delete(room);
      }
    }
    return known;
  }

  #after() {
    this.#pump();
    this.#o.changed();
  }

  #pump() {
    this.#cancel();
    if (!this.#up) return;
    const now = this.#o.clock.now();
    const items = this.items();
    // What another tab saw acked is not flying any more.
    for (const [room, flying] of this.#flying) {
      if (!items.some(({ id }) => id === flying)) this.#flying.delete(room);
    }
    let wake = 0;
    const passed = new Set<string>();
    for (const item of items) {
      const { id, room } = item;
      const seen = this.#seen.get(id) ?? now;
      this.#seen.set(id, seen);
      if (!room || item.refused || passed.has(room) || this.#flying.has(room)) continue;
      const until = Math.max(this.#resting.get(room)?.until ?? 0, seen + FOREIGN_MS);
      // Nobody overtakes in one room.
      passed.add(room);
      if (until > now) wake = Math.min(wake || until, until);
      else if (this.#o.send({ ...item, room })) this.#flying.set(room, id);
    }
    if (wake) {
      this.#cancel = this.#o.clock.after(wake - now, () => this.#pump());
    }
  }
}
