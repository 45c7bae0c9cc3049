import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeWire } from "../shared/testing/socket";
import { FakeStorage } from "../shared/testing/storage";
import type { Shell } from "./interfaces";

const KEYS = "shoptalk:https://chat.example:";
const SESSION = `${KEYS}session`;

interface Request {
  path: string;
  bearer: string | undefined;
  body: Record<string, unknown>;
}

let storage: FakeStorage;
let dialed: { url: string; wire: FakeWire }[];
let requests: Request[];
/** What the server says to a request; throws when it cannot be reached. */
let serve: (request: Request) => { status: number; json?: unknown };
let rooms = 0;

beforeEach(() => {
  storage = new FakeStorage();
  dialed = [];
  requests = [];
  serve = opens();
  vi.stubGlobal("document", new EventTarget());
  vi.stubGlobal("location", { href: "https://shop.example/cups#top" });
  vi.stubGlobal("origin", "https://shop.example");
  vi.stubGlobal(
    "WebSocket",
    class {
      constructor(url: string) {
        const wire = new FakeWire();
        dialed.push({ url, wire });
        // biome-ignore lint/correctness/noConstructorReturn: the test holds the other end.
        return wire as never;
      }
    },
  );
  vi.stubGlobal("fetch", async (url: string, { headers, body }: RequestInit) => {
    const { authorization } = headers as Record<string, string>;
    const request = {
      path: new URL(url).pathname,
      bearer: authorization?.replace("Bearer ", ""),
      body: JSON.parse((body as string) ?? "{}"),
    };
    requests.push(request);
    const { status, json } = serve(request);
    return { ok: status < 300, status, json: async () => json };
  });
});
afterEach(() => vi.unstubAllGlobals());

/** A server that makes a room for everybody who asks, or finds the one that it has made. */
function opens() {
  const known = new Map<string, string>();
  return ({ path, bearer, body }: Request) => {
    if (path.endsWith("logout/")) return { status: 204 };
    const who = (body.identity as string) ?? bearer ?? `token-${++rooms}`;
    const room = known.get(who) ?? `room-${++rooms}`;
    const token = `token-${++rooms}`;
    known.set(who, room);
    known.set(token, room);
    return { status: 201, json: { room: { id: room }, token } };
  };
}

/** A JWT whose signature nobody here looks at. */
const jwt = (sub: unknown) => `x.${btoa(JSON.stringify({ sub }))}.x`;

/** A page with the chat loaded. A `deaf` one hears nothing of what other tabs do. */
async function tab({ deaf = false, identity }: { deaf?: boolean; identity?: string } = {}) {
  // Each page has its own copy of the code.
  vi.resetModules();
  const talk = await import("./conversation");
  const { use } = await import("./host");
  const events = new EventTarget();
  const view = storage.shelf((key) => {
    if (!deaf) events.dispatchEvent(Object.assign(new Event("storage"), { key }));
  });
  vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
  const seen = { emptied: 0 };
  const shell = {
    base: "https://chat.example",
    keys: KEYS,
    shelf: view,
    identity,
    emit() {},
    clear() {
      const ours = Object.keys(view).filter((key) => key.startsWith(KEYS));
      for (const key of ours.sort().reverse()) delete view[key];
    },
  } as unknown as Shell;
  use(shell);
  talk.converse(
    () => {},
    () => {},
    () => {
      seen.emptied++;
    },
  );
  talk.resume();
  return {
    shell,
    talk,
    seen,
    /** The browser says that the page is looked at again. */
    returns: () => events.dispatchEvent(new Event("pageshow")),
    get waiting() {
      return talk.unsent().map(({ content }) => content);
    },
  };
}

