import { beforeEach, describe, expect, it } from "vitest";
import { type ConnectionOptions, type ConnectionState, makeConnection } from "./connection";
import { FakeClock } from "./testing/clock";
import { pick, seeded, seeds } from "./testing/random";
import { FakeSocket } from "./testing/socket";

type Frame = { type: string } & Record<string, unknown>;

const PING = 25_000;
const WELCOME = {
  type: "welcome",
  more: false,
  ping_interval_ms: PING,
  reconnect_window_ms: 4_000,
};
/** When a ping counts as overdue. */
const OVERDUE = PING * 1.2 + 1_000;
/** When a silent socket counts as dead. */
const DEAD = PING + 10_000;

let clock: FakeClock;
let sockets: FakeSocket[];
let received: Frame[];
let states: ConnectionState[];
let stops: number[];
/** What `random` returns. */
let drawn: number;

beforeEach(() => {
  clock = new FakeClock();
  sockets = [];
  received = [];
  states = [];
  stops = [];
  drawn = 0.5;
});

function connect(options: Partial<ConnectionOptions<Frame, Frame>> = {}) {
  return makeConnection<Frame, Frame>({
    clock,
    openSocket() {
      const made = new FakeSocket();
      sockets.push(made);
      return made;
    },
    hello: () => ({ type: "hello", after: received.length }),
    resumePage: "messages",
    probe: () => ({ type: "probe" }),
    onFrame: (frame) => received.push(frame),
    onState: (state) => states.push(state),
    onStop: (code) => stops.push(code),
    random: () => drawn,
    ...options,
  });
}

/** The newest socket. */
const socket = () => sockets.at(-1)!;

/** A connection that has caught up. */
function connected(options: Partial<ConnectionOptions<Frame, Frame>> = {}) {
  const connection = connect(options);
  connection.open();
  socket().open();
  socket().deliver(WELCOME);
  expect(connection.state).toBe("connected");
  return connection;
}

/** Passes time until the next socket is opened, and returns how long that took. */
function untilReopened(): number {
  const from = clock.now();
  const opened = sockets.length;
  while (sockets.length === opened) {
    expect(clock.pending, "a timer that will open a socket").toBeGreaterThan(0);
    clock.pass(clock.next);
  }
  return clock.now() - from;
}

describe("catching up", () => {
  it("makes no socket before it is opened", () => {
    const connection = connect();
    expect(sockets).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(connection.state).toBe("offline");
  });

  it("sends hello once the socket is open, and nothing before", () => {
    const connection = connect();
    connection.open();
    expect(socket().sent).toEqual([]);
    socket().open();
    expect(socket().sent).toEqual([{ type: "hello", after: 0 }]);
    expect(connection.state).toBe("catching-up");
  });

  it("calls hello for each socket", () => {
    const connection = connected();
    socket().deliver({ type: "message" });
    connection.resync();
    untilReopened();
    socket().open();
    expect(socket().sent).toEqual([{ type: "hello", after: 2 }]);
  });

  it("is connected after a welcome without more pages", () => {
    const connection = connect();
    connection.open();
    socket().open();
    socket().deliver({ ...WELCOME, more: false });
    expect(states).toEqual(["catching-up", "connected"]);
    expect(connection.state).toBe("connected");
  });

  it("is connected only after the last page when there are more", () => {
    const connection = connect();
    connection.open();
    socket().open();
    socket().deliver({ ...WELCOME, more: true });
    expect(connection.state).toBe("catching-up");
    socket().deliver({ type: "messages", more: true });
    expect(connection.state).toBe("catching-up");
    socket().deliver({ type: "summaries", more: false });
    expect(connection.state, "a page of another type does not count").toBe("catching-up");
    socket().deliver({ type: "messages", more: false });
    expect(connection.state).toBe("connected");
  });

  it("ignores a page before the welcome", () => {
    const connection = connect();
    connection.open();
    socket().open();
    socket().deliver({ type: "messages", more: false });
    expect(connection.state).toBe("catching-up");
  });

  it("stays connected when a page of that type comes later for another reason", () => {
    const connection = connected();
    socket().deliver({ type: "messages", more: true });
    expect(connection.state).toBe("connected");
  });

  it("passes every frame on in order, including the welcome", () => {
    connected();
    socket().deliver({ type: "message", seq: 1 });
    socket().deliver({ type: "message", seq: 2 });
    expect(received).toEqual([WELCOME, { type: "message", seq: 1 }, { type: "message", seq: 2 }]);
  });

  it("sends nothing before the welcome, and returns false", () => {
    const connection = connect();
    connection.open();
    expect(connection.send({ type: "post" })).toBe(false);
    socket().open();
    expect(connection.send({ type: "post" })).toBe(false);
    expect(socket().types).toEqual(["hello"]);
    socket().deliver({ ...WELCOME, more: true });
    expect(connection.send({ type: "post" })).toBe(true);
    expect(socket().types).toEqual(["hello", "post"]);
  });

  it("has one socket, however often it is opened", () => {
    const connection = connected();
    connection.open();
    connection.open();
    expect(sockets).toHaveLength(1);
  });

  it("reconnects when a frame is not JSON", () => {
    connected();
    socket().onmessage?.({ data: "{" });
    expect(sockets[0]!.closed).toBe(true);
    untilReopened();
    expect(sockets).toHaveLength(2);
  });
});

