import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { AgentServerFrame } from "../../shared/protocol";

/** Who else has the open conversation open. */
export function makeViewers({
  selected,
  ownName,
}: {
  selected: ReadonlySignal<string | undefined>;
  ownName: () => string | undefined;
}) {
  const shown = signal<{ room: string; agents: readonly string[] } | undefined>(undefined);

  return {
    others: computed(() => {
      if (!shown.value || shown.value.room !== selected.value) return [];
      const others = [...shown.value.agents];
      const own = others.indexOf(ownName() ?? "");
      if (own >= 0) others.splice(own, 1);
      return others;
    }),

    receive(frame: Extract<AgentServerFrame, { type: "viewers" }>) {
      shown.value = { room: frame.room_id, agents: frame.agents };
    },
  };
}
