/**
 * The console's state: what exists before sign-in, and the desk of whoever is signed in.
 *
 * Made once by `main.tsx` and handed to the views by `views/context.ts`.
 */
import { computed, signal } from "@preact/signals";
import { openWebSocket } from "../shared/browser";
import { browserClock, type Clock } from "../shared/clock";
import { makeStorage } from "../shared/storage";
import { call } from "./api";
import { makeAlerts } from "./desk/alerts";
import { type Desk, makeDesk } from "./desk/desk";
import { makeNotices } from "./desk/notices";
import { makeSession } from "./desk/session";
import { makeSettings } from "./desk/settings";
import { makeLanguage } from "./language/language";
import { pushBrowser } from "./push-browser";
import { makeSound } from "./sound";

export type App = ReturnType<typeof makeApp>;

/** How often waiting times on the page move on. */
const TICK_MS = 5_000;

/** `setupCode` is the secret of a setup link, if the page was opened by one. */
export function makeApp({ setupCode }: { setupCode: string | undefined }) {
  const clock = browserClock();
  const storage = makeStorage(localStorage);
  const notices = makeNotices({ clock });
  const settings = makeSettings({ storage });
  const language = makeLanguage({ preferred: navigator.languages });
  const alerts = makeAlerts({
    language,
    settings: settings.current,
    sound: makeSound(),
    notifications: typeof Notification === "undefined" ? undefined : Notification,
  });
  const desk = signal<Desk | undefined>(undefined);
  const session = makeSession({
    call,
    clock,
    storage,
    notices,
    language,
    onSignIn(agent) {
      desk.value = makeDesk({
        agentId: agent.id,
        clock,
        call,
        storage,
        openSocket: () => openWebSocket(`${location.origin}/ws/admin/chat/`),
        session,
        notices,
        alerts,
        language,
        settings,
        pushBrowser: pushBrowser(),
        schedule: beforeNextFrame,
        isPageVisible: () => document.visibilityState === "visible",
        showDetails: matchMedia("(min-width: 1100px)").matches,
      });
    },
    onSignOut() {
      desk.value?.close();
      desk.value = undefined;
    },
    reloadPage: () => location.reload(),
  });
  return {
    setupCode,
    now: makeTicker(clock),
    notices,
    settings,
    language,
    alerts,
    session,
    desk,
    /** How many visitors are waiting for an answer. */
    waitingCount: computed(() => desk.value?.lobby.counts.value.waiting ?? 0),
  };
}

/** The wall clock in ms, as a signal. */
function makeTicker(clock: Clock) {
  const now = signal(Date.now());
  const tick = () => {
    now.value = Date.now();
    clock.after(TICK_MS, tick);
  };
  clock.after(TICK_MS, tick);
  return now;
}

/** Calls `then` once, before the next frame; pages in the background get no frames. */
function beforeNextFrame(then: () => void) {
  let isDone = false;
  const run = () => {
    if (isDone) return;
    isDone = true;
    then();
  };
  requestAnimationFrame(run);
  setTimeout(run, 200);
}