describe("the watchdog", () => {
  it("replies to a ping with a pong", () => {
    connected();
    socket().deliver({ type: "ping", last_seq: 3 });
    expect(socket().types).toEqual(["hello", "pong"]);
  });

  it("stays connected while pings come, even as late as allowed", () => {
    const connection = connected();
    for (let pings = 0; pings < 20; pings++) {
      clock.pass(PING * 1.2);
      socket().deliver({ type: "ping" });
    }
    expect(states).toEqual(["catching-up", "connected"]);
    expect(connection.state).toBe("connected");
    expect(sockets).toHaveLength(1);
  });

  it("counts any frame as a sign of life", () => {
    const connection = connected();
    clock.pass(OVERDUE - 1);
    socket().deliver({ type: "presence" });
    clock.pass(OVERDUE - 1);
    expect(connection.state).toBe("connected");
  });

  it("is no longer connected once a ping is overdue", () => {
    const connection = connected();
    clock.pass(OVERDUE - 1);
    expect(connection.state).toBe("connected");
    clock.pass(1);
    expect(connection.state).toBe("catching-up");
    expect(socket().closed).toBe(false);
  });

  it("is connected again when a late ping arrives", () => {
    const connection = connected();
    clock.pass(OVERDUE);
    socket().deliver({ type: "ping" });
    expect(connection.state).toBe("connected");
  });

  it("gives up a silent socket at ping + 10 s and opens another one", () => {
    const connection = connected();
    clock.pass(DEAD - 1);
    expect(socket().closed).toBe(false);
    clock.pass(1);
    expect(sockets[0]!.closed).toBe(true);
    expect(connection.state).toBe("offline");
    untilReopened();
    expect(sockets).toHaveLength(2);
  });

  it("uses the ping interval of the welcome", () => {
    const connection = connect();
    connection.open();
    socket().open();
    socket().deliver({ ...WELCOME, ping_interval_ms: 1_000 });
    clock.pass(2_200 - 1);
    expect(connection.state).toBe("connected");
    clock.pass(1);
    expect(connection.state).toBe("catching-up");
    clock.pass(11_000 - 2_200);
    expect(sockets[0]!.closed).toBe(true);
  });

  it("gives up a socket that never opens, and opens another one", () => {
    connect().open();
    clock.pass(15_000 - 1);
    expect(socket().closed).toBe(false);
    clock.pass(1);
    expect(sockets[0]!.closed).toBe(true);
    untilReopened();
    expect(sockets).toHaveLength(2);
  });

  it("gives up a socket without a welcome, and opens another one", () => {
    connect().open();
    clock.pass(5_000);
    socket().open();
    clock.pass(10_000);
    expect(sockets[0]!.closed).toBe(true);
    untilReopened();
    expect(sockets).toHaveLength(2);
  });
});

