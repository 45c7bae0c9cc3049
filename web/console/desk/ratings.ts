import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Rating, RatingList, Summary } from "../../shared/protocol";
import { type Call, callForAll } from "../api";

interface Options {
  call: Call;
  /** The open conversation. */
  selected: ReadonlySignal<string | undefined>;
  /** The same as the lobby has it. */
  summary: ReadonlySignal<Summary | undefined>;
}

export type Ratings = ReturnType<typeof makeRatings>;

/**
 * What the customer thinks of the open conversation, once for each time it was closed. There is no
 * frame for it: a rating moves the version of the room, and only of one that is closed.
 */
export function makeRatings({ call, selected, summary }: Options) {
  const list = signal<readonly Rating[]>([]);
  let room: string | undefined;
  /** Which load is the newest one: an earlier one must not overwrite what it brings. */
  let loads = 0;
  const stop = effect(() => {
    const id = selected.value;
    // A new version of a closed conversation: reading it makes the effect run again.
    const isNews = summary.value?.status === "closed";
    if (id === room && !isNews) return;
    if (id !== room) list.value = [];
    room = id;
    loads += 1;
    if (id) load(id, loads);
  });

  return {
    /** By closing. */
    list,
    stop,
  };

  async function load(id: string, number: number) {
    try {
      const { results } = await callForAll<RatingList>(
        call,
        `rooms/${id}/ratings/`,
        ({ closing }: Rating) => closing,
      );
      if (number === loads) list.value = results;
    } catch {
      // Without them, everything else goes on; the next version loads them again.
    }
  }
}
