import { beforeEach, describe, expect, it } from "vitest";
import { type ConnectionOptions, makeConnection, type State } from "./connection";
import { FakeClock } from "./testing/clock";
import { pick, seeded, seeds } from "./testing/random";
import { FakeWire } from "./testing/socket";

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
/** When a silent socket is let go. */
const DEAD = PING + 10_000;

let clock: FakeClock;
let wires: FakeWire[];
let received: Frame[];
let states: State[];
let stops: number[];
/** What the back-off draws. */
let drawn: number;

beforeEach(() => {
  clock = new FakeClock();
  wires = [];
  received = [];
  states = [];
  stops = [];
  drawn = 0.5;
});

function connect(options: Partial<ConnectionOptions<Frame, Frame>> = {}) {
  return makeConnection<Frame, Frame>({
    clock,
    dial() {
      const made = new FakeWire();
      wires.push(made);
      return made;
    },
    hello: () => ({ type: "hello", after: received.length }),
    rest: "messages",
    probe: () => ({ type: "probe" }),
    receive: (frame) => received.push(frame),
    changed: (state) => states.push(state),
    stopped: (code) => stops.push(code),
    random: () => drawn,
    ...options,
  });
}

/** The newest socket. */
const wire = () => wires.at(-1)!;

/** A connection that has caught up. */
function connected(options: Partial<ConnectionOptions<Frame, Frame>> = {}) {
  const connection = connect(options);
  connection.open();
  wire().open();
  wire().says(WELCOME);
  expect(connection.state).toBe("connected");
  return connection;
}

/** Passes time until the next dial, and answers how long that took. */
function untilDial(): number {
  const from = clock.now();
  const dials = wires.length;
  while (wires.length === dials) {
    expect(clock.pending, "a timer that will dial").toBeGreaterThan(0);
    clock.pass(clock.next);
  }
  return clock.now() - from;
}

describe("catching up", () => {
  it("dials nothing before it is opened", () => {
    const connection = connect();
    expect(wires).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(connection.state).toBe("offline");
  });

  it("says hello once the socket is open, and nothing before", () => {
    const connection = connect();
    connection.open();
    expect(wire().sent).toEqual([]);
    wire().open();
    expect(wire().sent).toEqual([{ type: "hello", after: 0 }]);
    expect(connection.state).toBe("catching-up");
  });

  it("asks for a fresh hello at each connect", () => {
    const connection = connected();
    wire().says({ type: "message" });
    connection.resync();
    untilDial();
    wire().open();
    expect(wire().sent).toEqual([{ type: "hello", after: 2 }]);
  });

  it("is connected with a welcome that has no more to come", () => {
    const connection = connect();
    connection.open();
    wire().open();
    wire().says({ ...WELCOME, more: false });
    expect(states).toEqual(["catching-up", "connected"]);
    expect(connection.state).toBe("connected");
  });

  it("is connected only after the rest, when more is to come", () => {
    const connection = connect();
    connection.open();
    wire().open();
    wire().says({ ...WELCOME, more: true });
    expect(connection.state).toBe("catching-up");
    wire().says({ type: "messages", more: true });
    expect(connection.state).toBe("catching-up");
    wire().says({ type: "summaries", more: false });
    expect(connection.state, "another list is not the rest").toBe("catching-up");
    wire().says({ type: "messages", more: false });
    expect(connection.state).toBe("connected");
  });

  it("does not take a list before the welcome for the end of a resume", () => {
    const connection = connect();
    connection.open();
    wire().open();
    wire().says({ type: "messages", more: false });
    expect(connection.state).toBe("catching-up");
  });

  it("stays connected when the same kind of list comes later for another reason", () => {
    const connection = connected();
    wire().says({ type: "messages", more: true });
    expect(connection.state).toBe("connected");
  });

  it("hands every frame on in order, the welcome included", () => {
    connected();
    wire().says({ type: "message", seq: 1 });
    wire().says({ type: "message", seq: 2 });
    expect(received).toEqual([WELCOME, { type: "message", seq: 1 }, { type: "message", seq: 2 }]);
  });

  it("sends nothing before the welcome, and says so", () => {
    const connection = connect();
    connection.open();
    expect(connection.send({ type: "post" })).toBe(false);
    wire().open();
    expect(connection.send({ type: "post" })).toBe(false);
    expect(wire().types).toEqual(["hello"]);
    wire().says({ ...WELCOME, more: true });
    expect(connection.send({ type: "post" })).toBe(true);
    expect(wire().types).toEqual(["hello", "post"]);
  });

  it("has one socket, however often it is opened", () => {
    const connection = connected();
    connection.open();
    connection.open();
    expect(wires).toHaveLength(1);
  });

  it("resumes when a frame is no JSON", () => {
    connected();
    wire().onmessage?.({ data: "{" });
    expect(wires[0]!.closed).toBe(true);
    untilDial();
    expect(wires).toHaveLength(2);
  });
});

