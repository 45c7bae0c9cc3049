import { signal } from "@preact/signals";
import { beforeEach, expect, it } from "vitest";
import type { Note } from "../../shared/protocol";
import { fakeCall, joinedFrame, message, note, settle } from "../testing/fixtures";
import { makeNotes, type Notes, withNotes } from "./notes";

const selected = signal<string | undefined>("room");
let arrived: number[];
let notes: Notes;

const make = (...responses: unknown[]) => {
  const { call, calls } = fakeCall(...responses);
  notes = makeNotes({
    call,
    selected,
    onNotes: (added) => arrived.push(...added.map(({ no }) => no)),
  });
  return calls;
};

beforeEach(() => {
  selected.value = "room";
  arrived = [];
  make();
});

const numbers = () => notes.list.value.map(({ no }) => no);
const page = (from: number, to: number): Note[] =>
  Array.from({ length: to - from + 1 }, (_, index) => note(from + index));
const join = (from: number, to: number, change = {}) =>
  notes.receive(joinedFrame({ notes: page(from, to), last_note: to, ...change }));
const live = (no: number) => notes.receive({ type: "note", room_id: "room", note: note(no) });

it("shows the notes of the open room in order, each once", () => {
  join(4, 5);
  live(6);
  live(6);
  expect(numbers()).toEqual([4, 5, 6]);
  expect(arrived).toEqual([4, 5, 6, 6]);
  selected.value = "other";
  expect(numbers()).toEqual([]);
});

it("resumes after the last note without a gap before it", () => {
  expect(notes.resumeFrom("room")).toBeUndefined();
  join(4, 5);
  expect(notes.resumeFrom("room")).toBe(5);
  live(6);
  live(8);
  expect(notes.resumeFrom("room")).toBe(6);
  join(7, 9, { recovered: true });
  expect([numbers(), notes.resumeFrom("room")]).toEqual([[4, 5, 6, 7, 8, 9], 9]);
});

it("resumes after the newest one of a room whose page had none", () => {
  notes.receive(joinedFrame({ last_note: 12 }));
  expect(notes.resumeFrom("room")).toBe(12);
});

it("does not resume past notes that are still to come", () => {
  join(1, 200, { last_note: 300, notes_more: true });
  expect(notes.resumeFrom("room")).toBe(200);
  notes.receive(joinedFrame({ room_id: "other", last_note: 3, notes_more: true }));
  expect(notes.resumeFrom("other")).toBeUndefined();
});

it("begins again with a page that does not continue", () => {
  join(1, 5);
  join(1, 2);
  expect([numbers(), notes.resumeFrom("room")]).toEqual([[1, 2], 2]);
});

it("puts those of an older page in front, and gets what did not fit into it", async () => {
  const calls = make({ results: page(3, 4), next: null });
  join(4, 5);
  notes.receive({
    type: "history",
    room_id: "room",
    messages: [],
    more: false,
    notes: page(1, 2),
    notes_more: true,
  });
  await settle();
  expect(calls).toMatchObject([{ method: "GET", path: "rooms/room/notes/?after=2&limit=200" }]);
  expect([numbers(), notes.resumeFrom("room")]).toEqual([[1, 2, 3, 4, 5], 5]);
});

it("keeps nothing of an erased room", () => {
  join(1, 2);
  notes.erased("room");
  expect([numbers(), notes.resumeFrom("room")]).toEqual([[], undefined]);
});

const entries = (messages: number[], ...notes: [no: number, after: number][]) =>
  withNotes(
    messages.map((seq) => message(seq)),
    notes.map(([no, after_seq]) => note(no, { after_seq })),
  ).map((entry) => (entry.kind === "note" ? `note ${entry.note.no}` : entry.message.seq));

it.each([
  [entries([1, 2], [1, 0], [2, 1], [3, 1], [4, 2]), ["note 1", 1, "note 2", "note 3", 2, "note 4"]],
  // Those of an older page come with it.
  [entries([5, 6], [1, 0], [2, 4], [3, 5]), [5, "note 3", 6]],
  // Its message is still on its way.
  [entries([1], [1, 3]), [1, "note 1"]],
  [entries([], [1, 0]), ["note 1"]],
  [entries([5], [1, 2]), [5]],
])("stand among messages: %j", (shown, expected) => {
  expect(shown).toEqual(expected);
});
