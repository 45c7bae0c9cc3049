import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { AgentServerFrame, Message, Note, NoteList } from "../../shared/protocol";
import type { Call } from "../api";

/** The frames that bring notes. */
type NoteFrame = Extract<AgentServerFrame, { type: "joined" | "history" | "note" }>;

export interface NotesOptions {
  call: Call;
  /** The open conversation. */
  selected: ReadonlySignal<string | undefined>;
  /** Notes have arrived. */
  onNotes: (notes: readonly Note[]) => void;
}

export type Notes = ReturnType<typeof makeNotes>;

/** The notes of one room, by their numbers. */
interface RoomNotes {
  byNo: ReadonlyMap<number, Note>;
  /** Every note from the first one here up to this number is here; undefined: that is not known. */
  complete: number | undefined;
}

/** Rooms whose notes are kept after they were left. */
const MAX_ROOMS = 30;

/** An entry of what an agent sees of a conversation. */
export type Entry =
  | { kind: "message"; message: Message; at: string }
  | { kind: "note"; note: Note; at: string };

/**
 * Messages with the notes that stand among them. Notes before the first message here are left out,
 * unless it is the first of all: those of an older page come with it.
 */
export function withNotes(messages: readonly Message[], notes: readonly Note[]): Entry[] {
  const first = messages[0]?.seq ?? 1;
  const entries: Entry[] = [];
  let next = notes.findIndex(({ after_seq }) => first === 1 || after_seq >= first);
  if (next < 0) next = notes.length;
  const takeNotes = (before: number) => {
    for (; next < notes.length && notes[next]!.after_seq < before; next++) {
      const note = notes[next]!;
      entries.push({ kind: "note", note, at: note.created_at });
    }
  };
  for (const message of messages) {
    takeNotes(message.seq);
    entries.push({ kind: "message", message, at: message.created_at });
  }
  takeNotes(Number.POSITIVE_INFINITY);
  return entries;
}

/**
 * The notes about conversations: words among agents that no customer ever gets.
 *
 * They are apart from the log of messages, and a note has a number of its own. The server sends each
 * once and in order; whatever came twice is here once.
 */
export function makeNotes({ call, selected, onNotes }: NotesOptions) {
  /** By room, the least recently joined first. */
  const rooms = signal<ReadonlyMap<string, RoomNotes>>(new Map());

  return {
    /** The notes of the open conversation, in order. */
    list: computed((): readonly Note[] => {
      const notes = rooms.value.get(selected.value ?? "")?.byNo.values() ?? [];
      return [...notes].sort((a, b) => a.no - b.no);
    }),

    receive,

    /** The number to resume from, beside the last seq of the log. */
    resumeFrom: (room: string) => rooms.value.get(room)?.complete,

    /** Nothing of a room that was erased stays. */
    erased(room: string) {
      const kept = new Map(rooms.value);
      kept.delete(room);
      rooms.value = kept;
    },
  };

  function receive(frame: NoteFrame) {
    const room = frame.room_id;
    switch (frame.type) {
      case "joined":
        joined(frame);
        break;
      case "history":
        add(room, frame.notes ?? []);
        if (frame.notes_more) loadRest(room, frame.notes.at(-1)?.no);
        break;
      case "note":
        add(room, [frame.note]);
        break;
    }
  }

  function joined({
    room_id,
    recovered,
    // A server of the version before has none.
    notes = [],
    last_note = 0,
    notes_more = false,
  }: Extract<NoteFrame, { type: "joined" }>) {
    const before = recovered ? rooms.value.get(room_id) : undefined;
    const first = notes[0]?.no;
    let complete = before?.complete;
    if (complete === undefined && first !== undefined) complete = first - 1;
    if (complete === undefined && !notes_more) complete = last_note;
    store(room_id, { byNo: before?.byNo ?? new Map(), complete });
    add(room_id, notes);
  }

  function add(room: string, added: readonly Note[]) {
    const { byNo, complete } = rooms.value.get(room) ?? { byNo: new Map(), complete: undefined };
    const notes = new Map(byNo);
    for (const note of added) notes.set(note.no, note);
    let end = complete;
    while (end !== undefined && notes.has(end + 1)) end++;
    store(room, { byNo: notes, complete: end });
    if (added.length) onNotes(added);
  }

  function store(room: string, notes: RoomNotes) {
    const kept = new Map(rooms.value);
    kept.delete(room);
    kept.set(room, notes);
    if (kept.size > MAX_ROOMS) kept.delete(kept.keys().next().value as string);
    rooms.value = kept;
  }

  /** Gets notes of an older page that did not fit into its frame, up to those that are here. */
  async function loadRest(room: string, after = 0) {
    let next: number | null = after;
    while (next !== null) {
      let page: NoteList;
      try {
        page = await call<NoteList>("GET", `rooms/${room}/notes/?after=${next}&limit=200`);
      } catch {
        // They are asked for again when the page is.
        return;
      }
      const known = page.results.some(({ no }) => rooms.value.get(room)?.byNo.has(no));
      add(room, page.results);
      next = known ? null : page.next;
    }
  }
}
