import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { dial, watch } from "./connection";

let page: { hidden: boolean };
let screen: EventTarget;
const connection = { nudge: vi.fn(), offline: vi.fn() };
let stop: AbortController;

beforeEach(() => {
  page = { hidden: false };
  screen = new EventTarget();
  vi.stubGlobal("document", page);
  vi.stubGlobal("addEventListener", screen.addEventListener.bind(screen));
  connection.nudge.mockClear();
  connection.offline.mockClear();
  stop = new AbortController();
  watch(connection, stop.signal);
});
afterEach(() => vi.unstubAllGlobals());

it.each(["pageshow", "focus", "online"])("nudges at %s", (type) => {
  screen.dispatchEvent(new Event(type));
  expect(connection.nudge).toHaveBeenCalledOnce();
  expect(connection.offline).not.toHaveBeenCalled();
});

it("nudges when the page is looked at again, not when it is left", () => {
  page.hidden = true;
  screen.dispatchEvent(new Event("visibilitychange"));
  expect(connection.nudge).not.toHaveBeenCalled();
  page.hidden = false;
  screen.dispatchEvent(new Event("visibilitychange"));
  expect(connection.nudge).toHaveBeenCalledOnce();
});

it("nudges a hidden page, too, when the network is back", () => {
  page.hidden = true;
  screen.dispatchEvent(new Event("online"));
  expect(connection.nudge).toHaveBeenCalledOnce();
});

it("lets go when the network is gone", () => {
  screen.dispatchEvent(new Event("offline"));
  expect(connection.offline).toHaveBeenCalledOnce();
  expect(connection.nudge).not.toHaveBeenCalled();
});

it("hears nothing once it is stopped", () => {
  stop.abort();
  for (const type of ["pageshow", "focus", "online", "offline"]) {
    screen.dispatchEvent(new Event(type));
  }
  screen.dispatchEvent(new Event("visibilitychange"));
  expect(connection.nudge).not.toHaveBeenCalled();
  expect(connection.offline).not.toHaveBeenCalled();
});

it.each(["http://shop.example:8001/ws/chat/1/", "https://http.example/ws/chat/1/"])(
  "dials %s with the protocol's name",
  (url) => {
    const WebSocket = vi.fn();
    vi.stubGlobal("WebSocket", WebSocket);
    dial(url);
    expect(WebSocket).toHaveBeenCalledExactlyOnceWith(url, "shoptalk.v1");
  },
);
