import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Summary } from "../../shared/protocol";

export type Selection = ReturnType<typeof makeSelection>;

/** The rows that are marked, to change all of them at once. */
export function makeSelection(listed: ReadonlySignal<readonly Summary[]>) {
  const marked = signal<ReadonlySet<string>>(new Set());
  const rooms = computed(() =>
    marked.value.size ? listed.value.filter(({ id }) => marked.value.has(id)) : [],
  );

  return {
    /** The marked ones of those that are listed. */
    rooms,

    has: (id: string) => marked.value.has(id),

    toggle(id: string) {
      const next = new Set(marked.value);
      if (!next.delete(id)) next.add(id);
      marked.value = next;
    },

    clear,

    /** Changes all of them, one after the other, so that a failure is about one of them. */
    async changeAll(change: (id: string) => Promise<unknown>) {
      for (const { id } of rooms.value) await change(id);
      clear();
    },
  };

  function clear() {
    marked.value = new Set();
  }
}
