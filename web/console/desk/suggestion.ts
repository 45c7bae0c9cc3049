import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { AgentServerFrame, Message, Suggestion } from "../../shared/protocol";
import type { Call } from "../api";
import type { Language } from "../language/language";

interface Options {
  call: Call;
  /** The open conversation. */
  selected: ReadonlySignal<string | undefined>;
  /** Its messages. */
  messages: ReadonlySignal<readonly Message[]>;
  showError: (text: string) => void;
  language: Language;
}

/** What the open conversation's suggestion is, and whether the customer has written since. */
export interface ShownSuggestion extends Suggestion {
  isStale: boolean;
}

/**
 * A program's suggestion for the next message of the open conversation. It is never sent by itself:
 * an agent takes it into the field, or dismisses it for all agents.
 */
export function makeSuggestion({ call, selected, messages, showError, language }: Options) {
  const latest = signal<{ room: string; suggestion: Suggestion } | undefined>(undefined);
  /** The one that this agent has taken: an undo must not bring it back twice. */
  const taken = signal<Suggestion | undefined>(undefined);

  const shown = computed<ShownSuggestion | undefined>(() => {
    if (!latest.value || latest.value.room !== selected.value) return undefined;
    const { suggestion } = latest.value;
    if (taken.value && isSame(taken.value, suggestion)) return undefined;
    const later = messages.value.filter(({ seq }) => seq > suggestion.after_seq);
    // Somebody has answered already.
    if (later.some(({ sender_type }) => sender_type === "admin")) return undefined;
    return { ...suggestion, isStale: later.length > 0 };
  });

  return {
    shown,

    receive(frame: Extract<AgentServerFrame, { type: "draft" | "joined" }>) {
      // A `draft` frame follows `joined` if there is one.
      const suggestion = frame.type === "draft" ? frame.draft : null;
      if (suggestion) latest.value = { room: frame.room_id, suggestion };
      else if (latest.value?.room === frame.room_id) latest.value = undefined;
    },

    /** The text for the field; it is shown no longer. */
    take(): string {
      const text = shown.value?.content ?? "";
      taken.value = shown.value;
      return text;
    },

    /** Removes it for all agents. */
    async dismiss() {
      const room = selected.value;
      taken.value = shown.value;
      try {
        await call("DELETE", `rooms/${room}/draft/`);
      } catch (error) {
        showError(language.describeError(error));
      }
    },
  };
}

const isSame = (one: Suggestion, other: Suggestion) =>
  one.created_at === other.created_at && one.content === other.content;
