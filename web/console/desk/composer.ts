import { batch, computed, signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import { MAX_CONTENT, TYPING_INTERVAL_MS } from "../../shared/limits";
import type { BrowserStorage } from "../../shared/storage";
import { isBlank } from "../../shared/text";
import type { Language } from "../language/language";
import type { Kind } from "./outgoing";
import { firstUnfilled } from "./placeholders";

export interface ComposerOptions {
  clock: Clock;
  storage: BrowserStorage;
  language: Language;
  agentId: string;
  /** Lets the others in a room know that the agent is typing; false when there is no connection. */
  sendTyping: (room: string) => boolean;
  post: (kind: Kind, room: string, content: string) => void;
}

export type Composer = ReturnType<typeof makeComposer>;

/** What the field is for at the moment: the text in it belongs to this conversation and kind alone. */
interface Place {
  room: string;
  kind: Kind;
}

/**
 * The field in which an agent writes, for messages or for notes, with a stored draft of each per
 * conversation. Which of them is written belongs to the conversation, too.
 *
 * A note never becomes a message: the draft of one is never shown as the other's, and what is sent
 * goes where it was written.
 *
 * Canned replies insert their text here (`replies.ts`).
 */
export function makeComposer({
  clock,
  storage,
  language: { t },
  agentId,
  sendTyping,
  post,
}: ComposerOptions) {
  /** The text in the field. */
  const draft = signal("");
  /** Why the draft could not be stored. */
  const problem = signal("");
  const maxContent = signal(MAX_CONTENT);
  const charactersLeft = computed(() => maxContent.value - [...draft.value].length);
  /** A place of a canned reply that nobody has filled in. */
  const unfilled = computed(() => firstUnfilled(draft.value));
  const canSend = computed(
    () => !isBlank(draft.value) && charactersLeft.value >= 0 && !unfilled.value,
  );
  const place = signal<Place | undefined>(undefined);
  const kind = computed(() => place.value?.kind ?? "message");
  let typingSentAt = Number.NEGATIVE_INFINITY;
  const prefix = `shoptalk:console:${agentId}`;
  const keyOf = ({ room, kind }: Place) =>
    `${prefix}:${kind === "note" ? "draft-note" : "draft"}:${room}`;
  const modeKey = (room: string) => `${prefix}:mode:${room}`;

  return {
    draft,
    /** Whether a message or a note is written. */
    kind,
    problem,
    maxContent,
    charactersLeft,
    unfilled,
    canSend,

    /** Shows the draft of a conversation, of the kind that was written there last. */
    open(room: string) {
      show({ room, kind: storage.get(modeKey(room)) === "note" ? "note" : "message" });
    },

    /** From now on a message or a note is written in this conversation. */
    setKind,

    /** Drops the drafts of a conversation that was erased. */
    forget(room: string) {
      storage.remove(modeKey(room));
      for (const kind of ["message", "note"] as const) storage.remove(keyOf({ room, kind }));
    },

    /** The agent has changed the text. */
    write(text: string) {
      setDraft(text);
      const { room, kind } = place.value ?? {};
      // The customer would wait for what never comes.
      if (!room || kind === "note") return;
      if (!text || clock.now() - typingSentAt < TYPING_INTERVAL_MS) return;
      if (sendTyping(room)) typingSentAt = clock.now();
    },

    /** Puts a text of this kind before what is there. */
    insert(text: string, kind: Kind) {
      setKind(kind);
      setDraft([text, draft.value].filter(Boolean).join("\n"));
    },

    /** Sends the text, unless it is blank or too long, or something is left to be filled in. */
    submit() {
      if (!place.value || !canSend.value) return;
      post(place.value.kind, place.value.room, draft.value.trim());
      typingSentAt = Number.NEGATIVE_INFINITY;
      setDraft("");
    },
  };

  function show(next: Place) {
    batch(() => {
      place.value = next;
      draft.value = storage.get(keyOf(next)) ?? "";
      problem.value = "";
    });
  }

  function setKind(kind: Kind) {
    if (!place.value || kind === place.value.kind) return;
    const { room } = place.value;
    if (kind === "note") storage.set(modeKey(room), kind);
    else storage.remove(modeKey(room));
    show({ room, kind });
  }

  function setDraft(text: string) {
    if (!place.value) return;
    draft.value = text;
    problem.value = "";
    if (!text) storage.remove(keyOf(place.value));
    else if (!storage.set(keyOf(place.value), text)) {
      problem.value = t("composer.notStored");
    }
  }
}
