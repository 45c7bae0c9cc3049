import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Summary } from "../../shared/protocol";
import type { Language } from "../language/language";
import type { Settings } from "./settings";

/** `Notification`, as far as it is used. */
interface Notifications {
  readonly permission: NotificationPermission;
  requestPermission(): Promise<NotificationPermission>;
  new (
    title: string,
    options: NotificationOptions,
  ): { onclick: ((event: Event) => void) | null; close(): void };
}

/** The chime, as far as it is used: `sound.ts` plays it. */
export interface Sound {
  /** Whether the browser lets sounds out; most want a click or a key first. */
  isAudible: ReadonlySignal<boolean>;
  play(): void;
}

export interface AlertsOptions {
  settings: ReadonlySignal<Settings>;
  language: Language;
  sound: Sound;
  /** Undefined where the browser has none. */
  notifications: Notifications | undefined;
}

export type Alerts = ReturnType<typeof makeAlerts>;

/**
 * Alerts an agent to a visitor's message while the console is open: by sound and by a notification
 * of the browser. `ringing.ts` is about devices that ring while it is closed.
 */
export function makeAlerts({ settings, language, sound, notifications }: AlertsOptions) {
  const { t, format } = language;
  const permission = signal<NotificationPermission>(notifications?.permission ?? "denied");

  /** What keeps alerts from the agent; empty when they work. */
  const problem = computed(() => {
    const { sound: wantsSound, notify } = settings.value;
    if (wantsSound && !sound.isAudible.value) return t("alerts.soundWaits");
    if (notify && permission.value === "denied") return t("alerts.blocked");
    if (!wantsSound && !notify) return t("alerts.off");
    return "";
  });

  return {
    problem,
    permission: computed(() => permission.value),

    /** Asks the browser for its permission; must be called from a click. */
    async requestPermission() {
      if (notifications) permission.value = await notifications.requestPermission();
    },

    show,

    /** Alerts to a visitor's new message; `open` shows the conversation. */
    newMessage(summary: Summary, open: () => void) {
      show(format.visitor(summary), summary.last_message?.content ?? "", open, summary.id);
    },
  };

  /**
   * Alerts in every way that is switched on; `open` is called when the notification is clicked. Of
   * those with one tag the newest is shown, whether the page or the service worker shows it.
   */
  function show(title: string, body: string, open: () => void, tag = "shoptalk") {
    if (settings.value.sound) sound.play();
    if (!notifications || !settings.value.notify || permission.value !== "granted") return;
    try {
      const shown = new notifications(title, { body, tag, dir: "auto" });
      shown.onclick = () => {
        window.focus();
        open();
        shown.close();
      };
    } catch {
      // Browsers of phones have notifications for service workers only.
      permission.value = "denied";
    }
  }
}

/** Whether a change of a room is a visitor's new message in a room that nobody is looking at. */
export function shouldAlert(
  before: Summary | undefined,
  now: Summary,
  visibleRoom: string | undefined,
) {
  if (now.last_message?.sender_type !== "customer" || visibleRoom === now.id) return false;
  return !now.blocked && now.unread_count > (before?.unread_count ?? 0);
}