describe("a discarded socket", () => {
  it("delivers nothing", () => {
    const connection = connected();
    const { onmessage, onopen, onclose } = socket();
    connection.resync();
    const before = received.length;
    sockets[0]!.deliver({ type: "message" });
    expect(received).toHaveLength(before);
    expect([sockets[0]!.onmessage, sockets[0]!.onopen, sockets[0]!.onclose]).toEqual([
      null,
      null,
      null,
    ]);
    expect([onmessage, onopen, onclose], "it had listeners before").not.toContain(null);
  });

  it("does not end the next one by closing late", () => {
    const connection = connected();
    connection.resync();
    untilReopened();
    sockets[0]!.end(1006);
    expect(socket().closed).toBe(false);
    socket().open();
    socket().deliver(WELCOME);
    sockets[0]!.end(4500);
    expect(connection.state).toBe("connected");
    expect(stops).toEqual([]);
  });

  it("sends no hello when it opens late", () => {
    const connection = connect();
    connection.open();
    connection.close();
    sockets[0]!.open();
    expect(sockets[0]!.sent).toEqual([]);
  });

  it("may be discarded while it delivers a frame", () => {
    const connection = connect({
      onFrame(frame) {
        received.push(frame);
        if (frame.type === "welcome") connection.close();
      },
    });
    connection.open();
    socket().open();
    socket().deliver(WELCOME);
    expect(connection.state).toBe("offline");
    expect(clock.pending).toBe(0);
  });
});

describe("the back-off", () => {
  it("doubles from half a second to twenty, and waits a random part of that", () => {
    drawn = 0.75;
    connect().open();
    const waits = Array.from({ length: 9 }, () => {
      socket().end();
      return untilReopened();
    });
    expect(waits).toEqual(
      [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000, 20_000].map((ms) => ms * 0.75),
    );
  });

  it("may wait not at all", () => {
    drawn = 0;
    connect().open();
    socket().end();
    expect(untilReopened()).toBe(0);
  });

  it("spreads the first attempt over the reconnect window of the welcome", () => {
    connected();
    socket().end();
    expect(untilReopened()).toBe(WELCOME.reconnect_window_ms * 0.5);
    socket().end();
    expect(untilReopened(), "then it doubles").toBe(500);
  });

  it("spreads the first attempt after going_away over its time", () => {
    connected();
    socket().deliver({ type: "going_away", reconnect_within_ms: 9_000 });
    socket().end(4001);
    expect(untilReopened()).toBe(4_500);
    socket().end();
    expect(untilReopened(), "it applies once").toBe(500);
  });

  it("forgets a going_away when the connection was closed after it", () => {
    const connection = connected();
    socket().deliver({ type: "going_away", reconnect_within_ms: 9_000 });
    connection.close();
    connection.open();
    socket().end();
    expect(untilReopened()).toBe(250);
  });

  it("keeps doubling when connections are short", () => {
    connected();
    const waits = Array.from({ length: 4 }, () => {
      socket().end();
      const wait = untilReopened();
      socket().open();
      socket().deliver(WELCOME);
      return wait;
    });
    expect(waits).toEqual([2_000, 500, 1_000, 2_000]);
  });

  it("starts from the beginning after 30 s connected", () => {
    connect().open();
    for (let tries = 0; tries < 5; tries++) {
      socket().end();
      untilReopened();
    }
    socket().open();
    socket().deliver(WELCOME);
    clock.pass(15_000);
    socket().deliver({ type: "ping" });
    clock.pass(14_999);
    socket().end();
    expect(untilReopened(), "30 s are not over").toBe(8_000);
    socket().open();
    socket().deliver(WELCOME);
    clock.pass(15_000);
    socket().deliver({ type: "ping" });
    clock.pass(15_000);
    socket().end();
    expect(untilReopened(), "the first loss of a new row").toBe(2_000);
  });

  it("waits longer after a flood", () => {
    connected();
    socket().end(4013);
    expect(untilReopened()).toBeGreaterThanOrEqual(4_000);
    expect(stops).toEqual([]);
  });

  it.each([1000, 1001, 1006, 1011, 1012, 4001, 4008, 4009, 4010, 4499])(
    "reconnects after %i",
    (code) => {
      connected();
      socket().end(code);
      untilReopened();
      expect(sockets).toHaveLength(2);
      expect(stops).toEqual([]);
    },
  );
});

describe("a final close code", () => {
  it.each([4500, 4501, 4502, 4504, 4505, 4506, 4999, 1009])("%i stops", (code) => {
    const connection = connected();
    socket().end(code);
    expect(stops).toEqual([code]);
    expect(connection.state).toBe("offline");
    expect(clock.pending).toBe(0);
    connection.checkNow();
    connection.networkLost();
    clock.pass(3_600_000);
    expect(sockets).toHaveLength(1);
    expect(stops).toEqual([code]);
  });

  it("stops a connection that was never welcomed, too", () => {
    const connection = connect();
    connection.open();
    socket().end();
    untilReopened();
    socket().end(4500);
    connection.checkNow();
    clock.pass(3_600_000);
    expect(stops).toEqual([4500]);
    expect(sockets).toHaveLength(2);
  });

  it("lets the owner open it again", () => {
    const connection = connected({
      onStop(code) {
        stops.push(code);
        if (stops.length === 1) connection.open();
      },
    });
    socket().end(4500);
    expect(sockets).toHaveLength(2);
    expect(clock.pending).toBe(1);
  });
});

