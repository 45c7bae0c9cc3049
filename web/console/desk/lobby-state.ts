import type { Counts, Summary } from "../../shared/protocol";

/** Whose conversations a list shows, or those that are outside of all others. */
export type Scope = "all" | "mine" | "unassigned" | "spam";

/** What a list shows beside the status. */
export interface Narrowing {
  scope: Scope;
  /** The agent whose conversations are `mine`. */
  agentId: string;
  /** Only conversations with this tag. */
  tag: string | undefined;
}

/** Which conversations a list shows. */
export type Filter = "open" | "waiting" | "active" | "closed";

/**
 * What the console knows of all rooms. A summary is state, not a change: one with an equal or
 * higher version replaces what is known, so it does not matter how often or by which way it comes.
 */
export class LobbyState {
  readonly #rooms = new Map<string, Summary>();
  /** The same rooms in the order of every list, so that no change sorts all of them again. */
  #ordered: Summary[] = [];
  counts: Counts = { waiting: 0, active: 0, closed: 0 };
  epoch: string | undefined;
  cursor: string | undefined;

  /** Forgets all rooms, because the server could not resume from the cursor. */
  clear() {
    this.#rooms.clear();
    this.#ordered = [];
    this.cursor = undefined;
  }

  /** What is known of a room. */
  get(room: string): Summary | undefined {
    return this.#rooms.get(room);
  }

  /** Adds a summary unless a newer one is known; `before` is what was known. */
  add(summary: Summary): { before: Summary | undefined; added: boolean } {
    const before = this.#rooms.get(summary.id);
    const added = !before || summary.version >= before.version;
    if (added) this.#replace(before, summary);
    return { before, added };
  }

  /** Forgets a room that was erased. */
  remove(room: string) {
    const before = this.#rooms.get(room);
    if (before) this.#ordered.splice(this.#placeOf(before), 1);
    this.#rooms.delete(room);
  }

  /** Whether a room's visitor is online; this does not change the room's version. */
  setOnline(room: string, customer_online: boolean) {
    const summary = this.#rooms.get(room);
    if (summary) this.#replace(summary, { ...summary, customer_online });
  }

  /** The visitors of these rooms are online, and nobody else. */
  setAllOnline(rooms: readonly string[]) {
    const online = new Set(rooms);
    for (const [id, summary] of this.#rooms) {
      if (summary.customer_online !== online.has(id)) this.setOnline(id, online.has(id));
    }
  }

  /**
   * The rooms of a list: those waiting the longest first, then by latest activity, then what is put
   * off.
   */
  list(filter: Filter, narrowing: Narrowing = EVERYTHING): Summary[] {
    return this.#ordered.filter((room) => hasStatus(room, filter) && isInScope(room, narrowing));
  }

  /** The room that has waited longest for an answer. */
  get longestWaiting(): Summary | undefined {
    const first = this.#ordered.find(({ spam }) => !spam);
    return first?.status === "waiting" && !first.snoozed_until ? first : undefined;
  }

  /** Puts a summary in the place of what was known of its room. */
  #replace(before: Summary | undefined, summary: Summary) {
    this.#rooms.set(summary.id, summary);
    if (before && !compareRooms(before, summary)) {
      this.#ordered[this.#placeOf(before)] = summary;
      return;
    }
    if (before) this.#ordered.splice(this.#placeOf(before), 1);
    this.#ordered.splice(this.#placeOf(summary), 0, summary);
  }

  /** Where a room is in the order, or where it would be. */
  #placeOf(summary: Summary): number {
    let [low, high] = [0, this.#ordered.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareRooms(this.#ordered[middle]!, summary) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export const waitingSince = (summary: Summary) => summary.waiting_since ?? summary.updated_at;
export const lastActivity = (summary: Summary) => summary.last_message_at ?? summary.created_at;

const EVERYTHING: Narrowing = { scope: "all", agentId: "", tag: undefined };

const hasStatus = ({ status }: Summary, filter: Filter) =>
  status === filter || (filter === "open" && status !== "closed");

function isInScope({ spam, assignee, tags }: Summary, { scope, agentId, tag }: Narrowing) {
  if (spam !== (scope === "spam")) return false;
  if (scope === "mine" && assignee?.id !== agentId) return false;
  if (scope === "unassigned" && assignee) return false;
  return !tag || tags.some(({ id }) => id === tag);
}

function compareRooms(a: Summary, b: Summary): number {
  const putOff = Number(!!a.snoozed_until) - Number(!!b.snoozed_until);
  if (putOff) return putOff;
  const waiting = Number(b.status === "waiting") - Number(a.status === "waiting");
  if (waiting) return waiting;
  // All times have the same format, so they compare as text.
  const order =
    a.status === "waiting"
      ? compare(waitingSince(a), waitingSince(b))
      : compare(lastActivity(b), lastActivity(a));
  return order || compare(a.id, b.id);
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
