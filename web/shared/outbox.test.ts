import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeOutbox, type Outbox, type OutboxItem } from "./outbox";
import { makeStorage } from "./storage";
import { FakeClock } from "./testing/clock";
import { pick, seeded, seeds } from "./testing/random";
import { FakeStorage } from "./testing/storage";

const PREFIX = "shop:out:";

let clock: FakeClock;
let storage: FakeStorage;

beforeEach(() => {
  clock = new FakeClock();
  storage = new FakeStorage();
});
afterEach(() => vi.restoreAllMocks());

/** A tab with an outbox; `sent` is what its socket got. */
function tab() {
  const sent: OutboxItem[] = [];
  const tab = {
    sent,
    /** The texts that were sent. */
    get texts() {
      return sent.map(({ content }) => content);
    },
    /** The socket accepts frames. */
    accepts: true,
    changes: 0,
    storage: makeStorage(storage.view((key) => tab.outbox.storageChanged(key))),
    outbox: undefined as unknown as Outbox,
    /** The texts in the queue. */
    get waiting() {
      return tab.outbox.items().map(({ content }) => content);
    },
  };
  tab.outbox = makeOutbox({
    clock,
    storage: tab.storage,
    prefix: PREFIX,
    send(item) {
      if (tab.accepts) sent.push(item);
      return tab.accepts;
    },
    onChange: () => {
      tab.changes++;
    },
  });
  return tab;
}

/** The storage as a page that opens now would find it. */
const stored = () =>
  Object.entries(storage.items).map(([key, value]) => ({
    id: key.slice(PREFIX.length),
    ...JSON.parse(value),
  }));

describe("the storage", () => {
  it("has an item before add returns, and before it is sent", () => {
    const here = tab();
    const id = here.outbox.add("room", "hello");
    expect(stored()).toMatchObject([{ id, room: "room", content: "hello" }]);
    expect(here.sent).toEqual([]);
    expect(here.changes).toBe(1);
  });

  it("has an item before the socket gets it", () => {
    let inStorage: unknown[] = [];
    const outbox = makeOutbox({
      clock,
      storage: makeStorage(storage.view()),
      prefix: PREFIX,
      send: () => {
        inStorage = stored();
        return true;
      },
      onChange() {},
    });
    outbox.resume();
    outbox.add("room", "hello");
    expect(inStorage).toMatchObject([{ content: "hello" }]);
  });

  it("may be full: items in memory are sent in their turn", () => {
    const here = tab();
    here.outbox.resume();
    here.outbox.add("room", "first");
    storage.full = true;
    here.outbox.add("room", "second");
    here.outbox.add(null, "third");
    expect(here.waiting).toEqual(["first", "second", "third"]);
    here.outbox.settle(here.sent[0]!.id);
    expect(here.texts).toEqual(["first", "second"]);
    here.outbox.redirect(null, "room");
    here.outbox.refused(here.sent[1]!.id, "no", false);
    expect(here.texts).toEqual(["first", "second", "third"]);
    expect(here.waiting).toEqual(["second", "third"]);
  });

  it("may fill up later: earlier items are sent", () => {
    const here = tab();
    here.outbox.resume();
    here.outbox.add(null, "written before");
    storage.full = true;
    here.outbox.redirect(null, "room");
    expect(here.texts).toEqual(["written before"]);
    expect(here.waiting).toEqual(["written before"]);
    here.outbox.settle(here.sent[0]!.id);
    expect([here.waiting, storage.items]).toEqual([[], {}]);
  });

  it.each([
    "",
    "not JSON",
    "null",
    "7",
    "{}",
    '{"room":"room","at":1}',
    '{"room":"room","at":1,"content":7}',
    '{"room":"room","content":"no time"}',
    '{"room":"room","at":"soon","content":"no time"}',
  ])("loses %j, which another script left under the prefix", (rubbish) => {
    storage.items[`${PREFIX}0`] = rubbish;
    const here = tab();
    expect(here.waiting).toEqual([]);
    expect(storage.items).toEqual({});
    here.outbox.resume();
    here.outbox.add("room", "hello");
    storage.items[`${PREFIX}1`] = rubbish;
    here.outbox.storageChanged(`${PREFIX}1`);
    expect(here.waiting).toEqual(["hello"]);
    expect(here.texts).toEqual(["hello"]);
  });

  it("has the id only in the key", () => {
    storage.items[`${PREFIX}1`] = '{"id":"2","room":"room","content":"hello","at":1}';
    expect(tab().outbox.items()).toMatchObject([{ id: "1", content: "hello" }]);
  });

  it.each([
    ["half \ud83d", "half \ufffd"],
    ["\ude00 half", "\ufffd half"],
    ["\ude00\ud83d", "\ufffd\ufffd"],
    ["whole 😀", "whole 😀"],
  ])("gets no half of an emoji, which no server can read: %j", (written, expected) => {
    const here = tab();
    here.outbox.add("room", written);
    expect(stored()).toMatchObject([{ content: expected }]);
  });

  it("keeps what others stored", () => {
    storage.items["shop:session"] = "not JSON";
    storage.items["another:out:1"] = "not JSON either";
    const here = tab();
    here.outbox.settle(here.outbox.add("room", "hello"));
    expect(storage.items).toEqual({
      "shop:session": "not JSON",
      "another:out:1": "not JSON either",
    });
  });

  it("lists the oldest first, also when the clock goes back in between", () => {
    const here = tab();
    const now = vi.spyOn(Date, "now");
    now.mockReturnValue(1_800_000_000_000);
    here.outbox.add("room", "first");
    now.mockReturnValue(1_700_000_000_000);
    here.outbox.add("room", "second");
    expect(here.waiting).toEqual(["first", "second"]);
  });

  it("lists after what another page left, whatever the clock says", () => {
    storage.items[`${PREFIX}ffff0000-0000-7000-8000-000000000000`] = JSON.stringify({
      room: "room",
      content: "left behind",
      at: 0,
    });
    const here = tab();
    here.outbox.add("room", "now");
    expect(here.waiting).toEqual(["left behind", "now"]);
  });
});

