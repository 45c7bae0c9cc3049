import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import type { Summary } from "../../shared/protocol";
import type { Call } from "../api";
import type { Language } from "../language/language";

/** A conversation that a search found. */
export type Hit = Summary & { match?: { seq: number | null; snippet: string } };

interface Found {
  query: string;
  results: readonly Hit[];
  /** Older messages were not searched. */
  truncated?: boolean;
  /** Why the search failed. */
  problem?: string;
}

export interface SearchOptions {
  clock: Clock;
  call: Call;
  language: Language;
  /** What the list shows without a query. */
  conversations: ReadonlySignal<readonly Summary[]>;
  onResults: (summaries: Summary[]) => void;
}

export type Search = ReturnType<typeof makeSearch>;

export const MAX_RESULTS = 50;
/** A search begins after this pause in typing. */
const PAUSE_MS = 150;

/** The search over names and messages. */
export function makeSearch({ clock, call, language, conversations, onResults }: SearchOptions) {
  /** The text in the field. */
  const text = signal("");
  /** Without blanks around it; empty when the list is not searched. */
  const query = computed(() => text.value.trim());
  const lastFound = signal<Found | undefined>(undefined);
  let cancelTimer = () => {};

  return {
    text,
    query,

    /** What the present query found; undefined until the server has replied. */
    found: computed(() => (lastFound.value?.query === query.value ? lastFound.value : undefined)),

    /** What the list shows: what was found last, or all conversations without a query. */
    listed: computed((): readonly Hit[] =>
      query.value ? (lastFound.value?.results ?? []) : conversations.value,
    ),

    setText(now: string) {
      text.value = now;
      cancelTimer();
      if (query.value) cancelTimer = clock.after(PAUSE_MS, () => search(query.value));
      else lastFound.value = undefined;
    },
  };

  async function search(searched: string) {
    let found: Found;
    try {
      const path = `rooms/?limit=${MAX_RESULTS}&q=${encodeURIComponent(searched.toWellFormed())}`;
      const page = await call<{ results: Hit[]; truncated?: boolean }>("GET", path);
      onResults(page.results.map(({ match, ...summary }) => summary));
      found = { query: searched, ...page };
    } catch (error) {
      found = { query: searched, results: [], problem: language.describeError(error) };
    }
    // The reply to an earlier query may come late.
    if (searched === query.value) lastFound.value = found;
  }
}