describe("the watchdog", () => {
  it("answers a ping with a pong", () => {
    connected();
    wire().says({ type: "ping", last_seq: 3 });
    expect(wire().types).toEqual(["hello", "pong"]);
  });

  it("stays connected as long as pings come, even as late as they may", () => {
    const connection = connected();
    for (let pings = 0; pings < 20; pings++) {
      clock.pass(PING * 1.2);
      wire().says({ type: "ping" });
    }
    expect(states).toEqual(["catching-up", "connected"]);
    expect(connection.state).toBe("connected");
    expect(wires).toHaveLength(1);
  });

  it("takes any frame for a sign of life", () => {
    const connection = connected();
    clock.pass(OVERDUE - 1);
    wire().says({ type: "presence" });
    clock.pass(OVERDUE - 1);
    expect(connection.state).toBe("connected");
  });

  it("does not say connected any more once a ping is overdue", () => {
    const connection = connected();
    clock.pass(OVERDUE - 1);
    expect(connection.state).toBe("connected");
    clock.pass(1);
    expect(connection.state).toBe("catching-up");
    expect(wire().closed).toBe(false);
  });

  it("is connected again when the late ping comes after all", () => {
    const connection = connected();
    clock.pass(OVERDUE);
    wire().says({ type: "ping" });
    expect(connection.state).toBe("connected");
  });

  it("lets a silent socket go at ping + 10 s and dials again", () => {
    const connection = connected();
    clock.pass(DEAD - 1);
    expect(wire().closed).toBe(false);
    clock.pass(1);
    expect(wires[0]!.closed).toBe(true);
    expect(connection.state).toBe("offline");
    untilDial();
    expect(wires).toHaveLength(2);
  });

  it("goes by the interval that the server named", () => {
    const connection = connect();
    connection.open();
    wire().open();
    wire().says({ ...WELCOME, ping_interval_ms: 1_000 });
    clock.pass(2_200 - 1);
    expect(connection.state).toBe("connected");
    clock.pass(1);
    expect(connection.state).toBe("catching-up");
    clock.pass(11_000 - 2_200);
    expect(wires[0]!.closed).toBe(true);
  });

  it("gives up a dial that nobody answers, and dials again", () => {
    connect().open();
    clock.pass(15_000 - 1);
    expect(wire().closed).toBe(false);
    clock.pass(1);
    expect(wires[0]!.closed).toBe(true);
    untilDial();
    expect(wires).toHaveLength(2);
  });

  it("gives up a socket that opens and never says welcome, and dials again", () => {
    connect().open();
    clock.pass(5_000);
    wire().open();
    clock.pass(10_000);
    expect(wires[0]!.closed).toBe(true);
    untilDial();
    expect(wires).toHaveLength(2);
  });
});

describe("a socket that was let go", () => {
  it("says nothing any more", () => {
    const connection = connected();
    const { onmessage, onopen, onclose } = wire();
    connection.resync();
    const before = received.length;
    wires[0]!.says({ type: "message" });
    expect(received).toHaveLength(before);
    expect([wires[0]!.onmessage, wires[0]!.onopen, wires[0]!.onclose]).toEqual([null, null, null]);
    expect([onmessage, onopen, onclose], "it had listeners before").not.toContain(null);
  });

  it("does not bring the next one down with its late end", () => {
    const connection = connected();
    connection.resync();
    untilDial();
    wires[0]!.ends(1006);
    expect(wire().closed).toBe(false);
    wire().open();
    wire().says(WELCOME);
    wires[0]!.ends(4500);
    expect(connection.state).toBe("connected");
    expect(stops).toEqual([]);
  });

  it("says no hello when it opens too late", () => {
    const connection = connect();
    connection.open();
    connection.close();
    wires[0]!.open();
    expect(wires[0]!.sent).toEqual([]);
  });

  it("may be let go while it hands a frame on", () => {
    const connection = connect({
      receive(frame) {
        received.push(frame);
        if (frame.type === "welcome") connection.close();
      },
    });
    connection.open();
    wire().open();
    wire().says(WELCOME);
    expect(connection.state).toBe("offline");
    expect(clock.pending).toBe(0);
  });
});

