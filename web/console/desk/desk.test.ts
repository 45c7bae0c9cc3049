import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Summary } from "../../shared/protocol";
import { makeStorage } from "../../shared/storage";
import { FakeClock } from "../../shared/testing/clock";
import { FakeSocket } from "../../shared/testing/socket";
import { FakeStorage } from "../../shared/testing/storage";
import { agent, english, fakeCall, joinedFrame, message, note, summary } from "../testing/fixtures";
import type { Alerts } from "./alerts";
import { type Desk, makeDesk } from "./desk";
import { makeNotices, type Notices } from "./notices";
import { makeSession, type Session } from "./session";
import { makeSettings } from "./settings";

let clock: FakeClock;
let events: EventTarget;
let sockets: FakeSocket[];
let storage: FakeStorage;
let notices: Notices;
let session: Session;
let desk: Desk;
const newMessage = vi.fn((_: Summary, _open: () => void) => {});
const reloadPage = vi.fn();

beforeEach(() => {
  clock = new FakeClock();
  events = new EventTarget();
  sockets = [];
  storage = new FakeStorage();
  newMessage.mockClear();
  reloadPage.mockClear();
  vi.stubGlobal("document", { hidden: false });
  vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
  vi.stubGlobal("fetch", async () => new Response("{}"));
  notices = makeNotices({ clock });
  const { call } = fakeCall();
  const view = makeStorage(
    storage.view((key) => events.dispatchEvent(Object.assign(new Event("storage"), { key }))),
  );
  session = makeSession({
    language: english,
    call,
    clock,
    storage: view,
    notices,
    onSignIn() {
      desk = makeDesk({
        language: english,
        agentId: "ada",
        clock,
        call,
        storage: view,
        openSocket() {
          const socket = new FakeSocket();
          sockets.push(socket);
          return socket;
        },
        session,
        notices,
        alerts: { newMessage } as unknown as Alerts,
        settings: makeSettings({ storage: view }),
        pushBrowser: "unsupported",
        schedule: (then) => then(),
        isPageVisible: () => true,
        showDetails: true,
      });
    },
    onSignOut: () => desk.close(),
    reloadPage,
  });
  session.signIn(agent("ada"));
  connect();
});
afterEach(() => {
  desk.close();
  vi.unstubAllGlobals();
});

const socket = () => sockets.at(-1)!;
const types = () => socket().types;

function connect(change: object = {}) {
  socket().open();
  socket().deliver({
    type: "welcome",
    agent: agent("ada"),
    epoch: "e",
    cursor: "c1",
    recovered: false,
    summaries: [summary("room")],
    more: false,
    counts: { waiting: 0, active: 1, closed: 0 },
    online: ["room"],
    ping_interval_ms: 25_000,
    max_content: 100,
    reconnect_window_ms: 5_000,
    ...change,
  });
}

const reconnect = (change: object = {}) => {
  socket().end();
  clock.pass(5_000);
  connect(change);
};

const joined = (messages = [message(1)]) => socket().deliver({ ...joinedFrame({ messages }) });

describe("a welcome", () => {
  it("fills the lists and the composer's limit", () => {
    expect(desk.lobby.conversations.value).toMatchObject([{ id: "room", customer_online: true }]);
    expect(desk.composer.maxContent.value).toBe(100);
    expect(desk.connection.state.value).toBe("connected");
  });

  it("resumes from the newest cursor, and joins the open conversation again", () => {
    desk.conversation.open("room");
    joined();
    socket().deliver({ type: "summary", cursor: "c2", summary: summary("other") });
    reconnect({ recovered: true });
    expect(socket().sent).toEqual([
      { type: "hello", epoch: "e", cursor: "c2" },
      { type: "join", room_id: "room", epoch: "e", after: 1, after_note: 0 },
    ]);
  });

  it("with more pages lets unsent messages wait for the last one", () => {
    socket().end();
    desk.outgoing.post("message", "room", "hello");
    clock.pass(5_000);
    connect({ more: true });
    socket().deliver({ type: "summaries", cursor: "c2", summaries: [], more: true });
    expect(types()).toEqual(["hello"]);
    socket().deliver({ type: "summaries", cursor: "c3", summaries: [], more: false });
    expect(types()).toEqual(["hello", "post"]);
  });

  it("for another agent loads the page again, and shows nothing of theirs", () => {
    reconnect({ agent: agent("bob"), recovered: true, summaries: [summary("secret")] });
    expect(reloadPage).toHaveBeenCalledOnce();
    expect(desk.lobby.summaryOf("secret")).toBeUndefined();
  });
});

describe("an erased conversation", () => {
  beforeEach(() => {
    desk.conversation.open("room");
    joined();
    desk.composer.write("half a reply");
  });
  const shown = () => ({
    list: desk.lobby.conversations.value.map(({ id }) => id),
    open: desk.conversation.selected.value,
    stored: Object.values(storage.items).filter((text) => text.includes("half")),
  });

  it("disappears, with its draft, and the cursor moves", () => {
    socket().deliver({ type: "removed", cursor: "c2", room_id: "room" });
    expect(shown()).toEqual({ list: [], open: undefined, stored: [] });
    expect(notices.toast.value).toContain("erased");
    reconnect({ recovered: true });
    expect(socket().sent[0]).toMatchObject({ type: "hello", cursor: "c2" });
  });

  it("does not disturb another one that is open", () => {
    socket().deliver({ type: "removed", cursor: "c2", room_id: "other" });
    expect(shown()).toMatchObject({ list: ["room"], open: "room" });
  });

  it("that went while this console was offline closes when it cannot be joined", () => {
    reconnect({ summaries: [] });
    socket().deliver({ type: "error", room_id: "room", code: "not_found", message: "?" });
    expect(shown()).toEqual({ list: [], open: undefined, stored: [] });
  });
});