/** Lets promises settle: as many turns as any chain here has. */
async function settle() {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

const wire = () => dialed.at(-1)!.wire;
const kept = () => Object.keys(storage.items);
const session = () => JSON.parse(storage.items[SESSION] ?? "{}");
const unreachable = () => {
  throw new TypeError("Failed to fetch");
};

/** The server lets the newest socket in. */
function welcomes(room = session().room) {
  wire().open();
  wire().says({
    type: "welcome",
    epoch: "e",
    room_id: room,
    room: { id: room, status: "active", customer_read_seq: 0 },
    messages: [],
    recovered: false,
    more: false,
    agents_online: true,
    ping_interval_ms: 25_000,
    max_content: 8_000,
    reconnect_window_ms: 5_000,
  });
}

/** A tab in which somebody talks. */
async function talking(options: Parameters<typeof tab>[0] = {}) {
  const here = await tab(options);
  here.talk.begin({ customer_name: "Ann" });
  await settle();
  welcomes();
  return here;
}

const posted = () => dialed.flatMap((each) => each.wire.sent).filter(({ type }) => type === "post");

describe("signing out", () => {
  it("leaves nothing in the browser and ends the token", async () => {
    const here = await talking();
    const { token } = session();
    here.talk.keepDraft("half a sent");
    here.talk.post("on its way");
    await here.talk.reset();
    expect(storage.items).toEqual({});
    expect([here.waiting, here.talk.draft(), here.talk.begun]).toEqual([[], "", false]);
    expect(here.seen.emptied).toBe(1);
    expect(wire().closed).toBe(true);
    expect(requests.at(-1)).toMatchObject({ path: "/api/chat/logout/", bearer: token });
  });

  it("forgets what the storage had no room for, too", async () => {
    storage.full = true;
    const here = await tab();
    here.talk.begin({ customer_name: "Ann" });
    await settle();
    const { token } = here.talk.session;
    here.talk.keepDraft("half a sent");
    here.talk.post("on its way");
    await here.talk.reset();
    expect([here.waiting, here.talk.draft(), here.talk.session]).toEqual([[], "", {}]);
    expect(requests.at(-1)).toMatchObject({ path: "/api/chat/logout/", bearer: token });
  });

  it("is followed by the other tabs, whose fields are emptied", async () => {
    const here = await talking();
    const there = await tab({ identity: jwt("ann") });
    await here.talk.reset();
    expect(there.seen.emptied).toBe(1);
    expect([there.talk.begun, there.shell.identity]).toEqual([false, undefined]);
    expect(storage.items).toEqual({});
  });

  it("is followed by a tab of somebody who had no token yet", async () => {
    const here = await tab();
    serve = unreachable;
    here.talk.begin({ customer_name: "Ann" });
    const there = await tab();
    there.talk.keepDraft("half a sent");
    await here.talk.reset();
    expect([there.seen.emptied, there.talk.draft(), kept()]).toEqual([1, "", []]);
  });

  describe("in a tab that was told of nothing", () => {
    type Tab = Awaited<ReturnType<typeof talking>>;
    const acts: [string, (there: Tab) => void][] = [
      ["a frame of the server", () => wire().says({ type: "room", room: { status: "active" } })],
      ["the end of its token", () => wire().ends(4500)],
      ["the end of its room", () => wire().ends(4506)],
      ["a page that comes back", (there) => there.returns()],
      ["a click", (there) => there.talk.sync()],
    ];

    it.each(acts)("nothing is written back by %s", async (_, act) => {
      const here = await talking();
      const there = await talking({ deaf: true, identity: jwt("ann") });
      there.talk.post("of the former person");
      await here.talk.reset();
      expect(kept()).toEqual([]);
      act(there);
      await settle();
      expect(kept()).toEqual([]);
      expect(there.seen.emptied).toBeGreaterThan(0);
      expect([there.talk.begun, there.talk.session, there.waiting]).toEqual([false, {}, []]);
      expect(there.shell.identity).toBeUndefined();
    });

    it("nobody is signed in again by a click", async () => {
      const here = await talking();
      const there = await talking({ deaf: true, identity: jwt("ann") });
      await here.talk.reset();
      requests = [];
      there.talk.begin({ customer_name: "Bob" });
      await settle();
      expect(requests).toMatchObject([{ body: { customer_name: "Bob" }, bearer: undefined }]);
      expect(requests[0]!.body).not.toHaveProperty("identity");
    });

    it("a room that was asked for before is not taken", async () => {
      const here = await tab();
      const there = await tab({ deaf: true });
      here.talk.begin({ customer_name: "Ann" });
      there.returns();
      let answer = () => {};
      const held = new Promise<void>((done) => {
        answer = done;
      });
      const { fetch } = globalThis;
      vi.stubGlobal("fetch", async (...args: Parameters<typeof fetch>) => {
        const response = await fetch(...args);
        await held;
        return response;
      });
      there.talk.begin();
      await here.talk.reset();
      answer();
      await settle();
      expect(kept()).toEqual([]);
    });

    it("what the next person has begun stays theirs", async () => {
      const here = await talking();
      const there = await talking({ deaf: true, identity: jwt("ann") });
      await here.talk.reset();
      const later = Date.now() + 5;
      vi.spyOn(Date, "now").mockReturnValue(later);
      here.talk.begin({ customer_name: "Bob" });
      await settle();
      vi.restoreAllMocks();
      const bobs = session();
      there.returns();
      expect(there.seen.emptied).toBe(1);
      expect(there.shell.identity).toBeUndefined();
      expect(session()).toEqual(bobs);
      expect(there.talk.session).toEqual(bobs);
    });
  });
});

describe("another user", () => {
  it("finds nothing of the one before", async () => {
    const here = await tab();
    await here.talk.identify(jwt("ann"), true);
    await settle();
    const { token } = session();
    here.talk.keepDraft("half a sent");
    here.talk.post("of Ann");
    await here.talk.identify(jwt("bob"), true);
    await settle();
    expect(here.seen.emptied).toBe(1);
    expect([here.waiting, here.talk.draft()]).toEqual([[], ""]);
    expect(session().user).toBe("bob");
    expect(requests).toContainEqual(
      expect.objectContaining({ path: "/api/chat/logout/", bearer: token }),
    );
    expect(requests.at(-1)).toMatchObject({ body: { identity: jwt("bob") }, bearer: undefined });
  });

  it("gets no unsent text of one who never had a room", async () => {
    serve = unreachable;
    const before = await tab({ identity: jwt("ann") });
    before.talk.begin();
    before.talk.post("of Ann");
    before.talk.keepDraft("half a sent");
    serve = opens();
    const here = await tab({ identity: jwt("bob") });
    await here.talk.identify(jwt("bob"), false);
    here.talk.begin();
    await settle();
    expect([here.waiting, here.talk.draft()]).toEqual([[], ""]);
    expect(kept()).toEqual([SESSION]);
  });

  it("is looked up without a trace when the chat was not opened", async () => {
    const here = await tab();
    serve = ({ path, bearer }) => {
      expect(bearer).toBe(jwt("ann"));
      const room = { id: "r", last_seq: 4, customer_read_seq: 1 };
      const senders = ["customer", "admin", "customer", "admin"];
      return {
        status: 200,
        json: {
          results: path.endsWith("rooms/")
            ? [room]
            : senders.map((sender_type, at) => ({ seq: at + 1, sender_type })),
        },
      };
    };
    await here.talk.identify(jwt("ann"), false);
    expect(here.talk.unread()).toBe(2);
    expect([kept(), dialed]).toEqual([[], []]);
    await here.talk.reset();
    expect(here.talk.unread()).toBe(0);
  });

  it("gets the conversation that was begun without a name", async () => {
    const here = await talking();
    const { room, token } = session();
    here.talk.post("whose?");
    await here.talk.identify(jwt("ann"), false);
    await settle();
    expect(here.seen.emptied).toBe(0);
    expect(requests.at(-1)).toMatchObject({ body: { identity: jwt("ann") }, bearer: token });
    expect(session().user).toBe("ann");
    expect(session().room).not.toBe(room);
    expect(here.waiting).toEqual(["whose?"]);
  });

  it.each(["garbage", "", "a.b.c", jwt(undefined), undefined as never])(
    "is not %j: that is refused, and changes nothing",
    async (token) => {
      const here = await talking();
      const before = { ...storage.items };
      requests = [];
      await expect(here.talk.identify(token, true)).rejects.toThrow(/shoptalk\.identify: .*JWT/);
      expect([storage.items, requests, here.seen.emptied]).toEqual([before, [], 0]);
    },
  );

  it("is not one whom the server refuses: it says why", async () => {
    const here = await tab();
    serve = () => ({ status: 401, json: { detail: "the identity has expired" } });
    await expect(here.talk.identify(jwt("ann"), false)).rejects.toThrow("the identity has expired");
  });
});

describe("what waits", () => {
  it("starts the chat of the next page, and is sent", async () => {
    serve = unreachable;
    const before = await tab();
    before.talk.begin({ customer_name: "Ann" });
    before.talk.post("hello?");
    await settle();
    expect(dialed).toEqual([]);
    serve = opens();
    const here = await tab();
    await settle();
    expect(here.talk.begun).toBe(true);
    welcomes();
    expect(posted()).toMatchObject([{ content: "hello?" }]);
  });

  it.each([4500, 4506])("starts it after %i, too", async (code) => {
    const before = await talking();
    wire().ends();
    before.talk.post("hello?");
    before.talk.sync();
    serve = unreachable;
    const again = await tab();
    wire().ends(code);
    await settle();
    expect(again.waiting).toEqual(["hello?"]);
    expect(session().token === undefined).toBe(code === 4500);
    serve = opens();
    dialed = [];
    await tab();
    await settle();
    welcomes();
    expect(posted()).toMatchObject([{ content: "hello?" }]);
  });

  it("does not start it when the server has refused it", async () => {
    const before = await talking();
    before.talk.post("bad");
    wire().says({ type: "error", id: posted()[0]!.id, code: "invalid", message: "no" });
    wire().ends(4506);
    dialed = [];
    requests = [];
    await tab();
    await settle();
    expect([dialed, requests]).toEqual([[], []]);
  });
});

describe("a frame that the server could not read", () => {
  it("was the message in flight, which is refused", async () => {
    const here = await talking();
    here.talk.post("first");
    here.talk.post("second");
    wire().says({ type: "error", code: "bad_frame", message: "not JSON", retryable: false });
    expect(posted()).toMatchObject([{ content: "first" }, { content: "second" }]);
    expect(here.talk.unsent().map(({ refused }) => refused)).toEqual(["not JSON", undefined]);
  });

  it("is no other error without an id", async () => {
    const here = await talking();
    here.talk.post("first");
    wire().says({ type: "error", code: "busy", message: "later", retryable: true });
    expect(here.talk.unsent().map(({ refused }) => refused)).toEqual([undefined]);
  });
});

describe("rubbish under our keys", () => {
  it.each([
    "",
    "{",
    "null",
    "7",
    '"text"',
    "[]",
    '{"room":{}}',
    '{"room":"a b","token":"t"}',
    '{"room":"r","token":{"a":1}}',
    '{"room":"r","token":"t\\nt"}',
  ])("%j is no session, and a conversation can begin", async (rubbish) => {
    storage.items[SESSION] = rubbish;
    const here = await tab();
    here.talk.begin({ customer_name: "Ann" });
    await settle();
    welcomes();
    expect(here.talk.connection.state).toBe("connected");
    expect(session()).toMatchObject({ details: { customer_name: "Ann" } });
  });

  it("that comes while one talks ends nothing for good", async () => {
    const here = await talking();
    storage.items[SESSION] = "{";
    here.returns();
    here.talk.begin({ customer_name: "Ann" });
    await settle();
    welcomes();
    expect(here.talk.connection.state).toBe("connected");
  });
});

describe("a storage without room", () => {
  it("does not keep anybody from talking", async () => {
    storage.full = true;
    const here = await tab();
    here.talk.begin({ customer_name: "Ann" });
    here.talk.post("hello");
    await settle();
    welcomes(here.talk.session.room);
    expect(here.talk.connection.state).toBe("connected");
    expect(posted()).toMatchObject([{ content: "hello" }]);
    expect(kept()).toEqual([]);
  });

  it("that fills up later does not either", async () => {
    const here = await tab();
    serve = unreachable;
    here.talk.begin({ customer_name: "Ann" });
    here.talk.post("hello");
    await settle();
    storage.full = true;
    serve = opens();
    here.returns();
    await settle();
    welcomes(here.talk.session.room);
    expect(posted()).toMatchObject([{ content: "hello" }]);
  });
});

it("a frame without an origin is told so, instead of being offline forever", async () => {
  vi.stubGlobal("origin", "null");
  serve = unreachable;
  const here = await tab();
  here.talk.begin();
  await settle();
  expect(here.talk.refusal?.message).toMatch(/allow-same-origin/);
});
