import type { Clock } from "./clock";
import type { BrowserStorage } from "./storage";
import { uuid } from "./uuid";

/** A message that the server has not acked yet. */
export interface OutboxItem {
  /** The message's id; every attempt carries the same one. */
  id: string;
  /** The room it goes to; null while the room does not exist yet. */
  room: string | null;
  content: string;
  /** When it was written, in ms of the wall clock; shown to people, never used for order. */
  at: number;
  /** Why the server refused it for good, in its words. It waits to be edited or discarded. */
  refused?: string;
}

export interface OutboxOptions {
  clock: Clock;
  storage: BrowserStorage;
  /** Begins every key in the storage. */
  prefix: string;
  /** Hands an item to the socket; false when there is none. */
  send: (item: OutboxItem & { room: string }) => boolean;
  /** Called after the items have changed, in this tab or another. */
  onChange: () => void;
}

export type Outbox = ReturnType<typeof makeOutbox>;

/** How long a fresh item of another tab is left to that tab. */
const OTHER_TAB_MS = 5_000;
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 20_000;

/**
 * The queue of messages that were written and not yet acked.
 *
 * - An item is in the storage from before the text field is cleared until its ack. Each has a key
 *   of its own, so that tabs share the queue without overwriting each other.
 * - It is sent again under the same id until the server replies, which makes it one message
 *   however many tabs and sockets try.
 * - One item per room is in flight at a time, so messages are in the room in the order of writing.
 */
export function makeOutbox({ clock, storage, prefix, send, onChange }: OutboxOptions) {
  /** Per room: the id of the item that was sent and has no reply yet. */
  const inFlight = new Map<string, string>();
  /** Per room: retries in a row, and the time before which nothing is sent. */
  const backoff = new Map<string, { tries: number; until: number }>();
  /**
   * Per item: when this tab first saw it; minus infinity for those that need not wait: its own, and
   * what it found when it began.
   */
  const firstSeen = new Map<string, number>();
  let isRunning = false;
  let cancelTimer = () => {};

  for (const { id } of items()) firstSeen.set(id, Number.NEGATIVE_INFINITY);

  return {
    items,

    /** Stores a message and sends it as soon as possible; returns its id. */
    add(room: string | null, content: string): string {
      const id = uuid(items().at(-1)?.id);
      // A cut paste or an old keyboard leaves half an emoji, which no server can read.
      store({ id, room, content: content.toWellFormed(), at: Date.now() });
      firstSeen.set(id, Number.NEGATIVE_INFINITY);
      update();
      return id;
    },

    /** The connection has caught up: items may be sent. */
    resume() {
      isRunning = true;
      sendNext();
    },

    /** The connection is lost: what was in flight is sent again after `resume`. */
    pause() {
      isRunning = false;
      inFlight.clear();
      backoff.clear();
      cancelTimer();
    },

    settle,

    /**
     * The server replied with an error. One without an id is about a frame that the server could
     * not read: that may be any item in flight, and none of them may wait forever.
     */
    refused(id: string | undefined, reason: string, retryable: boolean, retryAfterMs?: number) {
      for (const item of items()) {
        const { room } = item;
        if (!room || item.id !== (id ?? inFlight.get(room))) continue;
        inFlight.delete(room);
        if (retryable) {
          const tries = backoff.get(room)?.tries ?? 0;
          const wait = retryAfterMs ?? Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** tries);
          backoff.set(room, { tries: tries + 1, until: clock.now() + wait });
        } else {
          store({ ...item, refused: reason });
        }
      }
      update();
    },

    /** Moves what waits for one room to another. */
    redirect(from: string | null, to: string | null) {
      for (const item of items()) {
        if (item.room === from && !item.refused) store({ ...item, room: to });
      }
      update();
    },

    /** Must be called with the key of every `storage` event: another tab changed that item. */
    storageChanged(key: string | null) {
      if ((key ?? prefix).startsWith(prefix)) update();
    },
  };

  /** All items, the oldest first. Anything else under the prefix is removed. */
  function items(): OutboxItem[] {
    const all: OutboxItem[] = [];
    for (const key of storage.keys().sort()) {
      if (!key.startsWith(prefix)) continue;
      try {
        const item: OutboxItem = { ...JSON.parse(storage.get(key)!), id: key.slice(prefix.length) };
        if (item.content.trim() && item.at >= 0) {
          all.push(item);
          continue;
        }
      } catch {}
      storage.remove(key);
    }
    return all;
  }

  /** Removes an item: its message is in the room's log, or the writer takes it back. */
  function settle(id: string) {
    if (storage.get(prefix + id)) {
      storage.remove(prefix + id);
      update();
    }
  }

  function store({ id, ...rest }: OutboxItem) {
    storage.set(prefix + id, JSON.stringify(rest));
  }

  function update() {
    sendNext();
    onChange();
  }

  /** Sends the first item of each room that has none in flight, or sets a timer for it. */
  function sendNext() {
    cancelTimer();
    if (!isRunning) return;
    const now = clock.now();
    const all = items();
    // What was acked, here or in another tab, is no longer in flight.
    for (const [room, sent] of inFlight) {
      if (!all.some(({ id }) => id === sent)) {
        inFlight.delete(room);
        backoff.delete(room);
      }
    }
    let nextTry = 0;
    const visited = new Set<string>();
    for (const item of all) {
      const { id, room } = item;
      const since = firstSeen.get(id) ?? now;
      firstSeen.set(id, since);
      if (!room || item.refused || visited.has(room) || inFlight.has(room)) continue;
      const until = Math.max(backoff.get(room)?.until ?? 0, since + OTHER_TAB_MS);
      // No item overtakes an earlier one of its room.
      visited.add(room);
      if (until > now) nextTry = Math.min(nextTry || until, until);
      else if (send({ ...item, room })) inFlight.set(room, id);
    }
    if (nextTry) cancelTimer = clock.after(nextTry - now, sendNext);
  }
}