describe("the browser's events", () => {
  it("end a wait at once", () => {
    const connection = connected();
    socket().end();
    connection.checkNow();
    expect(sockets).toHaveLength(2);
    expect(clock.pending, "only the check of the new socket").toBe(1);
    connection.checkNow();
    expect(sockets).toHaveLength(2);
  });

  it("send no probe when a frame came recently", () => {
    const connection = connected();
    clock.pass(5_000);
    connection.checkNow();
    expect(socket().types).toEqual(["hello"]);
  });

  it("probe a silent socket once, and give it up after 5 s", () => {
    const connection = connected();
    clock.pass(5_001);
    connection.checkNow();
    connection.checkNow();
    expect(socket().types).toEqual(["hello", "probe"]);
    clock.pass(4_999);
    expect(socket().closed).toBe(false);
    clock.pass(1);
    expect(sockets[0]!.closed).toBe(true);
    untilReopened();
    expect(sockets).toHaveLength(2);
  });

  it("keep a silent socket that replies to the probe", () => {
    const connection = connected();
    clock.pass(6_000);
    connection.checkNow();
    clock.pass(4_999);
    socket().deliver({ type: "history" });
    clock.pass(10_000);
    expect(connection.state).toBe("connected");
    expect(sockets).toHaveLength(1);
    connection.checkNow();
    expect(socket().types, "another silence is probed again").toEqual(["hello", "probe", "probe"]);
  });

  it("wait for the ping when there is no probe", () => {
    const connection = connected({ probe: () => undefined });
    clock.pass(6_000);
    connection.checkNow();
    expect(socket().types).toEqual(["hello"]);
    expect(connection.state).toBe("connected");
  });

  it("detect an hour of sleep at once", () => {
    const connection = connected();
    clock.sleep(3_600_000);
    connection.checkNow();
    expect(connection.state).toBe("offline");
    expect(sockets[0]!.closed).toBe(true);
    untilReopened();
    expect(sockets).toHaveLength(2);
  });

  it("are not needed to detect an hour of sleep within 5 s", () => {
    const connection = connected();
    clock.sleep(3_600_000);
    clock.pass(5_000);
    expect(connection.state).toBe("offline");
    expect(sockets[0]!.closed).toBe(true);
  });

  it("are not needed to detect an hour of sleep before the welcome", () => {
    connect().open();
    clock.sleep(3_600_000);
    clock.pass(5_000);
    expect(sockets[0]!.closed).toBe(true);
  });

  it("discard the socket when the network is gone, and keep trying", () => {
    const connection = connected();
    connection.networkLost();
    expect(connection.state).toBe("offline");
    expect(sockets[0]!.closed).toBe(true);
    connection.networkLost();
    untilReopened();
    expect(sockets).toHaveLength(2);
  });
});

