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
  readonly rooms = new Map<string, Summary>();
  counts: Counts = { waiting: 0, active: 0, closed: 0 };
  epoch: string | undefined;
  cursor: string | undefined;

  /** Forgets all rooms, because the server could not resume from the cursor. */
  clear() {
    this.rooms.clear();
    this.cursor = undefined;
  }

  /** Adds a summary unless a newer one is known; `before` is what was known. */
  add(summary: Summary): { before: Summary | undefined; added: boolean } {
    const before = this.rooms.get(summary.id);
    const added = !before || summary.version >= before.version;
    if (added) this.rooms.set(summary.id, summary);
    return { before, added };
  }

  /** Forgets a room that was erased. */
  remove(room: string) {
    this.rooms.delete(room);
  }

  /** Whether a room's visitor is online; this does not change the room's version. */
  setOnline(room: string, customer_online: boolean) {
    const summary = this.rooms.get(room);
    if (summary) this.rooms.set(room, { ...summary, customer_online });
  }

  /** The visitors of these rooms are online, and nobody else. */
  setAllOnline(rooms: readonly string[]) {
    const online = new Set(rooms);
    for (const [id, summary] of this.rooms) {
      if (summary.customer_online !== online.has(id)) this.setOnline(id, online.has(id));
    }
  }

  /**
   * The rooms of a list: those waiting the longest first, then by latest activity, then what is put
   * off.
   */
  list(filter: Filter, narrowing: Narrowing = EVERYTHING): Summary[] {
    const shown = [...this.rooms.values()].filter(
      (room) => hasStatus(room, filter) && isInScope(room, narrowing),
    );
    return shown.sort(compareRooms);
  }

  /** The room that has waited longest for an answer. */
  get longestWaiting(): Summary | undefined {
    let longest: Summary | undefined;
    for (const summary of this.rooms.values()) {
      if (summary.status !== "waiting" || summary.spam || summary.snoozed_until) continue;
      if (!longest || waitingSince(summary) < waitingSince(longest)) longest = summary;
    }
    return longest;
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
