import { batch, computed, signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import type { AgentServerFrame, Summary, SummaryList } from "../../shared/protocol";
import type { Call } from "../api";
import { shouldAlert } from "./alerts";
import { type Filter, LobbyState, type Narrowing, type Scope } from "./lobby-state";

type Frame<Type> = Extract<AgentServerFrame, { type: Type }>;

export interface LobbyOptions {
  agentId: string;
  clock: Clock;
  call: Call;
  /** Runs a call and shows why it failed. */
  attempt: (task: () => Promise<unknown>) => Promise<boolean>;
  /** Calls `then` once soon, for the next frame of the screen: summaries come in bursts. */
  schedule: (then: () => void) => void;
  /** False while a resume brings old changes: then only rooms that are known already alert. */
  isConnected: () => boolean;
  /** The room that the agent is looking at. */
  visibleRoom: () => string | undefined;
  onNewMessage: (summary: Summary) => void;
}

export type Lobby = ReturnType<typeof makeLobby>;

const PAGE = 200;
/** How long after a change the own and the unassigned conversations are counted again. */
const COUNT_DELAY_MS = 1_000;

/**
 * The lists of conversations, kept up to date by the lobby's frames.
 *
 * Whatever a summary carries belongs here and in `lobby-state.ts`.
 */
export function makeLobby({
  agentId,
  clock,
  call,
  attempt,
  schedule,
  isConnected,
  visibleRoom,
  onNewMessage,
}: LobbyOptions) {
  const state = new LobbyState();
  /** Rises with each change of `state`, which is no signal itself. */
  const revision = signal(0);
  const filter = signal<Filter>("open");
  const scope = signal<Scope>("all");
  const tag = signal<string | undefined>(undefined);
  /** How many open conversations are this agent's, and how many are nobody's. */
  /** Without numbers until they are counted. */
  const assigned = signal<{ mine?: number; unassigned?: number }>({});
  const narrowing = (): Narrowing => ({ scope: scope.value, agentId, tag: tag.value });
  /** Set while a count is due or on its way. */
  let isCounting = false;
  /** Whether anything has changed since the count that is on its way began. */
  let isOutdated = false;
  let cancelCount = () => {};
  /** Per status: the cursor of the next page, null after the last one. Void after a `clear`. */
  let nextPages = new Map<string, string | null>();
  /** The lists of which a page is on its way. */
  const loads = new Set<string>();
  const loading = signal(0);
  let isScheduled = false;

  return {
    filter,
    scope,
    tag,
    assigned,

    /** Shows a list; the same scope again is all conversations. */
    showScope(next: Scope) {
      batch(() => {
        scope.value = scope.value === next ? "all" : next;
        if (scope.value === "spam") filter.value = "open";
      });
    },

    /** The conversations of the filter, in order. */
    conversations: computed(() => {
      revision.value;
      return state.list(filter.value, narrowing());
    }),
    counts: computed(() => {
      revision.value;
      return { ...state.counts };
    }),
    longestWaiting: computed(() => {
      revision.value;
      return state.longestWaiting;
    }),

    /** What is known of a room; a signal's reader is updated when it changes. */
    summaryOf(id: string): Summary | undefined {
      revision.value;
      return state.get(id);
    },

    get epoch() {
      return state.epoch;
    },

    /** The fields of a hello that resume from what is known. */
    resumeFrom: () =>
      state.cursor && state.epoch ? { epoch: state.epoch, cursor: state.cursor } : {},

    welcome(frame: Frame<"welcome">) {
      if (!frame.recovered) {
        state.clear();
        nextPages = new Map();
      }
      state.epoch = frame.epoch;
      state.counts = frame.counts;
      addSummaries(frame.summaries, frame.cursor);
      state.setAllOnline(frame.online);
      update();
      countSoon();
    },

    summaries(summaries: Summary[], cursor: string) {
      addSummaries(summaries, cursor);
      update();
    },

    /** A room was erased. */
    removed(room: string, cursor?: string) {
      if (state.get(room)) countSoon();
      state.remove(room);
      if (cursor) state.cursor = cursor;
      update();
    },

    counted(counts: Frame<"counts">["counts"]) {
      state.counts = counts;
      update();
    },

    online(room: string, isOnline: boolean) {
      state.setOnline(room, isOnline);
      update();
    },

    /** Adds rooms that a call has brought; they alert nobody. */
    add,

    /** How many loads are on their way. */
    loading,

    /** Loads the next conversations of the list that the connection did not bring. */
    async loadMore() {
      const statuses = filter.value === "open" ? (["waiting", "active"] as const) : [filter.value];
      const lists = statuses.map((status) => ({ status, list: listOf(status) }));
      for (const { status, list } of lists) {
        if (loads.has(list)) return;
        loads.add(list);
        loading.value++;
        const hasAdded = await loadPages(status, list);
        loads.delete(list);
        loading.value--;
        if (hasAdded) return;
      }
    },

    /** Ends what would still be counted. */
    close() {
      isOutdated = false;
      cancelCount();
    },

    /** Changes a room, for example the visitor's details. Throws what the server refuses. */
    async change(id: string, fields: object) {
      const { summary } = await call<{ summary: Summary }>("PATCH", `rooms/${id}/`, fields);
      add([summary]);
      countSoon();
    },
  };

  /** What asks for the rooms of a status that the list shows. */
  function listOf(status: Summary["status"]): string {
    const order = status === "waiting" ? "waiting" : "activity";
    const query = new URLSearchParams({ status, order, limit: `${PAGE}` });
    const assignee = { all: "", mine: "me", unassigned: "none", spam: "" }[scope.value];
    if (assignee) query.set("assignee", assignee);
    if (tag.value) query.set("tag", tag.value);
    if (scope.value === "spam") query.set("spam", "true");
    return `${query}`;
  }

  /** Loads pages of a list until one has brought something new. Returns whether one has. */
  async function loadPages(status: Summary["status"], list: string): Promise<boolean> {
    const isSpam = scope.value === "spam";
    let hasAdded = false;
    let hasFailed = false;
    while (!hasAdded && !hasFailed) {
      const cursor = nextPages.get(list);
      if (cursor === null) break;
      // Spam is in no count.
      if (!isSpam && state.list(status).length >= state.counts[status]) break;
      // After a `clear` meanwhile, the pages begin from the first one.
      const pages = nextPages;
      const path = `rooms/?${list}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
      hasFailed = !(await attempt(async () => {
        const page = await call<{ results: Summary[]; next: string | null }>("GET", path);
        pages.set(list, page.next);
        hasAdded = page.results.some(({ id }) => !state.get(id));
        add(page.results);
      }));
    }
    return hasAdded;
  }

  /** Counts again soon, once for many changes. Without it, the old numbers stay. */
  function countSoon() {
    isOutdated = true;
    if (isCounting) return;
    isCounting = true;
    cancelCount = clock.after(COUNT_DELAY_MS, () => {
      isOutdated = false;
      call<SummaryList>("GET", "rooms/?limit=1")
        .then(({ counts: { mine, unassigned } }) => {
          assigned.value = { mine, unassigned };
        })
        .catch(() => {})
        .finally(() => {
          isCounting = false;
          if (isOutdated) countSoon();
        });
    });
  }

  function addSummaries(summaries: Summary[], cursor: string) {
    for (const summary of summaries) {
      const { before, added } = state.add(summary);
      const mayAlert = isConnected() || before;
      if (added && countsElsewhere(before, summary)) countSoon();
      const rings = !summary.spam && !summary.snoozed_until;
      if (added && mayAlert && rings && shouldAlert(before, summary, visibleRoom()))
        onNewMessage(summary);
    }
    state.cursor = cursor;
  }

  function add(summaries: readonly Summary[]) {
    for (const summary of summaries) state.add(summary);
    update();
  }

  function update() {
    if (isScheduled) return;
    isScheduled = true;
    schedule(() => {
      isScheduled = false;
      revision.value++;
    });
  }
}

/** Whether a change moves the numbers of own and of unassigned conversations. */
function countsElsewhere(before: Summary | undefined, after: Summary) {
  const counted = (room: Summary | undefined) =>
    room && room.status !== "closed" && !room.spam && (room.assignee?.id ?? "nobody");
  return counted(before) !== counted(after);
}