describe("a note", () => {
  const secret = note(3, { id: "n", content: "secret" });

  it("is shown among the messages until it arrives, and then as one of the notes", () => {
    desk.conversation.open("room");
    joined();
    desk.composer.setKind("note");
    desk.composer.write("secret");
    desk.composer.submit();
    const { id } = socket().sent.at(-1) as unknown as { id: string };
    expect(socket().sent.at(-1)).toEqual({ type: "note", room_id: "room", id, content: "secret" });
    socket().deliver({ type: "noted", room_id: "room", id, no: 3, duplicate: false });
    expect(desk.outgoing.pending.value).toMatchObject([{ kind: "note", isSent: true }]);
    socket().deliver({ type: "note", room_id: "room", note: { ...secret, id } });
    expect([desk.outgoing.pending.value, desk.notes.list.value.length]).toEqual([[], 1]);
  });

  it("is resumed from, beside the messages", () => {
    desk.conversation.open("room");
    socket().deliver({
      ...joinedFrame({ messages: [message(1)], notes: [secret], last_note: 3 }),
    });
    reconnect({ recovered: true });
    const join = { type: "join", room_id: "room", epoch: "e", after: 1, after_note: 3 };
    expect(socket().sent.at(-1)).toEqual(join);
  });

  it("goes with its conversation", () => {
    desk.conversation.open("room");
    socket().deliver({ ...joinedFrame({ notes: [secret], last_note: 3 }) });
    socket().deliver({ type: "removed", cursor: "c2", room_id: "room" });
    desk.conversation.open("room");
    expect(desk.notes.list.value).toEqual([]);
  });
});

describe("a reply", () => {
  beforeEach(() => {
    desk.conversation.open("room");
    joined();
    desk.composer.write("hello");
    desk.composer.submit();
  });
  const post = () => socket().sent.find(({ type }) => type === "post")!;
  const pending = () => desk.outgoing.pending.value.map(({ isSent }) => isSent);

  it("is shown until its message arrives, whether or not the ack comes first", () => {
    const { id } = post() as unknown as { id: string };
    expect(pending()).toEqual([false]);
    socket().deliver({ type: "ack", room_id: "room", id, seq: 2 });
    expect(pending()).toEqual([true]);
    const sent = message(2, { id, sender_type: "admin" });
    socket().deliver({ type: "message", room_id: "room", message: sent });
    expect(pending()).toEqual([]);
    expect(desk.conversation.messages.value.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it("that is refused can be edited", () => {
    socket().deliver({
      type: "error",
      id: post().id,
      room_id: "room",
      code: "invalid",
      message: "no",
      retryable: false,
    });
    const [refused] = desk.outgoing.pending.value;
    expect(refused).toMatchObject({ content: "hello", refused: "no" });
    desk.composer.insert(desk.outgoing.discard(refused!), "message");
    expect([desk.composer.draft.value, pending()]).toEqual(["hello", []]);
    expect(notices.toast.value, "it is shown at the message").toBe("");
  });
});

describe("an error", () => {
  const error = (code: string, change: object = {}) =>
    socket().deliver({ type: "error", code, message: "in words", retryable: true, ...change });

  it("of the disk or of a busy server is a banner until something works", () => {
    error("storage_unavailable");
    expect(notices.banner.value?.text).toMatch(/disk/);
    socket().deliver({ type: "ack", room_id: "room", id: "x", seq: 1 });
    expect(notices.banner.value).toBeUndefined();
    error("busy");
    expect(notices.banner.value?.text).toMatch(/busy/);
    reconnect();
    expect(notices.banner.value).toBeUndefined();
  });

  it("about no message is a toast", () => {
    error("invalid", { retryable: false });
    expect(notices.toast.value).toBe("in words");
  });

  it("about the open conversation makes it stale until it is joined", () => {
    desk.conversation.open("room");
    error("busy", { room_id: "room" });
    expect(desk.conversation.isStale.value).toBe(true);
    joined();
    expect([desk.conversation.isStale.value, notices.banner.value]).toEqual([false, undefined]);
  });
});

it("alerts to a new message, and opens its conversation from there", () => {
  const fresh = summary("room", { version: 2, unread_count: 2 });
  socket().deliver({ type: "summary", cursor: "c2", summary: fresh });
  const [[alerted, open]] = newMessage.mock.calls.slice(-1) as [[Summary, () => void]];
  expect(alerted).toEqual(fresh);
  open();
  expect(desk.conversation.selected.value).toBe("room");
});

it("announces a restart", () => {
  socket().deliver({ type: "going_away", reconnect_within_ms: 5_000 });
  expect(notices.banner.value?.text).toBe("The server is restarting.");
});

it("shows what another tab has written", () => {
  const other = makeStorage(storage.view());
  other.set(
    "shoptalk:console:ada:out:0190",
    JSON.stringify({ room: "room", content: "from there", at: 1 }),
  );
  expect(desk.outgoing.queued.value).toMatchObject([{ content: "from there" }]);
});

it("ends with the session: nothing is sent or timed any more", async () => {
  const [first] = sockets;
  first!.end(4500);
  await Promise.resolve();
  expect([session.agent.value, notices.banner.value?.isFinal]).toEqual([null, true]);
  events.dispatchEvent(new Event("online"));
  clock.pass(3_600_000);
  expect(sockets).toHaveLength(1);
});
