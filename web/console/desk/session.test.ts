import { describe, expect, it } from "vitest";
import { makeStorage } from "../../shared/storage";
import { FakeClock } from "../../shared/testing/clock";
import { agent, english, fakeCall, refused, settle } from "../testing/fixtures";
import { makeNotices } from "./notices";
import { makeSession } from "./session";

const KEY = "shoptalk:console:agent";

function setUp(responses: unknown[] = [], area: Record<string, string> = {}) {
  const clock = new FakeClock();
  const notices = makeNotices({ clock });
  const { call, calls } = fakeCall(...responses);
  const events: string[] = [];
  const session = makeSession({
    language: english,
    call,
    clock,
    storage: makeStorage(area),
    notices,
    onSignIn: ({ id }) => events.push(`in ${id}`),
    onSignOut: () => events.push("out"),
    reloadPage: () => events.push("reload"),
  });
  return { clock, notices, calls, events, area, session };
}

describe("restoring a session", () => {
  it("asks the server who is signed in", async () => {
    const { session, calls, events, area } = setUp([{ agent: agent("ada") }]);
    expect(session.agent.value).toBeUndefined();
    await session.restore();
    expect(calls).toMatchObject([{ method: "GET", path: "me/" }]);
    expect([session.agent.value?.id, events]).toEqual(["ada", ["in ada"]]);
    expect(JSON.parse(area[KEY]!)).toMatchObject({ id: "ada" });
  });

  it("does not ask when an agent is stored", async () => {
    const { session, calls } = setUp([], { [KEY]: JSON.stringify(agent("ada")) });
    await session.restore();
    expect([session.agent.value?.id, calls]).toEqual(["ada", []]);
  });

  it.each(["{", "null", "{}"])("ignores %j in the storage", async (stored) => {
    const { session, calls } = setUp([{ agent: agent("ada") }], { [KEY]: stored });
    await session.restore();
    expect([session.agent.value?.id, calls.length]).toEqual(["ada", 1]);
  });

  it("finds out that nobody is signed in", async () => {
    const { session, events } = setUp([refused(401, "unauthorized")]);
    await session.restore();
    expect([session.agent.value, events]).toEqual([null, []]);
  });

  it("tries again every 3 s while the server cannot be reached", async () => {
    const { session, notices, clock } = setUp([new TypeError("fetch"), { agent: agent("ada") }]);
    await session.restore();
    expect(session.agent.value).toBeUndefined();
    expect(notices.banner.value?.text).toMatch(/cannot be reached/);
    clock.pass(3_000);
    await settle();
    expect([session.agent.value?.id, notices.banner.value]).toEqual(["ada", undefined]);
  });
});

describe("the end of a session", () => {
  it("comes with signing out, here or everywhere", async () => {
    const { session, calls, events, area, notices } = setUp();
    session.signIn(agent("ada"));
    await session.signOut(true);
    expect(calls).toEqual([{ method: "POST", path: "logout/", body: { everywhere: true } }]);
    expect([session.agent.value, events, area]).toEqual([null, ["in ada", "out"], {}]);
    expect(notices.banner.value).toBeUndefined();
  });

  it("does not come when signing out fails", async () => {
    const { session, notices } = setUp([new TypeError("fetch")]);
    session.signIn(agent("ada"));
    await session.signOut(false);
    expect(session.agent.value?.id).toBe("ada");
    expect(notices.toast.value).toMatch(/cannot be reached/);
  });

  it("comes with a call that is refused with 401", async () => {
    const { session, notices } = setUp();
    session.signIn(agent("ada"));
    expect(await session.attempt(() => Promise.reject(refused(401)))).toBe(false);
    expect(session.agent.value).toBeNull();
    expect(notices.banner.value).toEqual({ text: "Your session has ended.", isFinal: true });
  });
});

it("shows why an attempt failed", async () => {
  const { session, notices } = setUp();
  session.signIn(agent("ada"));
  expect(await session.attempt(async () => {})).toBe(true);
  expect(await session.attempt(() => Promise.reject(refused(409, "conflict", "taken")))).toBe(
    false,
  );
  expect([notices.toast.value, session.agent.value?.id]).toEqual(["Taken.", "ada"]);
});

describe("a welcome", () => {
  it("updates the agent's details", () => {
    const { session, events } = setUp();
    session.signIn(agent("ada"));
    expect(session.confirm(agent("ada", { display_name: "Ada L." }))).toBe(true);
    expect([session.agent.value?.display_name, events]).toEqual(["Ada L.", ["in ada"]]);
  });

  it("for another agent loads the page again for that one", () => {
    const { session, events, area } = setUp();
    session.signIn(agent("ada"));
    expect(session.confirm(agent("bob"))).toBe(false);
    expect(events).toEqual(["in ada", "reload"]);
    expect(JSON.parse(area[KEY]!)).toMatchObject({ id: "bob" });
  });
});

describe("being on duty", () => {
  it("is asked of the server, whose response is shown", async () => {
    const { session, calls } = setUp([{ agent: agent("ada", { on_duty: false }) }]);
    session.update(agent("ada"));
    await session.setOnDuty(false);
    expect(calls).toEqual([{ method: "PATCH", path: "me/", body: { on_duty: false } }]);
    expect(session.agent.value?.on_duty).toBe(false);
  });

  it("stays as it is when the server refuses, and shows that", async () => {
    const { session, notices } = setUp([refused(503, "busy")]);
    const before = agent("ada");
    session.update(before);
    await session.setOnDuty(false);
    expect(session.agent.value).toEqual(before);
    expect(session.agent.value).not.toBe(before);
    expect(notices.toast.value).toMatch(/very busy/);
  });
});
