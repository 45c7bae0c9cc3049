import { computed, signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";

export interface Banner {
  text: string;
  /** Stays until the agent acts: the connection does not come back by itself. */
  isFinal: boolean;
}

export type Notices = ReturnType<typeof makeNotices>;

const TOAST_MS = 8_000;

/** What the console tells the agent about itself: a banner about the server, and short toasts. */
export function makeNotices({ clock }: { clock: Clock }) {
  const toast = signal("");
  /** Its text is read anew in each language. */
  const banner = signal<{ read: () => string; isFinal: boolean } | undefined>(undefined);
  let cancelToast = () => {};

  return {
    /** What just happened; empty after a few seconds. */
    toast,
    /** What is wrong with the server or the session, if anything. */
    banner: computed((): Banner | undefined => {
      const shown = banner.value;
      return shown && { text: shown.read(), isFinal: shown.isFinal };
    }),

    showToast(text: string) {
      toast.value = text;
      cancelToast();
      cancelToast = clock.after(TOAST_MS, () => {
        toast.value = "";
      });
    },

    showBanner(read: () => string, { isFinal = false } = {}) {
      banner.value = { read, isFinal };
    },

    /** The server works again; a final banner stays. */
    clearBanner() {
      if (!banner.value?.isFinal) banner.value = undefined;
    },

    /** Removes any banner, because the agent has acted on it. */
    dismissBanner() {
      banner.value = undefined;
    },
  };
}
