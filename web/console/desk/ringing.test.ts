import { describe, expect, it, vi } from "vitest";
import { makeStorage } from "../../shared/storage";
import { type Language, makeLanguage } from "../language/language";
import { english, fakeCall, refused } from "../testing/fixtures";
import { makeRinging, type PushBrowser } from "./ringing";
import { makeSettings } from "./settings";

const ENDPOINT = "https://push.example.com/phone";
const KEY = { key: "BKey" };
const device = (problem: string | null = null) => ({ endpoint: ENDPOINT, problem });
const known = (...results: object[]) => ({ results, next: null });

interface SetUp {
  responses?: unknown[];
  permission?: NotificationPermission;
  answer?: NotificationPermission;
  ring?: boolean;
  language?: Language;
}

function setUp({
  responses = [],
  permission = "default",
  answer = "granted",
  ring,
  language = english,
}: SetUp = {}) {
  const { call, calls } = fakeCall(...responses);
  const settings = makeSettings({ storage: makeStorage({}) });
  if (ring) settings.change({ ring });
  const subscription = {
    endpoint: ENDPOINT,
    toJSON: () => ({ endpoint: ENDPOINT, keys: {} }),
    unsubscribe: vi.fn(async () => true),
  };
  const browser = {
    permission: () => permission,
    requestPermission: vi.fn(async () => answer),
    current: async () => subscription,
    subscribe: vi.fn(async (_key: string) => subscription),
  } satisfies PushBrowser;
  const ringing = makeRinging({ call, settings, browser, language });
  return { ringing, calls, settings, browser, subscription };
}

const paths = (calls: { method: string; path: string }[]) =>
  calls.map(({ method, path }) => `${method} ${path}`);

