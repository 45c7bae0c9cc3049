import { beforeEach, describe, expect, it, vi } from "vitest";
import type { AgentServerFrame, Summary } from "../../shared/protocol";
import { FakeClock } from "../../shared/testing/clock";
import { agent, fakeCall, minute, settle, summary } from "../testing/fixtures";
import { type Lobby, makeLobby } from "./lobby";

type Welcome = Extract<AgentServerFrame, { type: "welcome" }>;

const welcome = (change: Partial<Welcome> = {}): Welcome => ({
  type: "welcome",
  protocol: 1,
  agent: agent(),
  epoch: "e",
  cursor: "c1",
  recovered: false,
  summaries: [],
  more: false,
  counts: { waiting: 0, active: 0, closed: 0 },
  online: [],
  ping_interval_ms: 25_000,
  max_content: 8_000,
  reconnect_window_ms: 5_000,
  ...change,
});

let clock: FakeClock;
let isConnected: boolean;
let visibleRoom: string | undefined;
let scheduled: (() => void)[];
const onNewMessage = vi.fn();

beforeEach(() => {
  clock = new FakeClock();
  isConnected = true;
  visibleRoom = undefined;
  scheduled = [];
  onNewMessage.mockClear();
});

function setUp(...responses: unknown[]) {
  const { call, calls } = fakeCall(...responses);
  const lobby = makeLobby({
    agentId: "ada",
    clock,
    call,
    attempt: (task) =>
      task().then(
        () => true,
        () => false,
      ),
    schedule: (then) => scheduled.push(then),
    isConnected: () => isConnected,
    visibleRoom: () => visibleRoom,
    onNewMessage,
  });
  return { lobby, calls };
}

/** The screen's next frame. */
const nextFrame = () => {
  for (const then of scheduled.splice(0)) then();
};
const listed = (lobby: Lobby) => lobby.conversations.value.map(({ id }) => id);
const closedPage = (ids: string[], next: string | null) => ({
  results: ids.map((id) => summary(id, { status: "closed" })),
  next,
});

describe("the lists", () => {
  it("follow the frames once per frame of the screen", () => {
    const { lobby } = setUp();
    expect(listed(lobby)).toEqual([]);
    lobby.welcome(welcome({ summaries: [summary("a")], online: ["a"] }));
    lobby.summaries([summary("b", { last_message_at: minute(5) })], "c2");
    expect([listed(lobby), scheduled.length]).toEqual([[], 1]);
    nextFrame();
    expect(listed(lobby)).toEqual(["b", "a"]);
    expect(lobby.summaryOf("a")?.customer_online).toBe(true);
    lobby.online("a", false);
    lobby.counted({ waiting: 1, active: 1, closed: 0 });
    nextFrame();
    expect(lobby.summaryOf("a")?.customer_online).toBe(false);
    expect(lobby.counts.value.waiting).toBe(1);
  });

  it("show the filter's conversations", () => {
    const { lobby } = setUp();
    lobby.add([summary("a"), summary("b", { status: "closed" })]);
    nextFrame();
    expect(listed(lobby)).toEqual(["a"]);
    lobby.filter.value = "closed";
    expect(listed(lobby)).toEqual(["b"]);
  });

  it("have the visitor waiting longest", () => {
    const { lobby } = setUp();
    lobby.add([summary("a"), summary("b", { status: "waiting", waiting_since: minute(1) })]);
    nextFrame();
    expect(lobby.longestWaiting.value?.id).toBe("b");
  });
});

describe("resuming", () => {
  it("starts from nothing, then from the newest cursor", () => {
    const { lobby } = setUp();
    expect(lobby.resumeFrom()).toEqual({});
    lobby.welcome(welcome());
    lobby.summaries([summary("a")], "c2");
    expect(lobby.resumeFrom()).toEqual({ epoch: "e", cursor: "c2" });
  });

  it("keeps the rooms when it succeeded, and replaces them when it did not", () => {
    const { lobby } = setUp();
    lobby.welcome(welcome({ summaries: [summary("a")] }));
    lobby.welcome(welcome({ recovered: true, summaries: [summary("b")] }));
    nextFrame();
    expect(listed(lobby)).toEqual(["a", "b"]);
    lobby.welcome(welcome({ summaries: [summary("c")] }));
    nextFrame();
    expect(listed(lobby)).toEqual(["c"]);
  });
});