describe("sending", () => {
  it("waits for the socket", () => {
    const here = tab();
    here.outbox.add("room", "hello");
    expect(here.sent).toEqual([]);
    here.outbox.resume();
    expect(here.texts).toEqual(["hello"]);
  });

  it("has one message of a room in flight, and sends the next after its ack", () => {
    const here = tab();
    here.outbox.resume();
    const ids = ["1", "2", "3"].map((text) => here.outbox.add("room", text));
    expect(here.texts).toEqual(["1"]);
    here.outbox.settle(ids[0]!);
    expect(here.texts).toEqual(["1", "2"]);
    here.outbox.settle(ids[1]!);
    here.outbox.settle(ids[2]!);
    expect(here.texts).toEqual(["1", "2", "3"]);
    expect(stored()).toEqual([]);
  });

  it("sends the items of each room independently", () => {
    const here = tab();
    here.outbox.resume();
    here.outbox.add("a", "a1");
    here.outbox.add("a", "a2");
    const b1 = here.outbox.add("b", "b1");
    here.outbox.add("b", "b2");
    expect(here.texts).toEqual(["a1", "b1"]);
    here.outbox.settle(b1);
    expect(here.texts).toEqual(["a1", "b1", "b2"]);
  });

  it("waits for a room", () => {
    const here = tab();
    here.outbox.resume();
    here.outbox.add(null, "hello");
    expect(here.sent).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("does not count as sent what the socket did not accept", () => {
    const here = tab();
    here.accepts = false;
    here.outbox.resume();
    here.outbox.add("room", "hello");
    here.accepts = true;
    here.outbox.resume();
    expect(here.texts).toEqual(["hello"]);
  });

  it("sends what was in flight again on the next socket, under the same id", () => {
    const here = tab();
    const id = here.outbox.add("room", "hello");
    here.outbox.resume();
    here.outbox.pause();
    here.outbox.add("room", "more");
    expect(here.sent).toHaveLength(1);
    here.outbox.resume();
    expect(here.sent.map((item) => item.id)).toEqual([id, id]);
  });

  it("drops a message that is in the log, whoever sent it", () => {
    const here = tab();
    const id = here.outbox.add("room", "hello");
    here.outbox.settle(id);
    here.outbox.resume();
    expect(here.sent).toEqual([]);
    expect(stored()).toEqual([]);
  });

  it("ignores an ack of an unknown message, and a second ack", () => {
    const here = tab();
    here.outbox.resume();
    const id = here.outbox.add("room", "1");
    here.outbox.add("room", "2");
    const changes = here.changes;
    here.outbox.settle("another");
    expect([here.texts, here.changes]).toEqual([["1"], changes]);
    here.outbox.settle(id);
    here.outbox.settle(id);
    expect(here.texts).toEqual(["1", "2"]);
  });

  it("sends what an earlier page left, at once and in order", () => {
    const before = tab();
    const ids = ["1", "2", "3"].map((text) => before.outbox.add("room", text));
    before.outbox.resume();
    before.outbox.pause();
    const after = tab();
    after.outbox.resume();
    for (const id of ids) after.outbox.settle(id);
    expect(after.sent.map(({ id }) => id)).toEqual(ids);
    expect(after.texts).toEqual(["1", "2", "3"]);
  });
});

describe("a retryable error", () => {
  it("backs off for the time of the server, then sends the same item", () => {
    const here = tab();
    here.outbox.resume();
    const id = here.outbox.add("room", "1");
    here.outbox.add("room", "2");
    here.outbox.refused(id, "slow down", true, 1_200);
    clock.pass(1_199);
    expect(here.texts).toEqual(["1"]);
    clock.pass(1);
    expect(here.sent.map((item) => item.id)).toEqual([id, id]);
  });

  it("backs off for 1 s, then twice as long each time, up to 20 s", () => {
    const here = tab();
    here.outbox.resume();
    const id = here.outbox.add("room", "1");
    const waits = Array.from({ length: 7 }, () => {
      const before = here.sent.length;
      here.outbox.refused(id, "busy", true);
      expect(here.sent).toHaveLength(before);
      const { next } = clock;
      clock.pass(next);
      expect(here.sent).toHaveLength(before + 1);
      return next;
    });
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
  });

  it("starts from 1 s again after an ack", () => {
    const here = tab();
    here.outbox.resume();
    const first = here.outbox.add("room", "1");
    const second = here.outbox.add("room", "2");
    for (let tries = 0; tries < 4; tries++) {
      here.outbox.refused(first, "busy", true);
      clock.pass(clock.next);
    }
    here.outbox.settle(first);
    expect(here.texts.at(-1)).toBe("2");
    here.outbox.refused(second, "busy", true);
    expect(clock.next).toBe(1_000);
  });

  it("holds up later items of its room, and no other room", () => {
    const here = tab();
    here.outbox.resume();
    const id = here.outbox.add("a", "a1");
    here.outbox.refused(id, "busy", true);
    here.outbox.add("a", "a2");
    here.outbox.add("b", "b1");
    expect(here.texts).toEqual(["a1", "b1"]);
  });

  it("is forgotten with a new socket", () => {
    const here = tab();
    here.outbox.resume();
    const id = here.outbox.add("room", "1");
    here.outbox.refused(id, "busy", true, 60_000);
    here.outbox.pause();
    expect(clock.pending).toBe(0);
    here.outbox.resume();
    expect(here.texts).toEqual(["1", "1"]);
  });

  it("ends its back-off when the message is in the log", () => {
    const here = tab();
    here.outbox.resume();
    const first = here.outbox.add("room", "1");
    here.outbox.add("room", "2");
    here.outbox.refused(first, "storage_unavailable", true, 60_000);
    here.outbox.settle(first);
    clock.pass(60_000);
    expect(here.texts).toEqual(["1", "2"]);
  });
});

describe("a final error", () => {
  it("marks the item, and sends the next one", () => {
    const here = tab();
    here.outbox.resume();
    const id = here.outbox.add("room", "bad");
    here.outbox.add("room", "good");
    here.outbox.refused(id, "content is too long", false);
    expect(here.texts).toEqual(["bad", "good"]);
    expect(stored()).toMatchObject([
      { id, content: "bad", refused: "content is too long" },
      { content: "good" },
    ]);
  });

  it("is stored: neither a new socket nor a new page sends the item", () => {
    const here = tab();
    here.outbox.resume();
    here.outbox.refused(here.outbox.add("room", "bad"), "no", false);
    here.outbox.pause();
    here.outbox.resume();
    const after = tab();
    after.outbox.resume();
    expect([here.texts, after.texts]).toEqual([["bad"], []]);
    expect(after.waiting).toEqual(["bad"]);
  });

  it("lets the writer take the item back", () => {
    const here = tab();
    here.outbox.resume();
    const id = here.outbox.add("room", "bad");
    here.outbox.refused(id, "no", false);
    here.outbox.settle(id);
    expect(stored()).toEqual([]);
  });

  it("without an id is about what is in flight in any room", () => {
    const here = tab();
    here.outbox.resume();
    here.outbox.add("a", "a1");
    here.outbox.add("a", "a2");
    here.outbox.add("b", "b1");
    here.outbox.add(null, "nowhere");
    here.outbox.refused(undefined, "the frame is not JSON", false);
    expect(here.texts, "the next one is sent").toEqual(["a1", "b1", "a2"]);
    expect(stored().map(({ content, refused }) => [content, !!refused])).toEqual([
      ["a1", true],
      ["a2", false],
      ["b1", true],
      ["nowhere", false],
    ]);
  });

  it("without an id changes nothing when nothing is in flight", () => {
    const here = tab();
    here.outbox.add("room", "1");
    here.outbox.refused(undefined, "the frame is not JSON", false);
    here.outbox.resume();
    expect(here.texts).toEqual(["1"]);
  });

  it("about an unknown item is ignored", () => {
    const here = tab();
    here.outbox.resume();
    here.outbox.add("room", "1");
    here.outbox.refused("another", "no", false);
    here.outbox.refused("another", "no", true);
    expect(here.texts).toEqual(["1"]);
    expect(stored()).toMatchObject([{ content: "1" }]);
  });
});

describe("tabs", () => {
  it("leave each other's fresh items alone for 5 s, then send them", () => {
    const [here, there] = [tab(), tab()];
    here.outbox.resume();
    there.outbox.add("room", "from there");
    clock.pass(4_999);
    expect(here.texts).toEqual([]);
    clock.pass(1);
    expect(here.texts).toEqual(["from there"]);
  });

  it("wait once for all items that a closed tab left", () => {
    const [here, there] = [tab(), tab()];
    here.outbox.resume();
    for (const text of ["1", "2", "3"]) there.outbox.add("room", text);
    clock.pass(5_000);
    here.outbox.settle(here.sent[0]!.id);
    here.outbox.settle(here.sent[1]!.id);
    expect(here.texts).toEqual(["1", "2", "3"]);
  });

  it("see each other's items come and go", () => {
    const [here, there] = [tab(), tab()];
    const id = there.outbox.add("room", "from there");
    expect(here.waiting).toEqual(["from there"]);
    expect(here.changes).toBe(1);
    there.outbox.settle(id);
    expect(here.waiting).toEqual([]);
    expect(here.changes).toBe(2);
  });

  it("do not send each other's items that were acked meanwhile", () => {
    const [here, there] = [tab(), tab()];
    here.outbox.resume();
    const id = there.outbox.add("room", "from there");
    there.outbox.resume();
    there.outbox.settle(id);
    clock.pass(60_000);
    expect([here.texts, there.texts]).toEqual([[], ["from there"]]);
  });

  it("send the next one when another tab got the ack of the one in flight", () => {
    const [here, there] = [tab(), tab()];
    here.outbox.resume();
    const first = here.outbox.add("room", "1");
    here.outbox.add("room", "2");
    there.outbox.settle(first);
    expect(here.texts).toEqual(["1", "2"]);
  });

  it("keep the order of writing", () => {
    const [here, there] = [tab(), tab()];
    here.outbox.resume();
    there.outbox.add("room", "1");
    here.outbox.add("room", "2");
    expect(here.texts, "the other tab's is first").toEqual([]);
    clock.pass(5_000);
    here.outbox.settle(here.sent[0]!.id);
    expect(here.texts).toEqual(["1", "2"]);
  });

  it("notice that the whole storage was emptied", () => {
    const here = tab();
    here.outbox.resume();
    here.outbox.add("room", "1");
    for (const key of Object.keys(storage.items)) delete storage.items[key];
    here.outbox.storageChanged(null);
    here.outbox.add("room", "2");
    expect(here.texts).toEqual(["1", "2"]);
  });

  it("ignore other keys", () => {
    const here = tab();
    here.outbox.storageChanged("shop:session");
    expect(here.changes).toBe(0);
    here.outbox.storageChanged(`${PREFIX}1`);
    expect(here.changes).toBe(1);
  });
});

describe("redirecting", () => {
  it("gives a new room what was written before it, in order", () => {
    const here = tab();
    here.outbox.resume();
    const ids = ["1", "2"].map((text) => here.outbox.add(null, text));
    here.outbox.redirect(null, "room");
    here.outbox.settle(ids[0]!);
    expect(here.sent.map(({ id, room }) => [id, room])).toEqual(ids.map((id) => [id, "room"]));
  });

  it("moves what was unsent in a dead room to the next one", () => {
    const here = tab();
    here.outbox.resume();
    const id = here.outbox.add("dead", "1");
    here.outbox.add("other", "2");
    here.outbox.redirect("dead", null);
    expect(stored()).toMatchObject([
      { content: "1", room: null },
      { content: "2", room: "other" },
    ]);
    here.outbox.redirect(null, "new");
    expect(here.sent.map(({ room, content }) => [room, content])).toEqual([
      ["dead", "1"],
      ["other", "2"],
      ["new", "1"],
    ]);
    here.outbox.settle(id);
    expect(here.waiting).toEqual(["2"]);
  });

  it("does not move what was refused", () => {
    const here = tab();
    here.outbox.resume();
    here.outbox.refused(here.outbox.add("dead", "bad"), "no", false);
    here.outbox.redirect("dead", "new");
    expect(here.texts).toEqual(["bad"]);
    expect(stored()).toMatchObject([{ room: "dead", refused: "no" }]);
  });
});

/**
 * Several tabs, a server that stores each id once, and a network that fails at any moment: in the
 * end every message is in the log once, and those of a tab are in the order of writing.
 */
describe("random histories", () => {
  interface Frame {
    id: string;
    room: string;
    content: string;
  }
  type Reply =
    | { kind: "message"; id: string }
    | { kind: "refusal"; id: string; retryable: boolean };

  interface Tab {
    /** Stays the same over reloads. */
    name: string;
    outbox: Outbox;
    view: Record<string, string>;
    isConnected: boolean;
    /** On the way to the server, and back. */
    toServer: Frame[];
    toClient: Reply[];
    /** Keys of storage events that this tab has not handled yet. */
    events: string[];
    written: number;
  }

  it.each(seeds(150))("lose, duplicate and reorder nothing: %i", async (seed) => {
    const random = seeded(seed);
    const log: Frame[] = [];
    const bad = new Set<string>();
    const added = new Map<string, string[]>();
    const tabs: Tab[] = [];
    let room: string | null = null;
    let wall = 1_800_000_000_000;
    let names = 0;
    vi.spyOn(Date, "now").mockImplementation(() => wall);

    const open = async (name = `tab ${names++}`, written = 0) => {
      // Each page has its own copy of the code, so no page knows the ids of another.
      vi.resetModules();
      const { makeOutbox } = await import("./outbox");
      const tab = {
        name,
        isConnected: false,
        toServer: [] as Frame[],
        toClient: [] as Reply[],
        events: [] as string[],
        written,
      } as Tab;
      tab.view = storage.view((key) => tab.events.push(key));
      tab.outbox = makeOutbox({
        clock,
        storage: makeStorage(tab.view),
        prefix: PREFIX,
        send: ({ id, room, content }) =>
          tab.isConnected && !!tab.toServer.push({ id, room, content }),
        onChange() {},
      });
      tabs.push(tab);
    };
    const cut = (tab: Tab) => {
      // Some of what was on its way arrives nevertheless.
      const arrives = Math.floor(random() * (tab.toServer.length + 1));
      for (let n = 0; n < arrives; n++) arrive(tab);
      tab.isConnected = false;
      tab.toServer = [];
      tab.toClient = [];
      tab.outbox.pause();
    };
    const close = (tab: Tab) => {
      cut(tab);
      storage.close(tab.view);
      tabs.splice(tabs.indexOf(tab), 1);
    };
    /** The server gets the oldest frame of a tab. */
    const arrive = (tab: Tab) => {
      const frame = tab.toServer.shift();
      if (!frame) return;
      const { id, content } = frame;
      if (content.startsWith("bad")) {
        tab.toClient.push({ kind: "refusal", id, retryable: false });
      } else if (random() < 0.1) {
        // A retryable error does not say that the message was not stored.
        if (random() < 0.5) store(frame);
        tab.toClient.push({ kind: "refusal", id, retryable: true });
      } else {
        store(frame);
        tab.toClient.push({ kind: "message", id });
      }
    };
    const store = (frame: Frame) => {
      if (log.some(({ id }) => id === frame.id)) return;
      log.push(frame);
      for (const tab of tabs)
        if (tab.isConnected) tab.toClient.push({ kind: "message", id: frame.id });
    };
    const handleReply = (tab: Tab) => {
      const reply = tab.toClient.shift();
      if (reply?.kind === "message") tab.outbox.settle(reply.id);
      else if (reply) tab.outbox.refused(reply.id, "no", reply.retryable);
    };
    const connect = (tab: Tab) => {
      if (tab.isConnected || !room) return;
      tab.isConnected = true;
      for (const { id } of log) tab.outbox.settle(id);
      tab.outbox.resume();
    };
    const write = (tab: Tab) => {
      const content = `${random() < 0.05 ? "bad " : ""}${tab.name}, ${tab.written++}`;
      const id = tab.outbox.add(room, content);
      if (content.startsWith("bad")) bad.add(id);
      else added.set(tab.name, [...(added.get(tab.name) ?? []), content]);
    };

    await open();
    for (let step = 0; step < 250; step++) {
      const tab = tabs[Math.floor(random() * tabs.length)]!;
      switch (
        pick(random, [
          [8, "write"],
          [12, "arrive"],
          [12, "reply"],
          [4, "connect"],
          [2, "cut"],
          [4, "time"],
          [4, "storage"],
          [1, "clock"],
          [1, "room"],
          [0.7, "reload"],
          [0.5, "open"],
          [0.3, "close"],
        ] as const)
      ) {
        case "write":
          write(tab);
          break;
        case "arrive":
          arrive(tab);
          break;
        case "reply":
          handleReply(tab);
          break;
        case "connect":
          connect(tab);
          break;
        case "cut":
          cut(tab);
          break;
        case "time":
          clock.pass(random() * 4_000);
          wall += 1_000;
          break;
        case "storage":
          for (const key of tab.events.splice(0)) tab.outbox.storageChanged(key);
          break;
        case "clock":
          wall += Math.round((random() - 0.5) * 7_200_000);
          break;
        case "room":
          if (!room) {
            room = "room";
            tab.outbox.redirect(null, room);
          }
          break;
        case "reload":
          close(tab);
          await open(tab.name, tab.written);
          break;
        case "open":
          if (tabs.length < 4) await open();
          break;
        case "close":
          if (tabs.length > 1) close(tab);
      }
    }

    // In the end the network works, and a page is open.
    room ??= "room";
    tabs[0]!.outbox.redirect(null, room);
    const waiting = () =>
      tabs.flatMap(({ outbox }) => outbox.items()).some(({ refused }) => !refused);
    for (let round = 0; round < 2_000 && waiting(); round++) {
      for (const tab of [...tabs]) {
        connect(tab);
        for (const key of tab.events.splice(0)) tab.outbox.storageChanged(key);
        while (tab.toServer.length) arrive(tab);
        while (tab.toClient.length) handleReply(tab);
      }
      clock.pass(1_000);
    }

    const expected = [...added].map(([name, texts]) => ({ name, texts }));
    const arrived = expected.map(({ name }) => ({
      name,
      texts: log.filter(({ content }) => content.startsWith(`${name},`)).map((f) => f.content),
    }));
    expect(arrived, `SEED=${seed}`).toEqual(expected);
    const left = stored().map(({ id, refused }) => [id, refused]);
    expect(left, `SEED=${seed}: what is left in the storage`).toEqual(
      [...bad].sort().map((id) => [id, "no"]),
    );
  });
});
