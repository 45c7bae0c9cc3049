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

export type Outbox = ReturnType<typeof makeOutbox>;

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
export function makeOutbox({ clock, shelf, prefix, send, changed }: OutboxOptions) {
  /** Per room: the item that waits for its ack. */
  const flying = new Map<string, string>();
  /** Per room: retries in a row, and until when nothing is tried. */
  const resting = new Map<string, { tries: number; until: number }>();
  /** When items were first seen: this tab's own have been there for ever. */
  const seen = new Map<string, number>();
  let isUp = false;
  let cancel = () => {};

  for (const { id } of items()) seen.set(id, Number.NEGATIVE_INFINITY);

  return {
    items,

    /**
     * Keeps a message and sends it when it can. Throws when the shelf is full: the text must then
     * stay where it was written.
     */
    add(room: string | null, content: string): string {
      const id = uuid(items().at(-1)?.id);
      put({ id, room, content, at: Date.now() });
      seen.set(id, Number.NEGATIVE_INFINITY);
      after();
      return id;
    },

    /** The socket is welcome: what waits may go. */
    up() {
      isUp = true;
      pump();
    },

    /** The socket is gone: what was flying will fly again. */
    down() {
      isUp = false;
      flying.clear();
      resting.clear();
      cancel();
    },

    acked,

    /** The server answered with an error. */
    refused(id: string, reason: string, retryable: boolean, retryAfterMs?: number) {
      const item = find(id);
      if (!item?.room) return;
      flying.delete(item.room);
      if (retryable) {
        const tries = resting.get(item.room)?.tries ?? 0;
        const wait = retryAfterMs ?? Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** tries);
        resting.set(item.room, { tries: tries + 1, until: clock.now() + wait });
      } else {
        put({ ...item, refused: reason });
      }
      after();
    },

    /** Forgets an item, and answers its text so that it can be mended. */
    discard(id: string): string {
      const text = find(id)?.content ?? "";
      acked(id);
      return text;
    },

    /** Directs what waited for one room to another. */
    redirect(from: string | null, to: string | null) {
      for (const item of items()) {
        if (item.room === from && !item.refused) put({ ...item, room: to });
      }
      if (from) flying.delete(from);
      after();
    },

    /** Forgets everything. */
    clear() {
      // The newest first: another tab sends no later one when it sees an earlier one go.
      for (const { id } of items().reverse()) remove(id);
      resting.clear();
      changed();
    },

    /** Another tab wrote to the shelf: call with every `storage` event's key. */
    touched(key: string | null) {
      if (key === null || key.startsWith(prefix)) after();
    },
  };

  /** All items, the oldest first. */
  function items(): Item[] {
    return Object.keys(shelf)
      .filter((key) => key.startsWith(prefix))
      .sort()
      .map((key) => ({ id: key.slice(prefix.length), ...JSON.parse(shelf[key]!) }));
  }

  function find(id: string) {
    return items().find((item) => item.id === id);
  }

  /** The message is in the log. */
  function acked(id: string) {
    if (remove(id)) after();
  }

  function put({ id, ...rest }: Item) {
    shelf[prefix + id] = JSON.stringify(rest);
  }

  function remove(id: string): boolean {
    const known = prefix + id in shelf;
    delete shelf[prefix + id];
    for (const [room, flown] of flying) {
      if (flown === id) {
        flying.delete(room);
        resting.delete(room);
      }
    }
    return known;
  }

  function after() {
    pump();
    changed();
  }

  function pump() {
    cancel();
    if (!isUp) return;
    const now = clock.now();
    const all = items();
    // What another tab saw acked is not flying any more.
    for (const [room, flown] of flying) {
      if (!all.some(({ id }) => id === flown)) flying.delete(room);
    }
    let wake = 0;
    const passed = new Set<string>();
    for (const item of all) {
      const { id, room } = item;
      const since = seen.get(id) ?? now;
      seen.set(id, since);
      if (!room || item.refused || passed.has(room) || flying.has(room)) continue;
      const until = Math.max(resting.get(room)?.until ?? 0, since + FOREIGN_MS);
      // Nobody overtakes in one room.
      passed.add(room);
      if (until > now) wake = Math.min(wake || until, until);
      else if (send({ ...item, room })) flying.set(room, id);
    }
    if (wake) cancel = clock.after(wake - now, pump);
  }
}