describe("the back-off", () => {
  it("doubles from half a second to twenty, each time a random part of it", () => {
    drawn = 0.75;
    connect().open();
    const waits = Array.from({ length: 9 }, () => {
      wire().ends();
      return untilDial();
    });
    expect(waits).toEqual(
      [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000, 20_000].map((ms) => ms * 0.75),
    );
  });

  it("may draw nothing at all", () => {
    drawn = 0;
    connect().open();
    wire().ends();
    expect(untilDial()).toBe(0);
  });

  it("spreads the first try after a loss over the window that the server named", () => {
    connected();
    wire().ends();
    expect(untilDial()).toBe(WELCOME.reconnect_window_ms * 0.5);
    wire().ends();
    expect(untilDial(), "then it doubles").toBe(500);
  });

  it("spreads the first try after going_away over the time named there", () => {
    connected();
    wire().says({ type: "going_away", reconnect_within_ms: 9_000 });
    wire().ends(4001);
    expect(untilDial()).toBe(4_500);
    wire().ends();
    expect(untilDial(), "which is good once").toBe(500);
  });

  it("forgets a going_away when the connection was closed after it", () => {
    const connection = connected();
    wire().says({ type: "going_away", reconnect_within_ms: 9_000 });
    connection.close();
    connection.open();
    wire().ends();
    expect(untilDial()).toBe(250);
  });

  it("goes on doubling when connections do not last", () => {
    connected();
    const waits = Array.from({ length: 4 }, () => {
      wire().ends();
      const wait = untilDial();
      wire().open();
      wire().says(WELCOME);
      return wait;
    });
    expect(waits).toEqual([2_000, 500, 1_000, 2_000]);
  });

  it("starts afresh after 30 s connected", () => {
    connect().open();
    for (let tries = 0; tries < 5; tries++) {
      wire().ends();
      untilDial();
    }
    wire().open();
    wire().says(WELCOME);
    clock.pass(15_000);
    wire().says({ type: "ping" });
    clock.pass(14_999);
    wire().ends();
    expect(untilDial(), "30 s are not over").toBe(8_000);
    wire().open();
    wire().says(WELCOME);
    clock.pass(15_000);
    wire().says({ type: "ping" });
    clock.pass(15_000);
    wire().ends();
    expect(untilDial(), "a fresh loss").toBe(2_000);
  });

  it("waits longer after a flood", () => {
    connected();
    wire().ends(4013);
    expect(untilDial()).toBeGreaterThanOrEqual(4_000);
    expect(stops).toEqual([]);
  });

  it.each([1000, 1001, 1006, 1011, 1012, 4001, 4008, 4009, 4010, 4499])(
    "dials again after %i",
    (code) => {
      connected();
      wire().ends(code);
      untilDial();
      expect(wires).toHaveLength(2);
      expect(stops).toEqual([]);
    },
  );
});

describe("a code that ends it for good", () => {
  it.each([4500, 4501, 4502, 4504, 4505, 4506, 4999, 1009])("%i stops", (code) => {
    const connection = connected();
    wire().ends(code);
    expect(stops).toEqual([code]);
    expect(connection.state).toBe("offline");
    expect(clock.pending).toBe(0);
    connection.nudge();
    connection.offline();
    clock.pass(3_600_000);
    expect(wires).toHaveLength(1);
    expect(stops).toEqual([code]);
  });

  it("stops a connection that was never welcomed, too", () => {
    const connection = connect();
    connection.open();
    wire().ends();
    untilDial();
    wire().ends(4500);
    connection.nudge();
    clock.pass(3_600_000);
    expect(stops).toEqual([4500]);
    expect(wires).toHaveLength(2);
  });

  it("leaves it to the owner to begin again", () => {
    const connection = connected({
      stopped(code) {
        stops.push(code);
        if (stops.length === 1) connection.open();
      },
    });
    wire().ends(4500);
    expect(wires).toHaveLength(2);
    expect(clock.pending).toBe(1);
  });
});

