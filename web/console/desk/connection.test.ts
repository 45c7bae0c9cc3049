import { beforeEach, expect, it, vi } from "vitest";
import { FakeClock } from "../../shared/testing/clock";
import { FakeSocket } from "../../shared/testing/socket";
import { english } from "../testing/fixtures";
import { type DeskConnection, makeDeskConnection } from "./connection";
import { makeNotices, type Notices } from "./notices";

const WELCOME = { type: "welcome", more: false, ping_interval_ms: 25_000 };

let sockets: FakeSocket[];
let notices: Notices;
let connection: DeskConnection;
const onOffline = vi.fn();
const onSessionEnd = vi.fn();

beforeEach(() => {
  sockets = [];
  onOffline.mockClear();
  onSessionEnd.mockClear();
  const clock = new FakeClock();
  notices = makeNotices({ clock });
  connection = makeDeskConnection({
    language: english,
    clock,
    openSocket() {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    notices,
    hello: () => ({ type: "hello" }),
    probe: () => undefined,
    onFrame() {},
    onOffline,
    onSessionEnd,
  });
  connection.open();
  sockets[0]!.open();
});

it("has its state as a signal, and clears the banner once it is connected", () => {
  notices.showBanner(() => "The server is restarting.");
  expect(connection.state.value).toBe("catching-up");
  sockets[0]!.deliver(WELCOME);
  expect([connection.state.value, notices.banner.value]).toEqual(["connected", undefined]);
  sockets[0]!.end();
  expect([connection.state.value, onOffline.mock.calls.length]).toEqual(["offline", 1]);
});

it("ends the session after 4500", () => {
  sockets[0]!.end(4500);
  const reasons = onSessionEnd.mock.calls.map(([reason]) => reason());
  expect(reasons).toEqual(["Your session has ended. Please sign in again."]);
});

it.each([
  [4504, /too many consoles/],
  [4505, /no longer allowed/],
  [4501, /too old/],
])("shows why it stopped after %i, and reconnects when the agent asks", (code, text) => {
  sockets[0]!.end(code);
  expect(notices.banner.value?.text).toMatch(text);
  expect(notices.banner.value?.isFinal).toBe(true);
  connection.reconnect();
  expect([sockets.length, notices.banner.value]).toEqual([2, undefined]);
});
