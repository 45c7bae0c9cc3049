import type { Clock } from "../../shared/clock";

const RETRY_MS = 500;
const RETRY_MAX_MS = 20_000;

export interface JoiningOptions {
  clock: Clock;
  /** Sends the join frame for a room. */
  sendJoin: (room: string) => void;
  /** Called whenever a join was refused or is no longer refused. */
  onRefused: (isRefused: boolean) => void;
}

export type Joining = ReturnType<typeof makeJoining>;

/**
 * Keeps the console joined to the open conversation; the server sends a room's messages only to
 * those who have joined it.
 *
 * The server may refuse a join for a while: the room is in quarantine, the store is busy, or a
 * joined room could not be started again. Then it is tried again, with a back-off.
 */
export function makeJoining({ clock, sendJoin, onRefused }: JoiningOptions) {
  let room: string | undefined;
  let refusals = 0;
  let cancelTimer = () => {};

  return {
    /** Joins a room, or joins it again: the reply brings what was missed. */
    join,

    /** The server has replied. */
    joined(id: string) {
      if (id === room) reset();
    },

    /** The server replied with a retryable error about a room. */
    refused(id: string, retryAfterMs = 0) {
      if (id !== room) return;
      cancelTimer();
      const wait = Math.max(retryAfterMs, Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** refusals));
      refusals++;
      cancelTimer = clock.after(wait, () => join(id));
      onRefused(true);
    },

    /** The connection is lost; the room must be joined again on the next one. */
    disconnected() {
      cancelTimer();
    },

    leave() {
      room = undefined;
      reset();
    },
  };

  function join(id: string) {
    cancelTimer();
    if (id !== room) reset();
    room = id;
    sendJoin(id);
  }

  function reset() {
    cancelTimer();
    refusals = 0;
    onRefused(false);
  }
}
