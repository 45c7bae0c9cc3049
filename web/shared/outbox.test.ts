import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Item, makeOutbox, type Outbox } from "./outbox";
import { makeShelf } from "./storage";
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

/** A tab with an outbox, whose socket takes down what is sent. */
function tab() {
  const sent: Item[] = [];
  const tab = {
    sent,
    /** What was sent, in words. */
    get texts() {
      return sent.map(({ content }) => content);
    },
    /** The socket takes frames. */
    takes: true,
    changes: 0,
    shelf: makeShelf(storage.shelf((key) => tab.outbox.touched(key))),
    outbox: undefined as unknown as Outbox,
    /** The words that wait. */
    get waiting() {
      return tab.outbox.items().map(({ content }) => content);
    },
  };
  tab.outbox = makeOutbox({
    clock,
    shelf: tab.shelf,
    prefix: PREFIX,
    send(item) {
      if (tab.takes) sent.push(item);
      return tab.takes;
    },
    changed: () => {
      tab.changes++;
    },
  });
  return tab;
}

/** The shelf as a page that opens now would find it. */
const kept = () =>
  Object.entries(storage.items).map(([key, value]) => ({
    id: key.slice(PREFIX.length),
    ...JSON.parse(value),
  }));

describe("keeping", () => {
  it("has an item on the shelf before add returns, and before it is sent", () => {
    const here = tab();
    const id = here.outbox.add("room", "hello");
    expect(kept()).toMatchObject([{ id, room: "room", content: "hello" }]);
    expect(here.sent).toEqual([]);
    expect(here.changes).toBe(1);
  });

  it("has it on the shelf before the socket gets it", () => {
    let onShelf: unknown[] = [];
    const outbox = makeOutbox({
      clock,
      shelf: makeShelf(storage.shelf()),
      prefix: PREFIX,
      send: () => {
        onShelf = kept();
        return true;
      },
      changed() {},
    });
    outbox.up();
    outbox.add("room", "hello");
    expect(onShelf).toMatchObject([{ content: "hello" }]);
  });

  it("keeps and sends what the storage has no room for, in its turn", () => {
    const here = tab();
    here.outbox.up();
    here.outbox.add("room", "first");
    storage.full = true;
    here.outbox.add("room", "second");
    here.outbox.add(null, "third");
    expect(here.waiting).toEqual(["first", "second", "third"]);
    here.outbox.acked(here.sent[0]!.id);
    expect(here.texts).toEqual(["first", "second"]);
    here.outbox.redirect(null, "room");
    here.outbox.refused(here.sent[1]!.id, "no", false);
    expect(here.texts).toEqual(["first", "second", "third"]);
    expect(here.waiting).toEqual(["second", "third"]);
  });

  it("sends what it had when the storage fills up", () => {
    const here = tab();
    here.outbox.up();
    here.outbox.add(null, "written before");
    storage.full = true;
    here.outbox.redirect(null, "room");
    expect(here.texts).toEqual(["written before"]);
    expect(here.waiting).toEqual(["written before"]);
    here.outbox.acked(here.sent[0]!.id);
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
  ])("removes %j, which another script left under its keys, and goes on", (rubbish) => {
    storage.items[`${PREFIX}0`] = rubbish;
    const here = tab();
    expect(here.waiting).toEqual([]);
    expect(storage.items).toEqual({});
    here.outbox.up();
    here.outbox.add("room", "hello");
    storage.items[`${PREFIX}1`] = rubbish;
    here.outbox.touched(`${PREFIX}1`);
    expect(here.waiting).toEqual(["hello"]);
    expect(here.texts).toEqual(["hello"]);
  });

  it("takes the id from the key alone", () => {
    storage.items[`${PREFIX}1`] = '{"id":"2","room":"room","content":"hello","at":1}';
    expect(tab().outbox.items()).toMatchObject([{ id: "1", content: "hello" }]);
  });

  it.each([
    ["half \ud83d", "half \ufffd"],
    ["\ude00 half", "\ufffd half"],
    ["\ude00\ud83d", "\ufffd\ufffd"],
    ["whole 😀", "whole 😀"],
  ])("keeps no half of an emoji, which no server can read: %j", (written, expected) => {
    const here = tab();
    here.outbox.add("room", written);
    expect(kept()).toMatchObject([{ content: expected }]);
  });

  it("touches nothing on the shelf that is not its own", () => {
    storage.items["shop:session"] = "not JSON";
    storage.items["another:out:1"] = "not JSON either";
    const here = tab();
    here.outbox.discard(here.outbox.add("room", "hello"));
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

  it("lists past what another page left, whatever the clock says", () => {
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
    here.outbox.up();
    expect(here.texts).toEqual(["hello"]);
  });

  it("has one message of a room in flight, and sends the next after its ack", () => {
    const here = tab();
    here.outbox.up();
    const ids = ["1", "2", "3"].map((text) => here.outbox.add("room", text));
    expect(here.texts).toEqual(["1"]);
    here.outbox.acked(ids[0]!);
    expect(here.texts).toEqual(["1", "2"]);
    here.outbox.acked(ids[1]!);
    here.outbox.acked(ids[2]!);
    expect(here.texts).toEqual(["1", "2", "3"]);
    expect(kept()).toEqual([]);
  });

  it("keeps rooms apart", () => {
    const here = tab();
    here.outbox.up();
    here.outbox.add("a", "a1");
    here.outbox.add("a", "a2");
    const b1 = here.outbox.add("b", "b1");
    here.outbox.add("b", "b2");
    expect(here.texts).toEqual(["a1", "b1"]);
    here.outbox.acked(b1);
    expect(here.texts).toEqual(["a1", "b1", "b2"]);
  });

  it("does not send what has no room yet", () => {
    const here = tab();
    here.outbox.up();
    here.outbox.add(null, "hello");
    expect(here.sent).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("takes nothing for sent that the socket did not take", () => {
    const here = tab();
    here.takes = false;
    here.outbox.up();
    here.outbox.add("room", "hello");
    here.takes = true;
    here.outbox.up();
    expect(here.texts).toEqual(["hello"]);
  });

  it("sends what was in flight again on the next socket, under the same id", () => {
    const here = tab();
    const id = here.outbox.add("room", "hello");
    here.outbox.up();
    here.outbox.down();
    here.outbox.add("room", "more");
    expect(here.sent).toHaveLength(1);
    here.outbox.up();
    expect(here.sent.map((item) => item.id)).toEqual([id, id]);
  });

  it("forgets a message that is seen in the log, whoever sent it", () => {
    const here = tab();
    const id = here.outbox.add("room", "hello");
    here.outbox.acked(id);
    here.outbox.up();
    expect(here.sent).toEqual([]);
    expect(kept()).toEqual([]);
  });

  it("does not mind an ack of what it does not know, or a second one", () => {
    const here = tab();
    here.outbox.up();
    const id = here.outbox.add("room", "1");
    here.outbox.add("room", "2");
    const changes = here.changes;
    here.outbox.acked("another");
    expect([here.texts, here.changes]).toEqual([["1"], changes]);
    here.outbox.acked(id);
    here.outbox.acked(id);
    expect(here.texts).toEqual(["1", "2"]);
  });

  it("sends all that an earlier page left, at once and in order", () => {
    const before = tab();
    const ids = ["1", "2", "3"].map((text) => before.outbox.add("room", text));
    before.outbox.up();
    before.outbox.down();
    const after = tab();
    after.outbox.up();
    for (const id of ids) after.outbox.acked(id);
    expect(after.sent.map(({ id }) => id)).toEqual(ids);
    expect(after.texts).toEqual(["1", "2", "3"]);
  });
});

describe("an error that may pass", () => {
  it("rests as long as the server says, then sends the same again", () => {
    const here = tab();
    here.outbox.up();
    const id = here.outbox.add("room", "1");
    here.outbox.add("room", "2");
    here.outbox.refused(id, "slow down", true, 1_200);
    clock.pass(1_199);
    expect(here.texts).toEqual(["1"]);
    clock.pass(1);
    expect(here.sent.map((item) => item.id)).toEqual([id, id]);
  });

  it("rests 1 s, then twice as long each time, up to 20 s", () => {
    const here = tab();
    here.outbox.up();
    const id = here.outbox.add("room", "1");
    const rests = Array.from({ length: 7 }, () => {
      const before = here.sent.length;
      here.outbox.refused(id, "busy", true);
      expect(here.sent).toHaveLength(before);
      const { next } = clock;
      clock.pass(next);
      expect(here.sent).toHaveLength(before + 1);
      return next;
    });
    expect(rests).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
  });

  it("counts anew after a success", () => {
    const here = tab();
    here.outbox.up();
    const first = here.outbox.add("room", "1");
    const second = here.outbox.add("room", "2");
    for (let tries = 0; tries < 4; tries++) {
      here.outbox.refused(first, "busy", true);
      clock.pass(clock.next);
    }
    here.outbox.acked(first);
    expect(here.texts.at(-1)).toBe("2");
    here.outbox.refused(second, "busy", true);
    expect(clock.next).toBe(1_000);
  });

  it("lets nobody overtake meanwhile, and leaves other rooms alone", () => {
    const here = tab();
    here.outbox.up();
    const id = here.outbox.add("a", "a1");
    here.outbox.refused(id, "busy", true);
    here.outbox.add("a", "a2");
    here.outbox.add("b", "b1");
    expect(here.texts).toEqual(["a1", "b1"]);
  });

  it("does not hold up a new socket", () => {
    const here = tab();
    here.outbox.up();
    const id = here.outbox.add("room", "1");
    here.outbox.refused(id, "busy", true, 60_000);
    here.outbox.down();
    expect(clock.pending).toBe(0);
    here.outbox.up();
    expect(here.texts).toEqual(["1", "1"]);
  });

  it("ends when the message turns out to be in the log", () => {
    const here = tab();
    here.outbox.up();
    const first = here.outbox.add("room", "1");
    here.outbox.add("room", "2");
    here.outbox.refused(first, "storage_unavailable", true, 60_000);
    here.outbox.acked(first);
    clock.pass(60_000);
    expect(here.texts).toEqual(["1", "2"]);
  });
});

describe("an error that does not pass", () => {
  it("marks the message, and lets the following go on", () => {
    const here = tab();
    here.outbox.up();
    const id = here.outbox.add("room", "bad");
    here.outbox.add("room", "good");
    here.outbox.refused(id, "content is too long", false);
    expect(here.texts).toEqual(["bad", "good"]);
    expect(kept()).toMatchObject([
      { id, content: "bad", refused: "content is too long" },
      { content: "good" },
    ]);
  });

  it("is remembered: neither a new socket nor a new page sends it", () => {
    const here = tab();
    here.outbox.up();
    here.outbox.refused(here.outbox.add("room", "bad"), "no", false);
    here.outbox.down();
    here.outbox.up();
    const after = tab();
    after.outbox.up();
    expect([here.texts, after.texts]).toEqual([["bad"], []]);
    expect(after.waiting).toEqual(["bad"]);
  });

  it("gives the text back when the writer wants to mend it", () => {
    const here = tab();
    here.outbox.up();
    const id = here.outbox.add("room", "bad");
    here.outbox.refused(id, "no", false);
    expect(here.outbox.discard(id)).toBe("bad");
    expect(kept()).toEqual([]);
    expect(here.outbox.discard(id), "once").toBe("");
  });

  it("without an id is about what is flying, in whichever room", () => {
    const here = tab();
    here.outbox.up();
    here.outbox.add("a", "a1");
    here.outbox.add("a", "a2");
    here.outbox.add("b", "b1");
    here.outbox.add(null, "nowhere");
    here.outbox.refused(undefined, "the frame is not JSON", false);
    expect(here.texts, "the next one flies").toEqual(["a1", "b1", "a2"]);
    expect(kept().map(({ content, refused }) => [content, !!refused])).toEqual([
      ["a1", true],
      ["a2", false],
      ["b1", true],
      ["nowhere", false],
    ]);
  });

  it("without an id means nothing when nothing is flying", () => {
    const here = tab();
    here.outbox.add("room", "1");
    here.outbox.refused(undefined, "the frame is not JSON", false);
    here.outbox.up();
    expect(here.texts).toEqual(["1"]);
  });

  it("does not mind an error about something unknown", () => {
    const here = tab();
    here.outbox.up();
    here.outbox.add("room", "1");
    here.outbox.refused("another", "no", false);
    here.outbox.refused("another", "no", true);
    expect(here.texts).toEqual(["1"]);
    expect(kept()).toMatchObject([{ content: "1" }]);
  });
});

describe("tabs", () => {
  it("leave each other's fresh messages alone for 5 s, then send them", () => {
    const [here, there] = [tab(), tab()];
    here.outbox.up();
    there.outbox.add("room", "from there");
    clock.pass(4_999);
    expect(here.texts).toEqual([]);
    clock.pass(1);
    expect(here.texts).toEqual(["from there"]);
  });

  it("wait once for all that a closed tab left", () => {
    const [here, there] = [tab(), tab()];
    here.outbox.up();
    for (const text of ["1", "2", "3"]) there.outbox.add("room", text);
    clock.pass(5_000);
    here.outbox.acked(here.sent[0]!.id);
    here.outbox.acked(here.sent[1]!.id);
    expect(here.texts).toEqual(["1", "2", "3"]);
  });

  it("see each other's messages come and go", () => {
    const [here, there] = [tab(), tab()];
    const id = there.outbox.add("room", "from there");
    expect(here.waiting).toEqual(["from there"]);
    expect(here.changes).toBe(1);
    there.outbox.acked(id);
    expect(here.waiting).toEqual([]);
    expect(here.changes).toBe(2);
  });

  it("send nothing of each other's that arrived meanwhile", () => {
    const [here, there] = [tab(), tab()];
    here.outbox.up();
    const id = there.outbox.add("room", "from there");
    there.outbox.up();
    there.outbox.acked(id);
    clock.pass(60_000);
    expect([here.texts, there.texts]).toEqual([[], ["from there"]]);
  });

  it("go on with the next when the other tab saw the one in flight arrive", () => {
    const [here, there] = [tab(), tab()];
    here.outbox.up();
    const first = here.outbox.add("room", "1");
    here.outbox.add("room", "2");
    there.outbox.acked(first);
    expect(here.texts).toEqual(["1", "2"]);
  });

  it("keep the order of writing across tabs", () => {
    const [here, there] = [tab(), tab()];
    here.outbox.up();
    there.outbox.add("room", "1");
    here.outbox.add("room", "2");
    expect(here.texts, "the other's goes first").toEqual([]);
    clock.pass(5_000);
    here.outbox.acked(here.sent[0]!.id);
    expect(here.texts).toEqual(["1", "2"]);
  });

  it("hear of a browser that empties the whole shelf", () => {
    const here = tab();
    here.outbox.up();
    here.outbox.add("room", "1");
    for (const key of Object.keys(storage.items)) delete storage.items[key];
    here.outbox.touched(null);
    here.outbox.add("room", "2");
    expect(here.texts).toEqual(["1", "2"]);
  });

  it("care for their own keys only", () => {
    const here = tab();
    here.outbox.touched("shop:session");
    expect(here.changes).toBe(0);
    here.outbox.touched(`${PREFIX}1`);
    expect(here.changes).toBe(1);
  });
});

describe("another room", () => {
  it("gets what was written before there was one, in order", () => {
    const here = tab();
    here.outbox.up();
    const ids = ["1", "2"].map((text) => here.outbox.add(null, text));
    here.outbox.redirect(null, "room");
    here.outbox.acked(ids[0]!);
    expect(here.sent.map(({ id, room }) => [id, room])).toEqual(ids.map((id) => [id, "room"]));
  });

  it("gets what was unsent in a room that is dead, once there is one", () => {
    const here = tab();
    here.outbox.up();
    const id = here.outbox.add("dead", "1");
    here.outbox.add("other", "2");
    here.outbox.redirect("dead", null);
    expect(kept()).toMatchObject([
      { content: "1", room: null },
      { content: "2", room: "other" },
    ]);
    here.outbox.redirect(null, "new");
    expect(here.sent.map(({ room, content }) => [room, content])).toEqual([
      ["dead", "1"],
      ["other", "2"],
      ["new", "1"],
    ]);
    here.outbox.acked(id);
    expect(here.waiting).toEqual(["2"]);
  });

  it("does not get what was refused: that waits for its writer", () => {
    const here = tab();
    here.outbox.up();
    here.outbox.refused(here.outbox.add("dead", "bad"), "no", false);
    here.outbox.redirect("dead", "new");
    expect(here.texts).toEqual(["bad"]);
    expect(kept()).toMatchObject([{ room: "dead", refused: "no" }]);
  });
});

/**
 * Several tabs, a server that keeps a message once whatever comes how often, and a network that
 * fails at any moment: in the end every message is in the log once, each tab's in their order.
 */
describe("random histories", () => {
  interface Frame {
    id: string;
    room: string;
    content: string;
  }
  type Answer =
    | { kind: "message"; id: string }
    | { kind: "refusal"; id: string; retryable: boolean };

  interface Tab {
    /** Stays the same over reloads. */
    name: string;
    outbox: Outbox;
    shelf: Record<string, string>;
    up: boolean;
    /** On the way to the server, and back. */
    there: Frame[];
    back: Answer[];
    /** Changes of the shelf that this tab has not heard of. */
    unheard: string[];
    written: number;
  }

  it.each(seeds(150))("lose, double and reorder nothing: %i", async (seed) => {
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
      // Each page has its own copy of the code, and remembers no other's ids.
      vi.resetModules();
      const { makeOutbox } = await import("./outbox");
      const tab = {
        name,
        up: false,
        there: [] as Frame[],
        back: [] as Answer[],
        unheard: [] as string[],
        written,
      } as Tab;
      tab.shelf = storage.shelf((key) => tab.unheard.push(key));
      tab.outbox = makeOutbox({
        clock,
        shelf: makeShelf(tab.shelf),
        prefix: PREFIX,
        send: ({ id, room, content }) => tab.up && !!tab.there.push({ id, room, content }),
        changed() {},
      });
      tabs.push(tab);
    };
    const cut = (tab: Tab) => {
      // Some of what was on its way arrives all the same.
      const arrives = Math.floor(random() * (tab.there.length + 1));
      for (let n = 0; n < arrives; n++) arrive(tab);
      tab.up = false;
      tab.there = [];
      tab.back = [];
      tab.outbox.down();
    };
    const close = (tab: Tab) => {
      cut(tab);
      storage.close(tab.shelf);
      tabs.splice(tabs.indexOf(tab), 1);
    };
    /** The server takes the oldest frame of a tab. */
    const arrive = (tab: Tab) => {
      const frame = tab.there.shift();
      if (!frame) return;
      const { id, content } = frame;
      if (content.startsWith("bad")) {
        tab.back.push({ kind: "refusal", id, retryable: false });
      } else if (random() < 0.1) {
        // A retryable error does not say that the message was not stored.
        if (random() < 0.5) store(frame);
        tab.back.push({ kind: "refusal", id, retryable: true });
      } else {
        store(frame);
        tab.back.push({ kind: "message", id });
      }
    };
    const store = (frame: Frame) => {
      if (log.some(({ id }) => id === frame.id)) return;
      log.push(frame);
      for (const tab of tabs) if (tab.up) tab.back.push({ kind: "message", id: frame.id });
    };
    const hear = (tab: Tab) => {
      const answer = tab.back.shift();
      if (answer?.kind === "message") tab.outbox.acked(answer.id);
      else if (answer) tab.outbox.refused(answer.id, "no", answer.retryable);
    };
    const connect = (tab: Tab) => {
      if (tab.up || !room) return;
      tab.up = true;
      for (const { id } of log) tab.outbox.acked(id);
      tab.outbox.up();
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
          [12, "hear"],
          [4, "connect"],
          [2, "cut"],
          [4, "time"],
          [4, "shelf"],
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
        case "hear":
          hear(tab);
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
        case "shelf":
          for (const key of tab.unheard.splice(0)) tab.outbox.touched(key);
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

    // In the end the network is well, and somebody has the page open.
    room ??= "room";
    tabs[0]!.outbox.redirect(null, room);
    const waiting = () =>
      tabs.flatMap(({ outbox }) => outbox.items()).some(({ refused }) => !refused);
    for (let round = 0; round < 2_000 && waiting(); round++) {
      for (const tab of [...tabs]) {
        connect(tab);
        for (const key of tab.unheard.splice(0)) tab.outbox.touched(key);
        while (tab.there.length) arrive(tab);
        while (tab.back.length) hear(tab);
      }
      clock.pass(1_000);
    }

    const expected = [...added].map(([name, texts]) => ({ name, texts }));
    const arrived = expected.map(({ name }) => ({
      name,
      texts: log.filter(({ content }) => content.startsWith(`${name},`)).map((f) => f.content),
    }));
    expect(arrived, `SEED=${seed}`).toEqual(expected);
    const left = kept().map(({ id, refused }) => [id, refused]);
    expect(left, `SEED=${seed}: what is left`).toEqual([...bad].sort().map((id) => [id, "no"]));
  });
});
