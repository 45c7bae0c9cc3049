import { computed, effect, signal } from "@preact/signals";
import type {
  PushDevice,
  PushKeyAnswer,
  PushSubscriptionList,
  PushTestAnswer,
  PushTestResult,
} from "../../shared/protocol";
import { type Call, callForAll } from "../api";
import type { Language } from "../language/language";
import type { DeviceSettings } from "./settings";

/** What the browser offers for being rung, as far as it is used; `../push-browser.ts` has it. */
export interface PushBrowser {
  permission(): NotificationPermission;
  requestPermission(): Promise<NotificationPermission>;
  /** What the device has subscribed with, if it has. */
  current(): Promise<Subscription | undefined>;
  /** Subscribes with the server's key, in place of any other one. */
  subscribe(key: string): Promise<Subscription>;
}

export interface Subscription {
  endpoint: string;
  toJSON(): object;
  unsubscribe(): Promise<unknown>;
}

/** Why a device cannot be rung at all: it has to be installed first, or its browser knows no way. */
export type NoPush = "install" | "unsupported";

export interface RingingOptions {
  call: Call;
  settings: DeviceSettings;
  browser: PushBrowser | NoPush;
  language: Language;
}

export type Ringing = ReturnType<typeof makeRinging>;

/**
 * Whether this device is rung when a customer waits, also while the console is closed.
 *
 * The choice is the device's and stays with it. The subscription belongs to the session: each
 * sign-in subscribes anew, and the server drops it when the session ends.
 */
export function makeRinging({ call, settings, browser, language }: RingingOptions) {
  const { t, describeError } = language;
  const permission = signal<NotificationPermission>(
    typeof browser === "string" ? "denied" : browser.permission(),
  );
  /** What this device has subscribed with, once the server knows it. */
  const subscription = signal<Subscription | undefined>(undefined);
  /** What the switch shows: while it is being done, what the agent has chosen. */
  const isWanted = signal(false);
  const isBusy = signal(false);
  /** What is wrong, or how the test went. */
  const problem = signal("");
  const done = signal("");

  const state = computed(() => {
    if (typeof browser === "string") return browser;
    if (permission.value === "denied") return "blocked";
    return subscription.value ? "on" : "off";
  });
  /** The language in which the server notifies this device. */
  let spoken: string | undefined;
  const stop = effect(() => {
    const code = language.code.value;
    const known = subscription.value;
    if (known && spoken && code !== spoken) register(known).catch(() => {});
  });

  return {
    state,
    isWanted: computed(() => isWanted.value),
    isBusy: computed(() => isBusy.value),
    problem: computed(() => problem.value),
    done: computed(() => done.value),
    stop,

    /** After a sign-in: subscribes if this device is to be rung. */
    async resume() {
      if (typeof browser === "string" || !settings.current.value.ring) return;
      permission.value = browser.permission();
      if (permission.value === "granted") return attempt(subscribe);
      problem.value = t("ring.takenBack");
    },

    /** Rings this device from now on; must be called from a click. */
    turnOn: () =>
      attempt(async () => {
        if (typeof browser === "string") return;
        isWanted.value = true;
        permission.value = await browser.requestPermission();
        if (permission.value !== "granted") return;
        await subscribe();
        settings.change({ ring: true });
      }),

    turnOff: () =>
      attempt(async () => {
        if (typeof browser === "string") return;
        isWanted.value = false;
        const current = await browser.current();
        if (current) {
          await call("DELETE", "push/subscriptions/", { endpoint: current.endpoint });
          await current.unsubscribe();
        }
        settings.change({ ring: false });
        subscription.value = undefined;
      }),

    /** Rings this device now, and says what went wrong. */
    test: () =>
      attempt(async () => {
        const { results } = await call<PushTestAnswer>("POST", "push/test/");
        const own = results.find(({ endpoint }) => endpoint === subscription.value?.endpoint);
        if (own?.outcome === "accepted") done.value = t("ring.accepted");
        else problem.value = describeResult(own);
      }),
  };

  async function subscribe() {
    if (typeof browser === "string") return;
    const { key } = await call<PushKeyAnswer>("GET", "push/key/");
    const subscribed = await browser.subscribe(key);
    // Before it is stored again, since that forgets what was wrong.
    const known = await callForAll<PushSubscriptionList>(
      call,
      "push/subscriptions/",
      ({ endpoint }: PushDevice) => endpoint,
    );
    const before = known.results.find((each) => each.endpoint === subscribed.endpoint);
    if (before?.problem) problem.value = t("ring.refused", { detail: asSentence(before.problem) });
    else await register(subscribed);
    subscription.value = subscribed;
  }

  /** Has the server ring this device, in the language that the console speaks now. */
  async function register(device: Subscription) {
    const code = language.code.peek();
    spoken = code;
    await call("POST", "push/subscriptions/", { ...device.toJSON(), language: code });
  }

  function describeResult(result: PushTestResult | undefined): string {
    if (!result) return t("ring.unknown");
    const detail = asSentence(result.detail ?? "");
    return result.outcome === "gone" ? t("ring.gone") : t(`ring.${result.outcome}`, { detail });
  }

  async function attempt(task: () => Promise<void>) {
    if (isBusy.value) return;
    isBusy.value = true;
    problem.value = "";
    done.value = "";
    try {
      await task();
    } catch (error) {
      problem.value =
        error instanceof DOMException
          ? t("ring.browserFailed", { detail: asSentence(error.message) })
          : describeError(error);
    } finally {
      isBusy.value = false;
      isWanted.value = subscription.value !== undefined;
    }
  }
}

const asSentence = (text: string) =>
  text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