describe("a visitor's new message", () => {
  const before = summary("a");
  const after = summary("a", { version: 2, unread_count: 2 });

  it("alerts, unless its room is visible", () => {
    const { lobby } = setUp();
    lobby.summaries([before], "c1");
    lobby.summaries([after], "c2");
    expect(onNewMessage.mock.calls.map(([{ version }]) => version)).toEqual([1, 2]);
    visibleRoom = "a";
    lobby.summaries([summary("a", { version: 3, unread_count: 3 })], "c3");
    expect(onNewMessage).toHaveBeenCalledTimes(2);
  });

  it("alerts while a resume goes on only in a known room", () => {
    const { lobby } = setUp();
    lobby.add([before]);
    isConnected = false;
    lobby.welcome(welcome({ recovered: true, summaries: [after, summary("b")] }));
    expect(onNewMessage.mock.calls.map(([{ id }]) => id)).toEqual(["a"]);
  });

  it("does not alert when a newer summary is known, or when a call brought it", () => {
    const { lobby } = setUp();
    lobby.add([after]);
    lobby.summaries([before], "c1");
    expect(onNewMessage).not.toHaveBeenCalled();
  });
});

describe("loading more", () => {
  const counts = { waiting: 0, active: 0, closed: 3 };

  it("goes on page by page, until the last one", async () => {
    const { lobby, calls } = setUp(closedPage(["a", "b"], "p&2"), closedPage(["c"], null));
    lobby.welcome(welcome({ counts }));
    lobby.filter.value = "closed";
    await lobby.loadMore();
    await lobby.loadMore();
    lobby.counted({ ...counts, closed: 4 });
    await lobby.loadMore();
    expect(calls.map(({ path }) => path)).toEqual([
      "rooms/?status=closed&order=activity&limit=200",
      "rooms/?status=closed&order=activity&limit=200&cursor=p%262",
    ]);
    nextFrame();
    expect(listed(lobby)).toEqual(["a", "b", "c"]);
  });

  it("is not needed when the whole list is there", async () => {
    const { lobby, calls } = setUp();
    lobby.welcome(welcome({ counts }));
    await lobby.loadMore();
    expect(calls).toEqual([]);
  });

  it("loads the waiting list by waiting time", async () => {
    const { lobby, calls } = setUp({ results: [] as Summary[], next: null });
    lobby.welcome(welcome({ counts: { ...counts, waiting: 1 } }));
    lobby.filter.value = "waiting";
    await lobby.loadMore();
    expect(calls[0]!.path).toBe("rooms/?status=waiting&order=waiting&limit=200");
  });

  it("loads those who wait first, and goes on behind a page that brings nothing new", async () => {
    const known = summary("a", { status: "waiting" });
    const { lobby, calls } = setUp(
      { results: [known], next: "w2" },
      { results: [known], next: null },
      { results: [summary("b")], next: null },
    );
    lobby.welcome(welcome({ summaries: [known], counts: { waiting: 2, active: 1, closed: 0 } }));
    await lobby.loadMore();
    expect(calls.map(({ path }) => path)).toEqual([
      "rooms/?status=waiting&order=waiting&limit=200",
      "rooms/?status=waiting&order=waiting&limit=200&cursor=w2",
      "rooms/?status=active&order=activity&limit=200",
    ]);
    nextFrame();
    expect(listed(lobby)).toEqual(["a", "b"]);
    expect(lobby.loading.value).toBe(0);
    await lobby.loadMore();
    expect(calls).toHaveLength(3);
  });

  it("loads a list while a page of another one is on its way, and each page once", async () => {
    const { lobby, calls } = setUp(closedPage(["a"], null), closedPage([], null));
    lobby.welcome(welcome({ counts: { waiting: 1, active: 0, closed: 1 } }));
    lobby.filter.value = "closed";
    const closed = [lobby.loadMore(), lobby.loadMore()];
    lobby.filter.value = "waiting";
    const waiting = lobby.loadMore();
    expect(lobby.loading.value).toBe(2);
    await Promise.all([...closed, waiting]);
    expect(calls.map(({ path }) => path)).toEqual([
      "rooms/?status=closed&order=activity&limit=200",
      "rooms/?status=waiting&order=waiting&limit=200",
    ]);
  });

  it("loads spam that waits, which is in no count", async () => {
    const junk = summary("junk", { spam: true, status: "waiting" });
    const { lobby, calls } = setUp({ results: [junk], next: null });
    lobby.welcome(welcome());
    lobby.showScope("spam");
    await lobby.loadMore();
    expect(calls[0]!.path).toBe("rooms/?status=waiting&order=waiting&limit=200&spam=true");
    nextFrame();
    expect(listed(lobby)).toEqual(["junk"]);
  });

  it("ends at a page that cannot be loaded", async () => {
    const { lobby, calls } = setUp(new Error("no network"), closedPage(["a"], null));
    lobby.welcome(welcome({ counts }));
    lobby.filter.value = "closed";
    await lobby.loadMore();
    expect([calls.length, lobby.loading.value]).toEqual([1, 0]);
    await lobby.loadMore();
    expect(calls).toHaveLength(2);
  });

  it("begins from the first page when a welcome has replaced the lists", async () => {
    const { lobby, calls } = setUp(closedPage(["a", "b", "c"], null), closedPage(["a"], null));
    lobby.welcome(welcome({ counts }));
    lobby.filter.value = "closed";
    await lobby.loadMore();
    lobby.welcome(welcome({ counts }));
    await lobby.loadMore();
    expect(calls).toHaveLength(2);
    expect(calls[1]!.path).toBe(calls[0]!.path);
    nextFrame();
    expect(listed(lobby)).toEqual(["a"]);
  });
});