describe("ringing this device", () => {
  it("subscribes with the server's key once the browser permits it", async () => {
    const { ringing, calls, settings, browser } = setUp({ responses: [KEY, known(), {}] });
    expect(ringing.state.value).toBe("off");
    await ringing.turnOn();
    expect(browser.subscribe).toHaveBeenCalledWith("BKey");
    expect(calls.at(-1)).toEqual({
      method: "POST",
      path: "push/subscriptions/",
      body: { endpoint: ENDPOINT, keys: {}, language: "en" },
    });
    expect([ringing.state.value, settings.current.value.ring]).toEqual(["on", true]);
  });

  it("has the server speak the console's language, also once that is another one", async () => {
    const language = makeLanguage({ preferred: ["de"] });
    const { ringing, calls } = setUp({ responses: [KEY, known(), {}, {}], language });
    await language.show("fr");
    const spoken = () => calls.map(({ body }) => (body as { language?: string })?.language);
    expect(calls).toEqual([]);
    await ringing.turnOn();
    expect(spoken()).toEqual([undefined, undefined, "fr"]);
    await language.show("auto");
    expect(spoken()).toEqual([undefined, undefined, "fr", "de"]);
    await ringing.turnOff();
    await language.show("es");
    ringing.stop();
    await language.show("ar");
    expect(paths(calls).at(-1)).toBe("DELETE push/subscriptions/");
  });

  it.each(["denied", "default"] as const)("stays off when the answer is %s", async (answer) => {
    const { ringing, calls, settings } = setUp({ answer });
    await ringing.turnOn();
    expect(ringing.state.value).toBe(answer === "denied" ? "blocked" : "off");
    expect([calls, settings.current.value.ring]).toEqual([[], false]);
  });

  it("subscribes anew after a sign-in, on devices that are to ring only", async () => {
    const off = setUp({ permission: "granted" });
    await off.ringing.resume();
    expect([off.calls, off.ringing.state.value]).toEqual([[], "off"]);
    const on = setUp({ permission: "granted", ring: true, responses: [KEY, known(), {}] });
    await on.ringing.resume();
    expect([on.ringing.state.value, on.ringing.problem.value]).toEqual(["on", ""]);
    expect(on.browser.requestPermission).not.toHaveBeenCalled();
  });

  it("says when the permission was taken back", async () => {
    const { ringing, calls } = setUp({ permission: "denied", ring: true });
    await ringing.resume();
    expect(ringing.state.value).toBe("blocked");
    expect(ringing.problem.value).toMatch(/does not permit/);
    expect(calls).toEqual([]);
  });

  it("says what the push service has refused", async () => {
    const responses = [KEY, known(device("the push service refuses this server (403)"))];
    const { ringing, calls } = setUp({ permission: "granted", ring: true, responses });
    await ringing.resume();
    expect(ringing.problem.value).toMatch(/: The push service refuses this server \(403\)\.$/);
    expect([ringing.state.value, calls.length]).toEqual(["on", 2]);
  });

  it("ends at the server and in the browser", async () => {
    const { ringing, calls, settings, subscription } = setUp({ responses: [KEY, known(), {}] });
    await ringing.turnOn();
    await ringing.turnOff();
    expect(paths(calls).at(-1)).toBe("DELETE push/subscriptions/");
    expect(subscription.unsubscribe).toHaveBeenCalledOnce();
    expect([ringing.state.value, settings.current.value.ring]).toEqual(["off", false]);
  });

  it("shows what was chosen while it is being done, and then what holds", async () => {
    const { ringing } = setUp({ responses: [refused(503, "busy")] });
    const turning = ringing.turnOn();
    expect(ringing.isWanted.value).toBe(true);
    await turning;
    expect(ringing.isWanted.value).toBe(false);
  });

  it("stays on when the server cannot be told", async () => {
    const responses = [KEY, known(), {}, refused(503, "busy")];
    const { ringing, settings } = setUp({ responses });
    await ringing.turnOn();
    await ringing.turnOff();
    expect([ringing.state.value, ringing.isWanted.value]).toEqual(["on", true]);
    expect([settings.current.value.ring, ringing.problem.value]).toEqual([
      true,
      expect.stringMatching(/very busy/),
    ]);
  });

  it("says what the server or the browser refused", async () => {
    const { ringing, browser, settings } = setUp({ responses: [refused(503, "busy"), KEY] });
    await ringing.turnOn();
    expect(ringing.problem.value).toMatch(/very busy/);
    browser.subscribe.mockRejectedValueOnce(new DOMException("no push service", "AbortError"));
    await ringing.turnOn();
    expect(ringing.problem.value).toBe("The browser could not subscribe: No push service.");
    expect([ringing.state.value, ringing.isBusy.value]).toEqual(["off", false]);
    expect(settings.current.value.ring).toBe(false);
  });

  it.each(["install", "unsupported"] as const)("knows that it cannot: %s", async (browser) => {
    const { call, calls } = fakeCall();
    const settings = makeSettings({ storage: makeStorage({}) });
    const ringing = makeRinging({ call, settings, browser, language: english });
    await ringing.resume();
    expect([ringing.state.value, calls]).toEqual([browser, []]);
  });
});

describe("a test", () => {
  const test = async (results: object[]) => {
    const { ringing } = setUp({ responses: [KEY, known(), {}, { results }] });
    await ringing.turnOn();
    await ringing.test();
    return [ringing.done.value, ringing.problem.value];
  };

  it("says that the notification is on its way", async () => {
    const [done, problem] = await test([
      { endpoint: "https://push.example.com/other", outcome: "failed", detail: "away" },
      { endpoint: ENDPOINT, outcome: "accepted", detail: null },
    ]);
    expect([done, problem]).toEqual(["The notification is on its way to this device.", ""]);
  });

  it("says what went wrong on this device", async () => {
    const [done, problem] = await test([
      { endpoint: ENDPOINT, outcome: "failed", detail: "no response" },
    ]);
    expect([done, problem]).toEqual(["", "This device could not be reached: No response."]);
    expect((await test([]))[1]).toMatch(/does not know this device/);
  });
});
