import type { Clock } from "../../shared/clock";

const RETRY_MS = 500;
const RETRY_MAX_MS = 20_000;

export interface JoiningOptions {
  clock: Clock;
  /** Asks the server to let us into a room. */
  ask: (room: string) => void;
  /** Told when `refused` may have changed. */
  changed: (refused: boolean) => void;
}

export type Joining = ReturnType<typeof makeJoining>;

/**
 * Being in the open conversation, whose news the server sends to those who have joined it.
 *
 * It may refuse that for a while: a room is in quarantine, the store is busy, or a room in which
 * we were could not be started again. Then it is asked for again, ever less often, until we are in.
 */
export function makeJoining({ clock, ask, changed }: JoiningOptions) {
  let room: string | undefined;
  let refusals = 0;
  let cancel = () => {};

  return {
    /** Joins a room, or joins it again: what was missed comes with the answer. */
    join,

    joined(id: string) {
      if (id === room) settle();
    },

    /** The server refused something about a room, and says that it may be asked for again. */
    refused(id: string, retryAfterMs = 0) {
      if (id !== room) return;
      cancel();
      const wait = Math.max(retryAfterMs, Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** refusals));
      refusals++;
      cancel = clock.after(wait, () => join(id));
      changed(true);
    },

    /** The connection is gone: whoever has a new one joins again. */
    lost() {
      cancel();
    },

    leave() {
      room = undefined;
      settle();
    },
  };

  function join(id: string) {
    cancel();
    if (id !== room) settle();
    room = id;
    ask(id);
  }

  function settle() {
    cancel();
    refusals = 0;
    changed(false);
  }
}