describe("the browser's signs", () => {
  it("dials at once when it was waiting", () => {
    const connection = connected();
    wire().ends();
    connection.nudge();
    expect(wires).toHaveLength(2);
    expect(clock.pending, "the wait is over, the new socket is watched").toBe(1);
    connection.nudge();
    expect(wires).toHaveLength(2);
  });

  it("leaves a socket alone that was just heard", () => {
    const connection = connected();
    clock.pass(5_000);
    connection.nudge();
    expect(wire().types).toEqual(["hello"]);
  });

  it("asks a silent socket whether it lives, once, and lets it go after 5 s", () => {
    const connection = connected();
    clock.pass(5_001);
    connection.nudge();
    connection.nudge();
    expect(wire().types).toEqual(["hello", "probe"]);
    clock.pass(4_999);
    expect(wire().closed).toBe(false);
    clock.pass(1);
    expect(wires[0]!.closed).toBe(true);
    untilDial();
    expect(wires).toHaveLength(2);
  });

  it("keeps a silent socket that answers the question", () => {
    const connection = connected();
    clock.pass(6_000);
    connection.nudge();
    clock.pass(4_999);
    wire().says({ type: "history" });
    clock.pass(10_000);
    expect(connection.state).toBe("connected");
    expect(wires).toHaveLength(1);
    connection.nudge();
    expect(wire().types, "and asks anew when it is silent again").toEqual([
      "hello",
      "probe",
      "probe",
    ]);
  });

  it("waits for a ping where there is no question to ask", () => {
    const connection = connected({ probe: () => undefined });
    clock.pass(6_000);
    connection.nudge();
    expect(wire().types).toEqual(["hello"]);
    expect(connection.state).toBe("connected");
  });

  it("notices an hour of sleep at the nudge", () => {
    const connection = connected();
    clock.sleep(3_600_000);
    connection.nudge();
    expect(connection.state).toBe("offline");
    expect(wires[0]!.closed).toBe(true);
    untilDial();
    expect(wires).toHaveLength(2);
  });

  it("notices an hour of sleep within 5 s without one", () => {
    const connection = connected();
    clock.sleep(3_600_000);
    clock.pass(5_000);
    expect(connection.state).toBe("offline");
    expect(wires[0]!.closed).toBe(true);
  });

  it("notices an hour of sleep while it dials", () => {
    connect().open();
    clock.sleep(3_600_000);
    clock.pass(5_000);
    expect(wires[0]!.closed).toBe(true);
  });

  it("lets go when the browser says that the network is gone, and tries on", () => {
    const connection = connected();
    connection.offline();
    expect(connection.state).toBe("offline");
    expect(wires[0]!.closed).toBe(true);
    connection.offline();
    untilDial();
    expect(wires).toHaveLength(2);
  });
});