describe("closing", () => {
  it("is final, whatever happens", () => {
    const connection = connected();
    connection.close();
    expect(sockets[0]!.closed).toBe(true);
    expect(connection.state).toBe("offline");
    connection.checkNow();
    connection.networkLost();
    sockets[0]!.end();
    clock.pass(3_600_000);
    expect(sockets).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it("cancels a pending reconnect", () => {
    const connection = connected();
    socket().end();
    connection.close();
    connection.checkNow();
    clock.pass(3_600_000);
    expect(sockets).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it.each<ConnectionState>(["catching-up", "connected", "offline"])(
    "is final when called from onState with %s",
    (last) => {
      const connection = connect({
        onState(state) {
          if (state === last) connection.close();
        },
      });
      connection.open();
      socket().open();
      socket().deliver(WELCOME);
      socket().end();
      clock.pass(3_600_000);
      expect(sockets).toHaveLength(1);
      expect(clock.pending).toBe(0);
      expect(connection.state).toBe("offline");
    },
  );

  it("resets the back-off of the next open", () => {
    const connection = connected();
    for (let tries = 0; tries < 5; tries++) {
      socket().end();
      untilReopened();
    }
    connection.close();
    connection.open();
    expect(connection.state).toBe("catching-up");
    socket().end();
    expect(untilReopened()).toBe(250);
  });
});

/**
 * Whatever the network, the server, the browser and the owner do, in any order: one socket at
 * most, no false "connected", and always a timer while a connection is wanted.
 */
it.each(seeds(300))("keeps its guarantees in random history %i", (seed) => {
  const random = seeded(seed);
  let wanted = false;
  /** What the test knows of the current socket. */
  let welcomed = false;
  let caughtUp = false;
  let lastFrameAt = 0;
  let wokeAt = Number.NEGATIVE_INFINITY;
  const connection = connect({
    random,
    onStop: () => {
      wanted = false;
    },
    onFrame: () => {
      if (random() < 0.02) connection.resync();
    },
  });
  const live = () => sockets.filter(({ closed, onclose }) => !closed && onclose);
  const deliver = (frame: Frame) => {
    const [socket] = live();
    if (!socket?.opened) return;
    lastFrameAt = clock.now();
    if (frame.type === "welcome") {
      welcomed = true;
      caughtUp = !frame.more;
    } else if (frame.type === "messages" && welcomed && !frame.more) caughtUp = true;
    socket.deliver(frame);
  };
  const socketChanged = () => {
    welcomed = caughtUp = false;
    lastFrameAt = clock.now();
  };

  for (let step = 0; step < 150; step++) {
    const opened = sockets.length;
    const before = live()[0];
    const what = pick(random, [
      [3, "open"],
      [0.3, "close"],
      [4, "accept"],
      [4, "welcome"],
      [2, "long welcome"],
      [2, "last page"],
      [1, "page"],
      [4, "ping"],
      [2, "message"],
      [1, "going_away"],
      [3, "loss"],
      [0.3, "stop"],
      [3, "check"],
      [1, "offline"],
      [1, "sleep"],
      [6, "short wait"],
      [3, "long wait"],
    ] as const);
    if (what === "open") {
      wanted = true;
      connection.open();
    } else if (what === "close") {
      wanted = false;
      connection.close();
    } else if (what === "accept") {
      if (before && !before.opened) before.open();
    } else if (what === "welcome") deliver({ ...WELCOME, more: false });
    else if (what === "long welcome") deliver({ ...WELCOME, more: true });
    else if (what === "last page") deliver({ type: "messages", more: false });
    else if (what === "page") deliver({ type: "messages", more: true });
    else if (what === "ping") deliver({ type: "ping" });
    else if (what === "message") deliver({ type: "message" });
    else if (what === "going_away") deliver({ type: "going_away", reconnect_within_ms: 5_000 });
    else if (what === "loss")
      before?.end(
        pick(random, [
          [1, 1006],
          [1, 4001],
          [1, 4013],
        ] as const),
      );
    else if (what === "stop") before?.end(4500 + Math.floor(random() * 7));
    else if (what === "check") connection.checkNow();
    else if (what === "offline") connection.networkLost();
    else if (what === "short wait") clock.pass(random() * 3_000);
    else if (what === "long wait") clock.pass(random() * 60_000);
    else {
      clock.sleep(random() * 3_600_000);
      wokeAt = clock.now();
    }
    if (sockets.length > opened || live()[0] !== before) socketChanged();

    const at = `SEED=${seed}, step ${step}, after ${what}`;
    expect(live().length, `${at}: sockets`).toBeLessThanOrEqual(1);
    if (connection.state === "connected") {
      expect(live(), at).toHaveLength(1);
      expect(welcomed && caughtUp, `${at}: connected without a resume`).toBe(true);
      // The state of a machine that has just woken up may be stale for 5 s.
      const silence = clock.now() - lastFrameAt;
      const awake = clock.now() - wokeAt >= 5_000;
      if (awake) expect(silence, `${at}: connected, a ping is overdue`).toBeLessThan(OVERDUE);
    }
    expect(clock.pending, `${at}: timers`).toBe(wanted ? 1 : 0);
    if (!wanted) expect(live(), at).toEqual([]);
  }

  // Once the network works, it always connects.
  wanted = true;
  connection.open();
  for (let tries = 0; tries < 50 && connection.state !== "connected"; tries++) {
    const [socket] = live();
    if (!socket) clock.pass(clock.next);
    else {
      if (!socket.opened) socket.open();
      socket.deliver(WELCOME);
    }
  }
  expect(connection.state, `SEED=${seed}: at last`).toBe("connected");
});
