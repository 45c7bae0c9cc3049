import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Summary } from "../../shared/protocol";

export type Selection = ReturnType<typeof makeSelection>;

/** The rows that are marked, to change all of them at once. */
export function makeSelection(listed: ReadonlySignal<readonly Pick<Summary, "id">[]>) {
  const marked = signal<ReadonlySet<string>>(new Set());

  return {
    /** The marked ones of those that are listed. */
    ids: computed(() => listed.value.map(({ id }) => id).filter((id) => marked.value.has(id))),

    has: (id: string) => marked.value.has(id),

    toggle(id: string) {
      const next = new Set(marked.value);
      if (!next.delete(id)) next.add(id);
      marked.value = next;
    },

    clear() {
      marked.value = new Set();
    },
  };
}
