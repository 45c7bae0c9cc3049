import { signal } from "@preact/signals";
import { beforeEach, expect, it } from "vitest";
import type { AgentClientFrame, Message, Note } from "../../shared/protocol";
import { makeStorage, type StorageArea } from "../../shared/storage";
import { FakeClock } from "../../shared/testing/clock";
import { english, message, note } from "../testing/fixtures";
import { makeOutgoing, type Outgoing } from "./outgoing";

const selected = signal<string | undefined>("room");
const messages = signal<readonly Message[]>([]);
const notes = signal<readonly Note[]>([]);
let area: StorageArea;
let sent: AgentClientFrame[];
let outgoing: Outgoing;

beforeEach(() => {
  selected.value = "room";
  messages.value = [];
  notes.value = [];
  area = {};
  sent = [];
  outgoing = makeOutgoing({
    language: english,
    clock: new FakeClock(),
    storage: makeStorage(area),
    agentId: "ada",
    send: (frame) => !!sent.push(frame),
    selected,
    messages,
    notes,
  });
  outgoing.resume();
});

const pending = () => outgoing.pending.value.map(({ content, isSent }) => [content, isSent]);
const error = { type: "error", code: "invalid", message: "no", retryable: false } as const;

it("stores a message under the agent's key and sends it", () => {
  const id = outgoing.post("message", "room", "hello");
  expect(Object.keys(area)).toEqual([`shoptalk:console:ada:out:${id}`]);
  expect(sent).toEqual([{ type: "post", room_id: "room", id, content: "hello" }]);
  expect(pending()).toEqual([["hello", false]]);
});

it("shows an acked message until it is in the log", () => {
  const id = outgoing.post("message", "room", "hello");
  outgoing.acked("message", id, true);
  expect([pending(), outgoing.queued.value]).toEqual([[["hello", true]], []]);
  messages.value = [message(1, { id })];
  outgoing.arrived("message", messages.value);
  expect(pending()).toEqual([]);
});

it("does not show an acked message that is in the log already", () => {
  outgoing.acked("message", outgoing.post("message", "room", "hello"), false);
  expect(pending()).toEqual([]);
});

it("counts a message in the log as acked", () => {
  const id = outgoing.post("message", "room", "hello");
  outgoing.arrived("message", [message(1, { id })]);
  expect(outgoing.queued.value).toEqual([]);
});

it("shows the open conversation's messages, and counts those of all", () => {
  outgoing.post("message", "room", "here");
  outgoing.post("message", "other", "there");
  expect([pending(), outgoing.queued.value.length]).toEqual([[["here", false]], 2]);
  selected.value = "other";
  expect(pending()).toEqual([["there", false]]);
});

it("forgets what was acked when another conversation is shown", () => {
  outgoing.acked("message", outgoing.post("message", "room", "hello"), true);
  outgoing.clearAcked();
  expect(pending()).toEqual([]);
});

it("keeps a refused message with its reason until it is discarded", () => {
  const id = outgoing.post("message", "room", "hello");
  outgoing.refused({ ...error, id });
  expect(outgoing.pending.value).toMatchObject([{ content: "hello", refused: "no" }]);
  const [pending] = outgoing.pending.value;
  expect([outgoing.discard(pending!), outgoing.pending.value]).toEqual(["hello", []]);
});

it("takes an unreadable frame for the message in flight, and no other error without an id", () => {
  outgoing.post("message", "room", "hello");
  outgoing.refused({ ...error, code: "busy" });
  expect(outgoing.pending.value[0]?.refused).toBeUndefined();
  outgoing.refused({ ...error, code: "bad_frame" });
  expect(outgoing.pending.value[0]?.refused).toBe("no");
});

it("sends again after a lost connection", () => {
  outgoing.post("message", "room", "hello");
  outgoing.pause();
  outgoing.resume();
  expect(sent).toHaveLength(2);
});

it("keeps notes apart from messages: under other keys and in other frames", () => {
  const id = outgoing.post("note", "room", "secret");
  expect(Object.keys(area)).toEqual([`shoptalk:console:ada:out-note:${id}`]);
  expect(sent).toEqual([{ type: "note", room_id: "room", id, content: "secret" }]);
  outgoing.pause();
  outgoing.resume();
  expect(sent.map(({ type }) => type)).toEqual(["note", "note"]);
  outgoing.acked("message", id, true);
  expect(outgoing.pending.value).toMatchObject([{ kind: "note", isSent: false }]);
  outgoing.acked("note", id, true);
  expect(outgoing.pending.value).toMatchObject([{ kind: "note", isSent: true }]);
  notes.value = [note(1, { id })];
  outgoing.arrived("note", notes.value);
  expect([outgoing.pending.value, outgoing.queued.value]).toEqual([[], []]);
});
