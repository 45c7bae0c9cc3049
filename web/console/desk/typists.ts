import { signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";

export interface Typist {
  name: string;
  isVisitor: boolean;
}

/** Who is typing in the open conversation: the visitor or other agents. */
export function makeTypists({ clock }: { clock: Clock }) {
  const list = signal<readonly Typist[]>([]);
  const timers = new Map<string, () => void>();
  const keyOf = ({ name, isVisitor }: Typist) => `${isVisitor} ${name}`;

  return {
    list,

    /** Shows somebody for a while. */
    show(typist: Typist, ms: number) {
      hide(typist);
      list.value = [...list.value, typist];
      timers.set(
        keyOf(typist),
        clock.after(ms, () => hide(typist)),
      );
    },

    hide,

    clear() {
      for (const cancel of timers.values()) cancel();
      timers.clear();
      list.value = [];
    },
  };

  function hide(typist: Typist) {
    const key = keyOf(typist);
    timers.get(key)?.();
    timers.delete(key);
    list.value = list.value.filter((other) => keyOf(other) !== key);
  }
}