it("changes a room and has what the server made of it", async () => {
  const { lobby, calls } = setUp({ summary: summary("a", { version: 2, customer_name: "Ann" }) });
  lobby.add([summary("a")]);
  await lobby.change("a", { customer_name: " Ann " });
  expect(calls).toEqual([{ method: "PATCH", path: "rooms/a/", body: { customer_name: " Ann " } }]);
  nextFrame();
  expect(lobby.summaryOf("a")?.customer_name).toBe("Ann");
});

describe("whose conversations are shown", () => {
  const ada = { id: "ada", display_name: "Ada" };
  const tag = { id: "t", name: "order", color: "#112233" };

  it("is everybody's, one's own, nobody's or spam, and those with a tag", () => {
    const { lobby } = setUp();
    const summaries = [
      summary("own", { assignee: ada, tags: [tag] }),
      summary("free"),
      summary("junk", { spam: true, tags: [tag] }),
      summary("later", { snoozed_until: minute(99), last_message_at: minute(9) }),
    ];
    lobby.welcome(welcome({ summaries }));
    nextFrame();
    expect(listed(lobby)).toEqual(["free", "own", "later"]);
    lobby.showScope("mine");
    expect(listed(lobby)).toEqual(["own"]);
    lobby.showScope("unassigned");
    expect(listed(lobby)).toEqual(["free", "later"]);
    lobby.showScope("spam");
    expect(listed(lobby)).toEqual(["junk"]);
    lobby.showScope("spam");
    lobby.tag.value = "t";
    expect(listed(lobby)).toEqual(["own"]);
  });

  it("is loaded in pages of its own", async () => {
    const page = { results: [summary("own", { assignee: ada })], next: null };
    const { lobby, calls } = setUp(page);
    lobby.welcome(welcome({ counts: { waiting: 0, active: 2, closed: 0 } }));
    lobby.showScope("mine");
    await lobby.loadMore();
    expect(calls.map(({ path }) => path)).toEqual([
      "rooms/?status=active&order=activity&limit=200&assignee=me",
    ]);
    await lobby.loadMore();
    expect(calls).toHaveLength(1);
  });

  it("is counted again a moment after a change, once for many", async () => {
    const counts = { waiting: 0, active: 2, closed: 0, mine: 1, unassigned: 1 };
    const { lobby, calls } = setUp({ results: [], next: null, counts });
    lobby.summaries([summary("a"), summary("b", { assignee: ada })], "c2");
    expect(calls).toEqual([]);
    clock.pass(1_000);
    await settle();
    expect(calls).toHaveLength(1);
    expect(lobby.assigned.value).toEqual({ mine: 1, unassigned: 1 });
  });

  it("is counted again if it changes while a count is on its way", async () => {
    const page = (mine: number) => ({
      results: [],
      next: null,
      counts: { waiting: 0, active: 2, closed: 0, mine, unassigned: 0 },
    });
    const { lobby, calls } = setUp(page(1), page(2));
    lobby.summaries([summary("a", { assignee: ada })], "c2");
    clock.pass(1_000);
    lobby.summaries([summary("b", { assignee: ada })], "c3");
    await settle();
    expect([calls.length, lobby.assigned.value.mine]).toEqual([1, 1]);
    clock.pass(1_000);
    await settle();
    expect([calls.length, lobby.assigned.value.mine]).toEqual([2, 2]);
    clock.pass(10_000);
    expect(calls).toHaveLength(2);
  });

  it("is counted again when a conversation was erased", async () => {
    const counts = { waiting: 0, active: 0, closed: 0, mine: 0, unassigned: 0 };
    const { lobby, calls } = setUp({ results: [], next: null, counts });
    lobby.summaries([summary("a")], "c2");
    clock.pass(1_000);
    await settle();
    lobby.removed("unknown");
    clock.pass(1_000);
    expect(calls).toHaveLength(1);
    lobby.removed("a");
    clock.pass(1_000);
    expect(calls).toHaveLength(2);
  });

  it("is not counted any more at the end", () => {
    const { lobby, calls } = setUp();
    lobby.summaries([summary("a")], "c2");
    lobby.close();
    clock.pass(10_000);
    expect(calls).toEqual([]);
  });

  it("decides who rings: neither spam nor what is put off", () => {
    const { lobby } = setUp();
    lobby.welcome(welcome());
    const rings = (id: string, change: Partial<Summary>) => {
      onNewMessage.mockClear();
      lobby.summaries([summary(id, change)], "c2");
      return onNewMessage.mock.calls.length > 0;
    };
    expect(rings("a", {})).toBe(true);
    expect(rings("b", { spam: true })).toBe(false);
    expect(rings("c", { snoozed_until: minute(99) })).toBe(false);
  });
});
