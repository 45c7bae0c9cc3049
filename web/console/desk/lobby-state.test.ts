import { describe, expect, it } from "vitest";
import type { Summary } from "../../shared/protocol";
import { minute, summary } from "../testing/fixtures";
import { LobbyState } from "./lobby-state";

const ids = (rooms: Summary[]) => rooms.map(({ id }) => id);

describe("the state of the lobby", () => {
  it("replaces a summary by one with an equal or higher version only", () => {
    const lobby = new LobbyState();
    lobby.add(summary("a", { version: 3, customer_name: "new" }));
    expect(lobby.add(summary("a", { version: 2, customer_name: "old" })).added).toBe(false);
    expect(lobby.rooms.get("a")?.customer_name).toBe("new");
    expect(lobby.add(summary("a", { version: 3, customer_name: "same" })).added).toBe(true);
    expect(lobby.rooms.get("a")?.customer_name).toBe("same");
  });

  it("lists those waiting longest first, then the latest activity", () => {
    const lobby = new LobbyState();
    lobby.add(summary("late", { status: "waiting", waiting_since: minute(9) }));
    lobby.add(summary("early", { status: "waiting", waiting_since: minute(3) }));
    lobby.add(summary("old", { last_message_at: minute(1) }));
    lobby.add(summary("new", { last_message_at: minute(8) }));
    lobby.add(summary("done", { status: "closed" }));
    expect(ids(lobby.list("open"))).toEqual(["early", "late", "new", "old"]);
    expect(ids(lobby.list("closed"))).toEqual(["done"]);
    expect(lobby.longestWaiting?.id).toBe("early");
  });

  it("follows who is online", () => {
    const lobby = new LobbyState();
    lobby.add(summary("a", { customer_online: true }));
    lobby.add(summary("b"));
    lobby.setAllOnline(["b"]);
    expect(lobby.rooms.get("a")?.customer_online).toBe(false);
    expect(lobby.rooms.get("b")?.customer_online).toBe(true);
    lobby.setOnline("b", false);
    expect(lobby.rooms.get("b")?.customer_online).toBe(false);
  });

  it("forgets rooms and cursor when it is cleared", () => {
    const lobby = new LobbyState();
    lobby.add(summary("a"));
    lobby.cursor = "x";
    lobby.clear();
    expect([lobby.rooms.size, lobby.cursor]).toEqual([0, undefined]);
  });
});
