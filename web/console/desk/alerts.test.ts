import { signal } from "@preact/signals";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { english, summary } from "../testing/fixtures";
import { type Alerts, makeAlerts, shouldAlert } from "./alerts";
import type { Settings } from "./settings";

const settings = signal<Settings>({
  theme: "auto",
  language: "auto",
  sound: true,
  notify: true,
  ring: false,
});
const isAudible = signal(true);
const play = vi.fn();

/** The browser's notifications, with the ones that were shown. */
function fakeNotifications(permission: NotificationPermission) {
  const shown: { title: string; body: string | undefined; onclick: (() => void) | null }[] = [];
  class FakeNotification {
    static permission = permission;
    static requestPermission = async () => "granted" as const;
    static throws = false;
    onclick = null;
    constructor(title: string, { body }: NotificationOptions) {
      if (FakeNotification.throws) throw new TypeError("Illegal constructor");
      shown.push(Object.assign(this, { title, body }));
    }
    close() {}
  }
  return { shown, FakeNotification };
}

const make = (permission: NotificationPermission = "granted") => {
  const { shown, FakeNotification } = fakeNotifications(permission);
  const alerts: Alerts = makeAlerts({
    language: english,
    settings,
    sound: { isAudible, play },
    notifications: FakeNotification,
  });
  return { alerts, shown, FakeNotification };
};

beforeEach(() => {
  settings.value = { theme: "auto", language: "auto", sound: true, notify: true, ring: false };
  isAudible.value = true;
  play.mockClear();
});

describe("an alert", () => {
  it("sounds and shows a notification that opens the conversation", () => {
    vi.stubGlobal("window", { focus: vi.fn() });
    const { alerts, shown } = make();
    const open = vi.fn();
    alerts.newMessage(summary("Ann"), open);
    expect(play).toHaveBeenCalledOnce();
    expect(shown).toMatchObject([{ title: "Ann", body: "?" }]);
    shown[0]!.onclick!();
    expect(open).toHaveBeenCalledOnce();
    vi.unstubAllGlobals();
  });

  it("uses only what is switched on and permitted", () => {
    settings.value = { ...settings.value, sound: false };
    const { alerts, shown } = make("default");
    alerts.newMessage(summary("Ann"), () => {});
    expect([play.mock.calls, shown]).toEqual([[], []]);
  });

  it("falls back to sound where only service workers may notify", () => {
    const { alerts, FakeNotification } = make();
    FakeNotification.throws = true;
    alerts.newMessage(summary("Ann"), () => {});
    expect(play).toHaveBeenCalledOnce();
    expect(alerts.permission.value).toBe("denied");
  });

  it("uses notifications once they are permitted", async () => {
    const { alerts, shown } = make("default");
    await alerts.requestPermission();
    alerts.show("a", "b", () => {});
    expect(shown).toHaveLength(1);
  });
});

it.each<[string, Partial<Settings>, boolean, NotificationPermission]>([
  ["", {}, true, "granted"],
  ["Sound starts with your first click on this page", {}, false, "granted"],
  ["The browser blocks notifications", {}, true, "denied"],
  ["Sound and notifications are off", { sound: false, notify: false }, true, "granted"],
])("the problem is %j", (expected, changes, audible, permission) => {
  settings.value = { ...settings.value, ...changes };
  isAudible.value = audible;
  expect(make(permission).alerts.problem.value).toBe(expected);
});

describe("a change of a room", () => {
  const before = summary("a", { unread_count: 1 });

  it("is an alert when a visitor writes in a room that is not visible", () => {
    expect(shouldAlert(before, summary("a", { unread_count: 2 }), undefined)).toBe(true);
    expect(shouldAlert(undefined, summary("a"), "b")).toBe(true);
  });

  it("is none in the visible room, for an agent's reply, a read mark or a blocked visitor", () => {
    expect(shouldAlert(before, summary("a", { unread_count: 2 }), "a")).toBe(false);
    expect(shouldAlert(before, summary("a", { unread_count: 1 }), undefined)).toBe(false);
    expect(shouldAlert(before, summary("a", { unread_count: 2, blocked: true }), undefined)).toBe(
      false,
    );
    const reply = { ...summary("a").last_message!, sender_type: "admin" as const };
    expect(
      shouldAlert(before, summary("a", { unread_count: 2, last_message: reply }), undefined),
    ).toBe(false);
  });
});