describe("closing", () => {
  it("is final, whatever happens", () => {
    const connection = connected();
    connection.close();
    expect(wires[0]!.closed).toBe(true);
    expect(connection.state).toBe("offline");
    connection.nudge();
    connection.offline();
    wires[0]!.ends();
    clock.pass(3_600_000);
    expect(wires).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it("ends a wait, too", () => {
    const connection = connected();
    wire().ends();
    connection.close();
    connection.nudge();
    clock.pass(3_600_000);
    expect(wires).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it.each<State>(["catching-up", "connected", "offline"])(
    "is final from within the news of %s, too",
    (last) => {
      const connection = connect({
        changed(state) {
          if (state === last) connection.close();
        },
      });
      connection.open();
      wire().open();
      wire().says(WELCOME);
      wire().ends();
      clock.pass(3_600_000);
      expect(wires).toHaveLength(1);
      expect(clock.pending).toBe(0);
      expect(connection.state).toBe("offline");
    },
  );

  it("may be opened again, like new", () => {
    const connection = connected();
    for (let tries = 0; tries < 5; tries++) {
      wire().ends();
      untilDial();
    }
    connection.close();
    connection.open();
    expect(connection.state).toBe("catching-up");
    wire().ends();
    expect(untilDial()).toBe(250);
  });
});

/**
 * Whatever the network, the server, the browser and the owner do, in any order: one socket at
 * most, no false «connected», and always something that will happen next.
 */
it.each(seeds(300))("keeps its promises in random history %i", (seed) => {
  const random = seeded(seed);
  let wanted = false;
  /** What a strict observer knows of the present socket. */
  let welcomed = false;
  let caughtUp = false;
  let heardAt = 0;
  let wokeAt = Number.NEGATIVE_INFINITY;
  const connection = connect({
    random,
    stopped: () => {
      wanted = false;
    },
    receive: () => {
      if (random() < 0.02) connection.resync();
    },
  });
  const live = () => wires.filter(({ closed, onclose }) => !closed && onclose);
  const says = (frame: Frame) => {
    const [socket] = live();
    if (!socket?.opened) return;
    heardAt = clock.now();
    if (frame.type === "welcome") {
      welcomed = true;
      caughtUp = !frame.more;
    } else if (frame.type === "messages" && welcomed && !frame.more) caughtUp = true;
    socket.says(frame);
  };
  const dialled = () => {
    welcomed = caughtUp = false;
    heardAt = clock.now();
  };

  for (let step = 0; step < 150; step++) {
    const dials = wires.length;
    const before = live()[0];
    const what = pick(random, [
      [3, "open"],
      [0.3, "close"],
      [4, "accept"],
      [4, "welcome"],
      [2, "long welcome"],
      [2, "rest"],
      [1, "more rest"],
      [4, "ping"],
      [2, "message"],
      [1, "going_away"],
      [3, "loss"],
      [0.3, "stop"],
      [3, "nudge"],
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
    } else if (what === "welcome") says({ ...WELCOME, more: false });
    else if (what === "long welcome") says({ ...WELCOME, more: true });
    else if (what === "rest") says({ type: "messages", more: false });
    else if (what === "more rest") says({ type: "messages", more: true });
    else if (what === "ping") says({ type: "ping" });
    else if (what === "message") says({ type: "message" });
    else if (what === "going_away") says({ type: "going_away", reconnect_within_ms: 5_000 });
    else if (what === "loss")
      before?.ends(
        pick(random, [
          [1, 1006],
          [1, 4001],
          [1, 4013],
        ] as const),
      );
    else if (what === "stop") before?.ends(4500 + Math.floor(random() * 7));
    else if (what === "nudge") connection.nudge();
    else if (what === "offline") connection.offline();
    else if (what === "short wait") clock.pass(random() * 3_000);
    else if (what === "long wait") clock.pass(random() * 60_000);
    else {
      clock.sleep(random() * 3_600_000);
      wokeAt = clock.now();
    }
    if (wires.length > dials || live()[0] !== before) dialled();

    const at = `SEED=${seed}, step ${step}, after ${what}`;
    expect(live().length, `${at}: sockets`).toBeLessThanOrEqual(1);
    if (connection.state === "connected") {
      expect(live(), at).toHaveLength(1);
      expect(welcomed && caughtUp, `${at}: connected without a resume`).toBe(true);
      // A machine that has just woken up may say for 5 s what it said before.
      const silence = clock.now() - heardAt;
      const awake = clock.now() - wokeAt >= 5_000;
      if (awake) expect(silence, `${at}: connected, a ping is overdue`).toBeLessThan(OVERDUE);
    }
    expect(clock.pending, `${at}: timers`).toBe(wanted ? 1 : 0);
    if (!wanted) expect(live(), at).toEqual([]);
  }

  // Once the network is well it always comes back.
  wanted = true;
  connection.open();
  for (let tries = 0; tries < 50 && connection.state !== "connected"; tries++) {
    const [socket] = live();
    if (!socket) clock.pass(clock.next);
    else {
      if (!socket.opened) socket.open();
      socket.says(WELCOME);
    }
  }
  expect(connection.state, `SEED=${seed}: at last`).toBe("connected");
});
