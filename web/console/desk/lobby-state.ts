import type { Counts, Summary } from "../../shared/protocol";

/** Which conversations a list shows. */
export type Filter = "open" | "waiting" | "active" | "closed";

/**
 * What the console knows of all rooms. A summary is state: an equal or higher version replaces,
 * so it does not matter how often or by which way one comes.
 */
export class Lobby {
  readonly rooms = new Map<string, Summary>();
  counts: Counts = { waiting: 0, active: 0, closed: 0 };
  epoch: string | undefined;
  cursor: string | undefined;

  /** Forgets everything, because the server could not go on from our cursor. */
  clear() {
    this.rooms.clear();
    this.cursor = undefined;
  }

  /** Takes a summary unless a newer one is known; answers what it replaced, or itself if nothing. */
  take(summary: Summary): { before: Summary | undefined; taken: boolean } {
    const before = this.rooms.get(summary.id);
    const taken = !before || summary.version >= before.version;
    if (taken) this.rooms.set(summary.id, summary);
    return { before, taken };
  }

  /** A visitor came or went; says nothing about the room's version. */
  online(room: string, customer_online: boolean) {
    const summary = this.rooms.get(room);
    if (summary) this.rooms.set(room, { ...summary, customer_online });
  }

  /** After a welcome: those are here, nobody else. */
  allOnline(rooms: readonly string[]) {
    const here = new Set(rooms);
    for (const [id, summary] of this.rooms) {
      if (summary.customer_online !== here.has(id)) this.online(id, here.has(id));
    }
  }

  /** The rooms of a list: who waits longest first, then the latest activity. */
  list(filter: Filter): Summary[] {
    const shown = [...this.rooms.values()].filter(
      ({ status }) => status === filter || (filter === "open" && status !== "closed"),
    );
    return shown.sort(inOrder);
  }

  /** Who has waited longest for an answer. */
  get longest(): Summary | undefined {
    let longest: Summary | undefined;
    for (const summary of this.rooms.values()) {
      if (summary.status !== "waiting") continue;
      if (!longest || since(summary) < since(longest)) longest = summary;
    }
    return longest;
  }
}

const since = (summary: Summary) => summary.waiting_since ?? summary.updated_at;
const activity = (summary: Summary) => summary.last_message_at ?? summary.created_at;

function inOrder(a: Summary, b: Summary): number {
  const waiting = Number(b.status === "waiting") - Number(a.status === "waiting");
  if (waiting) return waiting;
  // Times are all of one format, so they compare as text.
  const order =
    a.status === "waiting" ? compare(since(a), since(b)) : compare(activity(b), activity(a));
  return order || compare(a.id, b.id);
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** What to call a customer. */
export function nameOf({
  customer_name,
  customer_email,
}: Pick<Summary, "customer_name" | "customer_email">) {
  return customer_name || customer_email || "Visitor";
}

/** A customer wrote and nobody looks at it: whether to ring. */
export function rings(before: Summary | undefined, now: Summary, looking: string | undefined) {
  if (now.last_message?.sender_type !== "customer" || looking === now.id) return false;
  return !now.blocked && now.unread_count > (before?.unread_count ?? 0);
}
