import { beforeEach, describe, expect, it } from "vitest";
import type { AgentClientFrame, Message, Summary } from "../../shared/protocol";
import { FakeClock } from "../../shared/testing/clock";
import { english, joinedFrame, message, summary } from "../testing/fixtures";
import { type Conversation, makeConversation } from "./conversation";

let clock: FakeClock;
let sent: AgentClientFrame[];
let isOnline: boolean;
let isVisible: boolean;
let known: Record<string, Summary>;
let events: string[];
let lastNotes: Record<string, number>;
let conversation: Conversation;

beforeEach(() => {
  clock = new FakeClock();
  sent = [];
  isOnline = isVisible = true;
  known = {};
  lastNotes = {};
  events = [];
  conversation = makeConversation({
    language: english,
    clock,
    send(frame) {
      if (isOnline) sent.push(frame);
      return isOnline;
    },
    lobby: { epoch: "e", summaryOf: (id) => known[id] },
    lastNote: (id) => lastNotes[id],
    isPageVisible: () => isVisible,
    onOpen: (id) => events.push(`open ${id}`),
    onLeave: () => events.push("leave"),
    onMessages: (messages) => events.push(`messages ${messages.map(({ seq }) => seq)}`),
    showError: (text) => events.push(text),
  });
});

const page = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
const joined = (from: number, to: number, recovered = false, id = "room") =>
  conversation.receive(joinedFrame({ room_id: id, messages: page(from, to), recovered }));
const older = (messages: Message[], more: boolean) =>
  conversation.receive({
    type: "history",
    room_id: "room",
    messages,
    more,
    notes: [],
    notes_more: false,
  });
const seqs = () => conversation.messages.value.map(({ seq }) => seq);
const types = () => sent.map(({ type }) => type);

describe("opening", () => {
  it("joins the room and shows what the lobby knows until the reply", () => {
    known.room = summary("room");
    conversation.open("room");
    expect(conversation.selected.value).toBe("room");
    expect(conversation.room.value).toBe(known.room);
    expect(conversation.summary.value).toBe(known.room);
    expect(sent).toEqual([{ type: "join", room_id: "room", tail: 50 }]);
    joined(1, 3);
    expect(seqs()).toEqual([1, 2, 3]);
    expect(events).toEqual(["leave", "open room", "messages 1,2,3"]);
  });

  it("again sends nothing", () => {
    conversation.open("room");
    conversation.open("room");
    expect(types()).toEqual(["join"]);
  });

  it("another one leaves the first, whose log is kept for coming back", () => {
    conversation.open("room");
    joined(1, 3);
    conversation.open("other");
    expect([seqs(), conversation.room.value]).toEqual([[], undefined]);
    conversation.open("room");
    expect(seqs()).toEqual([1, 2, 3]);
    expect(sent.slice(1)).toEqual([
      { type: "leave", room_id: "room" },
      { type: "join", room_id: "other", tail: 50 },
      { type: "leave", room_id: "other" },
      { type: "join", room_id: "room", epoch: "e", after: 3 },
    ]);
  });

  it("forgets the log that was not opened for longest after 30", () => {
    conversation.open("room");
    joined(1, 3);
    for (let n = 0; n < 30; n++) conversation.open(`room ${n}`);
    conversation.open("room");
    expect(seqs()).toEqual([]);
  });

  it("ignores frames of other rooms", () => {
    conversation.open("room");
    joined(1, 3, false, "other");
    expect(seqs()).toEqual([]);
  });
});

