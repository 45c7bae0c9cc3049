import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeSocket } from "../shared/testing/socket";
import { FakeStorage } from "../shared/testing/storage";
import type { Host } from "./interfaces";

const KEY_PREFIX = "shoptalk:https://chat.example:";
const CHAT_KEY = `${KEY_PREFIX}session`;

interface Request {
  path: string;
  bearer: string | undefined;
  body: Record<string, unknown>;
}

let storage: FakeStorage;
let opened: { url: string; socket: FakeSocket }[];
let requests: Request[];
/** The server's response to a request; throws when it cannot be reached. */
let respond: (request: Request) => { status: number; json?: unknown };
let rooms = 0;

beforeEach(() => {
  storage = new FakeStorage();
  opened = [];
  requests = [];
  respond = makesRooms();
  vi.stubGlobal("document", new EventTarget());
  vi.stubGlobal("location", { href: "https://shop.example/cups#top", pathname: "/cups" });
  vi.stubGlobal("origin", "https://shop.example");
  vi.stubGlobal(
    "WebSocket",
    class {
      constructor(url: string) {
        const socket = new FakeSocket();
        opened.push({ url, socket });
        // biome-ignore lint/correctness/noConstructorReturn: the test holds the other end.
        return socket as never;
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
    const { status, json } = respond(request);
    return { ok: status < 300, status, json: async () => json };
  });
});
afterEach(() => vi.unstubAllGlobals());

/** A server that makes a room for each visitor, or finds the one that it has made. */
function makesRooms() {
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

/** A JWT without a valid signature, which is not checked here. */
const jwt = (sub: unknown) => `x.${btoa(JSON.stringify({ sub }))}.x`;

/** A page with the chat loaded. A `frozen` one gets no event of what other tabs do. */
async function tab({
  frozen = false,
  identity,
  data = {},
}: {
  frozen?: boolean;
  identity?: string;
  data?: DOMStringMap;
} = {}) {
  // Each page has its own copy of the code.
  vi.resetModules();
  const conversation = await import("./conversation");
  const { setHost } = await import("./host");
  const events = new EventTarget();
  const view = storage.view((key) => {
    if (!frozen) events.dispatchEvent(Object.assign(new Event("storage"), { key }));
  });
  vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
  const calls = { cleared: 0 };
  const host = {
    base: "https://chat.example",
    keyPrefix: KEY_PREFIX,
    storageArea: view,
    tagData: data,
    lang: "fr",
    jwt: identity,
    emit() {},
    clear() {
      const own = Object.keys(view).filter((key) => key.startsWith(KEY_PREFIX));
      for (const key of own.sort().reverse()) delete view[key];
    },
  } as unknown as Host;
  setHost(host);
  conversation.start(
    () => {},
    () => {},
    () => {
      calls.cleared++;
    },
  );
  conversation.resume();
  return {
    host,
    conversation,
    calls,
    /** The page is visible again. */
    show: () => events.dispatchEvent(new Event("pageshow")),
    get waiting() {
      return conversation.unsent().map(({ content }) => content);
    },
  };
}

/** Lets promises settle: more turns than any chain here needs. */
async function settle() {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

const socket = () => opened.at(-1)!.socket;
const storedKeys = () => Object.keys(storage.items);
const storedChat = () => JSON.parse(storage.items[CHAT_KEY] ?? "{}");
const unreachable = () => {
  throw new TypeError("Failed to fetch");
};

/** The server sends the welcome on the newest socket. */
function sendWelcome(room = storedChat().room) {
  socket().open();
  socket().deliver({
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
    open: true,
    back_at: null,
    reconnect_window_ms: 5_000,
  });
}

/** A tab with a conversation. */
async function conversing(options: Parameters<typeof tab>[0] = {}) {
  const here = await tab(options);
  here.conversation.begin({ customer_name: "Ann" });
  await settle();
  sendWelcome();
  return here;
}

const posted = () =>
  opened.flatMap((each) => each.socket.sent).filter(({ type }) => type === "post");

it("tells agents the page without query and fragment, once for each", async () => {
  await conversing();
  const pages = () =>
    socket()
      .sent.filter(({ type }) => type === "page")
      .map(({ url }) => url);
  expect(pages()).toEqual(["https://shop.example/cups"]);
  socket().deliver({ type: "ping", last_seq: 0 });
  expect(pages()).toHaveLength(1);
  vi.stubGlobal("location", { href: "https://shop.example/mugs?id=7", pathname: "/mugs" });
  socket().deliver({ type: "ping", last_seq: 0 });
  expect(pages()).toEqual(["https://shop.example/cups", "https://shop.example/mugs"]);
});

it("says which language it speaks, so that mail is in it", async () => {
  await conversing();
  expect(socket().sent[0]).toMatchObject({ type: "hello", locale: "fr" });
});

it("shows when the shop is back as the server says it, whatever the visitor's clock", async () => {
  const { conversation } = await conversing();
  expect(conversation.backAt).toBeNull();
  for (const back_at of ["2026-01-05T09:00:00.000Z", null]) {
    socket().deliver({ type: "presence", agents_online: false, open: !back_at, back_at });
    expect([conversation.agentsOnline, conversation.backAt]).toEqual([false, back_at]);
  }
});

describe("signing out", () => {
  it("leaves nothing in the browser and ends the token", async () => {
    const here = await conversing();
    const { token } = storedChat();
    here.conversation.saveDraft("half a sent");
    here.conversation.post("on its way");
    await here.conversation.reset();
    expect(storage.items).toEqual({});
    expect([here.waiting, here.conversation.draft(), here.conversation.begun]).toEqual([
      [],
      "",
      false,
    ]);
    expect(here.calls.cleared).toBe(1);
    expect(socket().closed).toBe(true);
    expect(requests.at(-1)).toMatchObject({ path: "/api/chat/logout/", bearer: token });
  });

  it("also clears what was only in memory", async () => {
    storage.full = true;
    const here = await tab();
    here.conversation.begin({ customer_name: "Ann" });
    await settle();
    const { token } = here.conversation.chat;
    here.conversation.saveDraft("half a sent");
    here.conversation.post("on its way");
    await here.conversation.reset();
    expect([here.waiting, here.conversation.draft(), here.conversation.chat]).toEqual([[], "", {}]);
    expect(requests.at(-1)).toMatchObject({ path: "/api/chat/logout/", bearer: token });
  });

  it("signs out the other tabs, and empties their fields", async () => {
    const here = await conversing();
    const there = await tab({ identity: jwt("ann") });
    await here.conversation.reset();
    expect(there.calls.cleared).toBe(1);
    expect([there.conversation.begun, there.host.jwt]).toEqual([false, undefined]);
    expect(storage.items).toEqual({});
  });

  it("signs out another tab that had no token yet", async () => {
    const here = await tab();
    respond = unreachable;
    here.conversation.begin({ customer_name: "Ann" });
    const there = await tab();
    there.conversation.saveDraft("half a sent");
    await here.conversation.reset();
    expect([there.calls.cleared, there.conversation.draft(), storedKeys()]).toEqual([1, "", []]);
  });

  describe("in a tab that got no event", () => {
    type Tab = Awaited<ReturnType<typeof conversing>>;
    const actions: [string, (there: Tab) => void][] = [
      [
        "a frame from the server",
        () => socket().deliver({ type: "room", room: { status: "active" } }),
      ],
      ["the end of its token", () => socket().end(4500)],
      ["the end of its room", () => socket().end(4506)],
      ["showing the page again", (there) => there.show()],
      ["a click", (there) => there.conversation.sync()],
    ];

    it.each(actions)("nothing is stored again by %s", async (_, act) => {
      const here = await conversing();
      const there = await conversing({ frozen: true, identity: jwt("ann") });
      there.conversation.post("of the former person");
      await here.conversation.reset();
      expect(storedKeys()).toEqual([]);
      act(there);
      await settle();
      expect(storedKeys()).toEqual([]);
      expect(there.calls.cleared).toBeGreaterThan(0);
      expect([there.conversation.begun, there.conversation.chat, there.waiting]).toEqual([
        false,
        {},
        [],
      ]);
      expect(there.host.jwt).toBeUndefined();
    });

    it("nobody is signed in again by a click", async () => {
      const here = await conversing();
      const there = await conversing({ frozen: true, identity: jwt("ann") });
      await here.conversation.reset();
      requests = [];
      there.conversation.begin({ customer_name: "Bob" });
      await settle();
      expect(requests).toMatchObject([{ body: { customer_name: "Bob" }, bearer: undefined }]);
      expect(requests[0]!.body).not.toHaveProperty("identity");
    });

    it("the response to an earlier request is ignored", async () => {
      const here = await tab();
      const there = await tab({ frozen: true });
      here.conversation.begin({ customer_name: "Ann" });
      there.show();
      let release = () => {};
      const held = new Promise<void>((done) => {
        release = done;
      });
      const { fetch } = globalThis;
      vi.stubGlobal("fetch", async (...args: Parameters<typeof fetch>) => {
        const response = await fetch(...args);
        await held;
        return response;
      });
      there.conversation.begin();
      await here.conversation.reset();
      release();
      await settle();
      expect(storedKeys()).toEqual([]);
    });

    it("the next person's conversation stays theirs", async () => {
      const here = await conversing();
      const there = await conversing({ frozen: true, identity: jwt("ann") });
      await here.conversation.reset();
      const later = Date.now() + 5;
      vi.spyOn(Date, "now").mockReturnValue(later);
      here.conversation.begin({ customer_name: "Bob" });
      await settle();
      vi.restoreAllMocks();
      const bobs = storedChat();
      there.show();
      expect(there.calls.cleared).toBe(1);
      expect(there.host.jwt).toBeUndefined();
      expect(storedChat()).toEqual(bobs);
      expect(there.conversation.chat).toEqual(bobs);
    });
  });
});

describe("another user", () => {
  it("sees nothing of the one before", async () => {
    const here = await tab();
    await here.conversation.identify(jwt("ann"), true);
    await settle();
    const { token } = storedChat();
    here.conversation.saveDraft("half a sent");
    here.conversation.post("of Ann");
    await here.conversation.identify(jwt("bob"), true);
    await settle();
    expect(here.calls.cleared).toBe(1);
    expect([here.waiting, here.conversation.draft()]).toEqual([[], ""]);
    expect(storedChat().user).toBe("bob");
    expect(requests).toContainEqual(
      expect.objectContaining({ path: "/api/chat/logout/", bearer: token }),
    );
    expect(requests.at(-1)).toMatchObject({ body: { identity: jwt("bob") }, bearer: undefined });
  });

  it("gets no unsent text of a user without a room", async () => {
    respond = unreachable;
    const before = await tab({ identity: jwt("ann") });
    before.conversation.begin();
    before.conversation.post("of Ann");
    before.conversation.saveDraft("half a sent");
    respond = makesRooms();
    const here = await tab({ identity: jwt("bob") });
    await here.conversation.identify(jwt("bob"), false);
    here.conversation.begin();
    await settle();
    expect([here.waiting, here.conversation.draft()]).toEqual([[], ""]);
    expect(storedKeys()).toEqual([CHAT_KEY]);
  });

  it("is looked up without storing anything while the chat is closed", async () => {
    const here = await tab();
    respond = ({ path, bearer }) => {
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
    await here.conversation.identify(jwt("ann"), false);
    expect(here.conversation.unread()).toBe(2);
    expect([storedKeys(), opened]).toEqual([[], []]);
    await here.conversation.reset();
    expect(here.conversation.unread()).toBe(0);
  });

  it("gets the conversation that was begun anonymously", async () => {
    const here = await conversing();
    const { room, token } = storedChat();
    here.conversation.post("whose?");
    await here.conversation.identify(jwt("ann"), false);
    await settle();
    expect(here.calls.cleared).toBe(0);
    expect(requests.at(-1)).toMatchObject({ body: { identity: jwt("ann") }, bearer: token });
    expect(storedChat().user).toBe("ann");
    expect(storedChat().room).not.toBe(room);
    expect(here.waiting).toEqual(["whose?"]);
  });

  it.each(["garbage", "", "a.b.c", jwt(undefined), undefined as never])(
    "cannot be %j: that is refused, and changes nothing",
    async (token) => {
      const here = await conversing();
      const before = { ...storage.items };
      requests = [];
      await expect(here.conversation.identify(token, true)).rejects.toThrow(
        /shoptalk\.identify: .*JWT/,
      );
      expect([storage.items, requests, here.calls.cleared]).toEqual([before, [], 0]);
    },
  );

  it("that the server refuses is an error with its reason", async () => {
    const here = await tab();
    respond = () => ({ status: 401, json: { detail: "the identity has expired" } });
    await expect(here.conversation.identify(jwt("ann"), false)).rejects.toThrow(
      "the identity has expired",
    );
  });
});

describe("an unsent message", () => {
  it("opens the conversation on the next page, and is sent", async () => {
    respond = unreachable;
    const before = await tab();
    before.conversation.begin({ customer_name: "Ann" });
    before.conversation.post("hello?");
    await settle();
    expect(opened).toEqual([]);
    respond = makesRooms();
    const here = await tab();
    await settle();
    expect(here.conversation.begun).toBe(true);
    sendWelcome();
    expect(posted()).toMatchObject([{ content: "hello?" }]);
  });

  it.each([4500, 4506])("does so after %i, too", async (code) => {
    const before = await conversing();
    socket().end();
    before.conversation.post("hello?");
    before.conversation.sync();
    respond = unreachable;
    const again = await tab();
    socket().end(code);
    await settle();
    expect(again.waiting).toEqual(["hello?"]);
    expect(storedChat().token === undefined).toBe(code === 4500);
    respond = makesRooms();
    opened = [];
    await tab();
    await settle();
    sendWelcome();
    expect(posted()).toMatchObject([{ content: "hello?" }]);
  });

  it("does not do so when the server refused it", async () => {
    const before = await conversing();
    before.conversation.post("bad");
    socket().deliver({ type: "error", id: posted()[0]!.id, code: "invalid", message: "no" });
    socket().end(4506);
    opened = [];
    requests = [];
    await tab();
    await settle();
    expect([opened, requests]).toEqual([[], []]);
  });
});

describe("a frame that the server could not read", () => {
  it("was the message in flight: that is refused", async () => {
    const here = await conversing();
    here.conversation.post("first");
    here.conversation.post("second");
    socket().deliver({ type: "error", code: "bad_frame", message: "not JSON", retryable: false });
    expect(posted()).toMatchObject([{ content: "first" }, { content: "second" }]);
    expect(here.conversation.unsent().map(({ refused }) => refused)).toEqual([
      "not JSON",
      undefined,
    ]);
  });

  it("is the only error without an id that refuses a message", async () => {
    const here = await conversing();
    here.conversation.post("first");
    socket().deliver({ type: "error", code: "busy", message: "later", retryable: true });
    expect(here.conversation.unsent().map(({ refused }) => refused)).toEqual([undefined]);
  });
});

describe("a message whose text was removed", () => {
  const contents = (here: Awaited<ReturnType<typeof tab>>) =>
    here.conversation.log.messages.map(({ content }) => content);
  const welcome = (change: object) =>
    socket().deliver({
      type: "welcome",
      epoch: "e",
      room_id: storedChat().room,
      room: { id: storedChat().room, status: "active", customer_read_seq: 0 },
      messages: [],
      recovered: true,
      more: false,
      ...change,
    });
  const message = (seq: number) => ({
    id: `${seq}`,
    seq,
    sender_type: "customer",
    content: "text",
  });

  it("is empty at once", async () => {
    const here = await conversing();
    welcome({ messages: [message(1), message(2)] });
    socket().deliver({ type: "redacted", room_id: storedChat().room, seq: 1 });
    expect(contents(here)).toEqual(["", "text"]);
  });

  it("while nobody was connected is empty after a resume", async () => {
    const here = await conversing();
    welcome({ messages: [message(1), message(2)] });
    welcome({ messages: [message(3)], redacted: [2] });
    expect(contents(here)).toEqual(["text", "", "text"]);
  });
});

describe("an invalid value under our key", () => {
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
  ])("such as %j is ignored", async (value) => {
    storage.items[CHAT_KEY] = value;
    const here = await tab();
    here.conversation.begin({ customer_name: "Ann" });
    await settle();
    sendWelcome();
    expect(here.conversation.connection.state).toBe("connected");
    expect(storedChat()).toMatchObject({ details: { customer_name: "Ann" } });
  });

  it("that appears during a conversation is replaced", async () => {
    const here = await conversing();
    storage.items[CHAT_KEY] = "{";
    here.show();
    here.conversation.begin({ customer_name: "Ann" });
    await settle();
    sendWelcome();
    expect(here.conversation.connection.state).toBe("connected");
  });
});

describe("a full storage", () => {
  it("does not stop a conversation", async () => {
    storage.full = true;
    const here = await tab();
    here.conversation.begin({ customer_name: "Ann" });
    here.conversation.post("hello");
    await settle();
    sendWelcome(here.conversation.chat.room);
    expect(here.conversation.connection.state).toBe("connected");
    expect(posted()).toMatchObject([{ content: "hello" }]);
    expect(storedKeys()).toEqual([]);
  });

  it("does not stop one that began before it was full", async () => {
    const here = await tab();
    respond = unreachable;
    here.conversation.begin({ customer_name: "Ann" });
    here.conversation.post("hello");
    await settle();
    storage.full = true;
    respond = makesRooms();
    here.show();
    await settle();
    sendWelcome(here.conversation.chat.room);
    expect(posted()).toMatchObject([{ content: "hello" }]);
  });
});

describe("a token in the tag", () => {
  it("is used at the first opening, and stored with the room", async () => {
    const here = await tab({ data: { token: "of-the-shop" } });
    await settle();
    expect([requests, storage.items]).toEqual([[], {}]);
    respond = () => ({ status: 201, json: { room: { id: "the-earlier-one" } } });
    here.conversation.begin();
    await settle();
    expect(requests.map(({ bearer }) => bearer)).toEqual(["of-the-shop"]);
    expect(storedChat()).toMatchObject({ token: "of-the-shop", room: "the-earlier-one" });
  });

  it("is ignored where the browser holds one", async () => {
    const before = await conversing();
    const { token } = storedChat();
    before.conversation.beginNew();
    await settle();
    const here = await tab({ data: { token: "of-the-shop" } });
    here.conversation.begin();
    here.conversation.beginNew();
    await settle();
    expect(token).toBeTruthy();
    expect(requests.map(({ bearer }) => bearer)).not.toContain("of-the-shop");
  });

  it("that has ended counts as absent", async () => {
    const makeRoom = makesRooms();
    respond = (request) =>
      request.bearer === "of-the-shop"
        ? { status: 401, json: { detail: "it has ended" } }
        : makeRoom(request);
    const here = await tab({ data: { token: "of-the-shop" } });
    here.conversation.post("hello");
    await settle();
    here.show();
    await settle();
    expect(requests.map(({ bearer }) => bearer)).toEqual(["of-the-shop", undefined]);
    expect(storedChat().token).not.toBe("of-the-shop");
    expect(here.conversation.refusal).toBeUndefined();
  });

  it("is not used once more after a sign-out", async () => {
    const here = await tab({ data: { token: "of-the-shop" } });
    here.conversation.begin();
    await settle();
    await here.conversation.reset();
    requests = [];
    here.conversation.begin();
    await settle();
    expect(requests.map(({ bearer }) => bearer)).toEqual([undefined]);
  });
});

it("a page without an origin shows why there is no conversation", async () => {
  vi.stubGlobal("origin", "null");
  respond = unreachable;
  const here = await tab();
  here.conversation.begin();
  await settle();
  expect(here.conversation.refusal?.message).toMatch(/allow-same-origin/);
});
