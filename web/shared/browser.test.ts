import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { followBrowserEvents, openWebSocket } from "./browser";

let page: { hidden: boolean };
let screen: EventTarget;
const connection = { checkNow: vi.fn(), networkLost: vi.fn() };
let stop: AbortController;

beforeEach(() => {
  page = { hidden: false };
  screen = new EventTarget();
  vi.stubGlobal("document", page);
  vi.stubGlobal("addEventListener", screen.addEventListener.bind(screen));
  connection.checkNow.mockClear();
  connection.networkLost.mockClear();
  stop = new AbortController();
  followBrowserEvents(connection, stop);
});
afterEach(() => vi.unstubAllGlobals());

it.each(["pageshow", "focus", "online"])("checks the connection at %s", (type) => {
  screen.dispatchEvent(new Event(type));
  expect(connection.checkNow).toHaveBeenCalledOnce();
  expect(connection.networkLost).not.toHaveBeenCalled();
});

it("checks when the page becomes visible, not when it is hidden", () => {
  page.hidden = true;
  screen.dispatchEvent(new Event("visibilitychange"));
  expect(connection.checkNow).not.toHaveBeenCalled();
  page.hidden = false;
  screen.dispatchEvent(new Event("visibilitychange"));
  expect(connection.checkNow).toHaveBeenCalledOnce();
});

it("checks in a hidden page, too, when the network is back", () => {
  page.hidden = true;
  screen.dispatchEvent(new Event("online"));
  expect(connection.checkNow).toHaveBeenCalledOnce();
});

it("reports that the network is gone", () => {
  screen.dispatchEvent(new Event("offline"));
  expect(connection.networkLost).toHaveBeenCalledOnce();
  expect(connection.checkNow).not.toHaveBeenCalled();
});

it("passes nothing on once it is stopped", () => {
  stop.abort();
  for (const type of ["pageshow", "focus", "online", "offline"]) {
    screen.dispatchEvent(new Event(type));
  }
  screen.dispatchEvent(new Event("visibilitychange"));
  expect(connection.checkNow).not.toHaveBeenCalled();
  expect(connection.networkLost).not.toHaveBeenCalled();
});

it.each(["http://shop.example:8001/ws/chat/1/", "https://http.example/ws/chat/1/"])(
  "opens %s with the subprotocol's name",
  (url) => {
    const WebSocket = vi.fn();
    vi.stubGlobal("WebSocket", WebSocket);
    openWebSocket(url);
    expect(WebSocket).toHaveBeenCalledExactlyOnceWith(url, "shoptalk.v1");
  },
);
