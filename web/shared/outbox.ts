import type { Clock } from "./clock";
import type { Shelf } from "./storage";
import { wellFormed } from "./text";
import { uuid } from "./uuid";

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

    /** Keeps a message and sends it when it can. */
    add(room: string | null, content: string): string {
      const id = uuid(items().at(-1)?.id);
      put({ id, room, content: wellFormed(content), at: Date.now() });
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

    /**
     * The server answered with an error. One without an id is about a frame that it could not
     * read: whatever is flying may be that, and must not wait for an answer forever.
     */
    refused(id: string | undefined, reason: string, retryable: boolean, retryAfterMs?: number) {
      for (const item of items()) {
        const { room } = item;
        if (!room || item.id !== (id ?? flying.get(room))) continue;
        flying.delete(room);
        if (retryable) {
          const tries = resting.get(room)?.tries ?? 0;
          const wait = retryAfterMs ?? Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** tries);
          resting.set(room, { tries: tries + 1, until: clock.now() + wait });
        } else {
          put({ ...item, refused: reason });
        }
      }
      after();
    },

    /** Forgets an item, and answers its text so that it can be mended. */
    discard(id: string): string {
      const text = items().find((item) => item.id === id)?.content ?? "";
      acked(id);
      return text;
    },

    /** Directs what waited for one room to another. */
    redirect(from: string | null, to: string | null) {
      for (const item of items()) {
        if (item.room === from && !item.refused) put({ ...item, room: to });
      }
      after();
    },

    /** Another tab wrote to the shelf: call with every `storage` event's key. */
    touched(key: string | null) {
      if ((key ?? prefix).startsWith(prefix)) after();
    },
  };

  /** All items, the oldest first. What is no item is removed: it would be in the way forever. */
  function items(): Item[] {
    const all: Item[] = [];
    for (const key of shelf.keys().sort()) {
      if (!key.startsWith(prefix)) continue;
      try {
        const item: Item = { ...JSON.parse(shelf.get(key)!), id: key.slice(prefix.length) };
        if (item.content.trim() && item.at >= 0) {
          all.push(item);
          continue;
        }
      } catch {}
      shelf.remove(key);
    }
    return all;
  }

  /** The message is in the log. */
  function acked(id: string) {
    if (shelf.get(prefix + id)) {
      shelf.remove(prefix + id);
      after();
    }
  }

  function put({ id, ...rest }: Item) {
    shelf.set(prefix + id, JSON.stringify(rest));
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
    // What was acked, here or in another tab, is not flying any more.
    for (const [room, flown] of flying) {
      if (!all.some(({ id }) => id === flown)) {
        flying.delete(room);
        resting.delete(room);
      }
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