describe("messages", () => {
  beforeEach(() => {
    conversation.open("room");
    joined(10, 12);
    sent = [];
  });

  it("are appended as they come", () => {
    conversation.receive({ type: "message", room_id: "room", message: message(13) });
    conversation.receive({
      type: "messages",
      room_id: "room",
      messages: page(14, 15),
      more: false,
    });
    expect(seqs()).toEqual([10, 11, 12, 13, 14, 15]);
  });

  it("are requested again after a gap", () => {
    conversation.receive({ type: "message", room_id: "room", message: message(14) });
    expect(seqs()).toEqual([10, 11, 12]);
    expect(sent).toEqual([{ type: "join", room_id: "room", epoch: "e", after: 12 }]);
  });

  it("resume with the last note", () => {
    lastNotes = { room: 7 };
    conversation.rejoin();
    expect(sent).toEqual([{ type: "join", room_id: "room", epoch: "e", after: 12, after_note: 7 }]);
  });

  it("are replaced when the server could not resume", () => {
    joined(40, 41);
    expect(seqs()).toEqual([40, 41]);
  });

  it("before the first one are loaded one page at a time", () => {
    conversation.loadOlder();
    conversation.loadOlder();
    expect(sent).toEqual([{ type: "history", room_id: "room", before: 10, limit: 50 }]);
    older(page(1, 9), false);
    expect(seqs()[0]).toBe(1);
    conversation.loadOlder();
    expect(sent).toHaveLength(1);
  });

  it("may be requested again after an error", () => {
    conversation.loadOlder();
    conversation.refused(undefined);
    conversation.loadOlder();
    expect(types()).toEqual(["history", "history"]);
  });

  it("are loaded in large pages back to a searched one", () => {
    conversation.open("room", 3);
    expect(sent).toEqual([{ type: "history", room_id: "room", before: 10, limit: 200 }]);
    older(page(5, 9), true);
    expect(sent).toHaveLength(2);
    older(page(2, 4), true);
    expect([sent.length, conversation.target.value]).toEqual([2, 3]);
  });

  it("are missing in the open conversation's log or not", () => {
    expect(conversation.lacks("room", 12)).toBe(false);
    expect(conversation.lacks("room", 13)).toBe(true);
    expect(conversation.lacks("other", 13), "another room's log is not shown").toBe(false);
  });

  it("get their read marks", () => {
    conversation.receive({ type: "read", room_id: "room", reader: "admin", seq: 11 });
    expect(conversation.messages.value.map(({ is_read }) => is_read)).toEqual([true, true, false]);
  });
});

describe("a refused join", () => {
  it("makes the conversation stale until a later try succeeds", () => {
    conversation.open("room");
    conversation.refused("room", 1_200);
    expect([conversation.isStale.value, conversation.visibleRoom()]).toEqual([true, undefined]);
    clock.pass(1_200);
    expect(types()).toEqual(["join", "join"]);
    joined(1, 1);
    expect([conversation.isStale.value, conversation.visibleRoom()]).toEqual([false, "room"]);
  });
});

describe("a new connection", () => {
  it("joins the open conversation again", () => {
    conversation.rejoin();
    conversation.open("room");
    joined(1, 3);
    conversation.disconnected();
    conversation.rejoin();
    expect(sent).toEqual([
      { type: "join", room_id: "room", tail: 50 },
      { type: "join", room_id: "room", epoch: "e", after: 3 },
    ]);
  });
});

describe("typing", () => {
  it("ends with the message, and with the connection", () => {
    conversation.open("room");
    joined(1, 1);
    const typing = (sender_name: string, sender_type: "customer" | "admin") =>
      conversation.receive({
        type: "typing",
        room_id: "room",
        sender_type,
        sender_name,
        expires_in_ms: 6_000,
      });
    typing("Ann", "customer");
    typing("Bob", "admin");
    conversation.receive({ type: "message", room_id: "room", message: message(2) });
    expect(conversation.typists.value).toEqual([{ name: "Bob", isVisitor: false }]);
    conversation.disconnected();
    expect(conversation.typists.value).toEqual([]);
  });
});

describe("the read mark", () => {
  beforeEach(() => {
    known.room = summary("room", { unread_count: 2 });
    conversation.open("room");
    joined(1, 3);
    sent = [];
  });

  it("is sent once for the newest message", () => {
    conversation.markRead();
    conversation.markRead();
    expect(sent).toEqual([{ type: "read", room_id: "room", seq: 3 }]);
  });

  it("is not sent while the page is hidden or nothing is unread", () => {
    isVisible = false;
    conversation.markRead();
    isVisible = true;
    known.room = summary("room", { unread_count: 0 });
    conversation.markRead();
    expect(sent).toEqual([]);
  });

  it("is sent again when there was no connection", () => {
    isOnline = false;
    conversation.markRead();
    isOnline = true;
    conversation.markRead();
    expect(types()).toEqual(["read"]);
  });
});

it("changes the status, or shows that it is offline", () => {
  conversation.setStatus("closed");
  conversation.open("room");
  conversation.setStatus("closed");
  expect(sent.at(-1)).toEqual({ type: "status", room_id: "room", status: "closed" });
  isOnline = false;
  conversation.setStatus("active");
  expect(events.at(-1)).toMatch(/^Offline\./);
});

describe("a message whose text was removed", () => {
  const contents = () => conversation.messages.value.map(({ content }) => content);

  it("is empty at once", () => {
    conversation.open("room");
    joined(1, 3);
    conversation.receive({ type: "redacted", room_id: "room", seq: 2 });
    expect(contents()).toEqual(["1", "", "3"]);
  });

  it("while the conversation was not open is empty after joining again", () => {
    conversation.open("room");
    joined(1, 3);
    conversation.open("other");
    conversation.open("room");
    expect(contents()).toEqual(["1", "2", "3"]);
    conversation.receive(joinedFrame({ recovered: true, redacted: [1] }));
    expect(contents()).toEqual(["", "2", "3"]);
  });
});
