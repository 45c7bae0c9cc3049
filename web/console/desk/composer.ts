import { computed, signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import { MAX_CONTENT, TYPING_INTERVAL_MS } from "../../shared/limits";
import type { BrowserStorage } from "../../shared/storage";
import { isBlank } from "../../shared/text";
import type { Language } from "../language/language";
import { firstUnfilled } from "./placeholders";

export interface ComposerOptions {
  clock: Clock;
  storage: BrowserStorage;
  language: Language;
  agentId: string;
  /** Lets the others in a room know that the agent is typing; false when there is no connection. */
  sendTyping: (room: string) => boolean;
  post: (room: string, content: string) => void;
}

export type Composer = ReturnType<typeof makeComposer>;

/**
 * The field in which an agent writes, with a stored draft per conversation.
 *
 * Canned replies insert their text here (`replies.ts`), and a mode for private notes belongs here.
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
  let room: string | undefined;
  let typingSentAt = Number.NEGATIVE_INFINITY;
  const keyOf = (id: string) => `shoptalk:console:${agentId}:draft:${id}`;

  return {
    draft,
    problem,
    maxContent,
    charactersLeft,
    unfilled,
    canSend,

    /** Shows the draft of a conversation. */
    open(id: string) {
      room = id;
      draft.value = storage.get(keyOf(id)) ?? "";
      problem.value = "";
    },

    /** Drops the draft of a conversation that was erased. */
    forget(id: string) {
      storage.remove(keyOf(id));
    },

    /** The agent has changed the text. */
    write(text: string) {
      setDraft(text);
      if (!room || !text || clock.now() - typingSentAt < TYPING_INTERVAL_MS) return;
      if (sendTyping(room)) typingSentAt = clock.now();
    },

    /** Puts a text before what is there. */
    insert(text: string) {
      setDraft([text, draft.value].filter(Boolean).join("\n"));
    },

    /** Sends the text, unless it is blank or too long, or something is left to be filled in. */
    submit() {
      if (!room || !canSend.value) return;
      post(room, draft.value.trim());
      typingSentAt = Number.NEGATIVE_INFINITY;
      setDraft("");
    },
  };

  function setDraft(text: string) {
    if (!room) return;
    draft.value = text;
    problem.value = "";
    if (!text) storage.remove(keyOf(room));
    else if (!storage.set(keyOf(room), text)) {
      problem.value = t("composer.notStored");
    }
  }
}
