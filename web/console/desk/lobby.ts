import { computed, signal } from "@preact/signals";
import type { AgentServerFrame, Summary } from "../../shared/protocol";
import type { Call } from "../api";
import { shouldAlert } from "./alerts";
import { type Filter, LobbyState } from "./lobby-state";

type Frame<Type> = Extract<AgentServerFrame, { type: Type }>;

export interface LobbyOptions {
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

/**
 * The lists of conversations, kept up to date by the lobby's frames.
 *
 * Whatever a summary carries belongs here and in `lobby-state.ts`: assignees and tags are further
 * filters of `list` and further fields of `change`.
 */
export function makeLobby({
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
  /** Per status: the cursor of the next page, null after the last one. Void after a `clear`. */
  let nextPages = new Map<string, string | null>();
  let isLoading = false;
  let isScheduled = false;

  return {
    filter,

    /** The conversations of the filter, in order. */
    conversations: computed(() => {
      revision.value;
      return state.list(filter.value);
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
      return state.rooms.get(id);
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
    },

    summaries(summaries: Summary[], cursor: string) {
      addSummaries(summaries, cursor);
      update();
    },

    /** A room was erased. */
    removed(room: string, cursor?: string) {
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

    /** Loads the next conversations of the list that the connection did not bring. */
    async loadMore() {
      const status = filter.value === "open" ? "active" : filter.value;
      const cursor = nextPages.get(status);
      if (isLoading || cursor === null) return;
      if (state.list(status).length >= state.counts[status]) return;
      isLoading = true;
      const order = status === "waiting" ? "waiting" : "activity";
      const query = new URLSearchParams({ status, order, limit: `${PAGE}` });
      if (cursor) query.set("cursor", cursor);
      // After a `clear` meanwhile, the pages begin from the first one.
      const pages = nextPages;
      await attempt(async () => {
        const page = await call<{ results: Summary[]; next: string | null }>(
          "GET",
          `rooms/?${query}`,
        );
        pages.set(status, page.next);
        add(page.results);
      });
      isLoading = false;
    },

    /** Changes a room, for example the visitor's details. Throws what the server refuses. */
    async change(id: string, fields: object) {
      const { summary } = await call<{ summary: Summary }>("PATCH", `rooms/${id}/`, fields);
      add([summary]);
    },
  };

  function addSummaries(summaries: Summary[], cursor: string) {
    for (const summary of summaries) {
      const { before, added } = state.add(summary);
      const mayAlert = isConnected() || before;
      if (added && mayAlert && shouldAlert(before, summary, visibleRoom())) onNewMessage(summary);
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
