import { describe, expect, it } from "vitest";
import type { Summary } from "../../shared/protocol";
import { matching } from "../views/commands";
import { Lobby, nameOf, rings } from "./lobby-state";

const minute = (n: number) => new Date(Date.UTC(2026, 0, 1, 12, n)).toISOString();

function summary(id: string, change: Partial<Summary> = {}): Summary {
  return {
    id,
    status: "active",
    customer_name: id,
    customer_email: null,
    customer_phone: null,
    user: null,
    page_url: null,
    created_at: minute(0),
    updated_at: minute(0),
    last_message_at: minute(0),
    last_seq: 1,
    customer_read_seq: 0,
    admin_read_seq: 0,
    last_message: {
      seq: 1,
      sender_type: "customer",
      sender_name: id,
      content: "?",
      created_at: minute(0),
    },
    unread_count: 1,
    waiting_since: null,
    customer_online: false,
    blocked: false,
    version: 1,
    ...change,
  };
}

const ids = (rooms: Summary[]) => rooms.map(({ id }) => id);

describe("the lobby", () => {
  it("takes an equal or newer version and leaves an older one", () => {
    const lobby = new Lobby();
    lobby.take(summary("a", { version: 3, customer_name: "new" }));
    expect(lobby.take(summary("a", { version: 2, customer_name: "old" })).taken).toBe(false);
    expect(lobby.rooms.get("a")?.customer_name).toBe("new");
    expect(lobby.take(summary("a", { version: 3, customer_name: "same" })).taken).toBe(true);
    expect(lobby.rooms.get("a")?.customer_name).toBe("same");
  });

  it("lists who waits longest first, then the latest activity", () => {
    const lobby = new Lobby();
    lobby.take(summary("late", { status: "waiting", waiting_since: minute(9) }));
    lobby.take(summary("early", { status: "waiting", waiting_since: minute(3) }));
    lobby.take(summary("old", { last_message_at: minute(1) }));
    lobby.take(summary("new", { last_message_at: minute(8) }));
    lobby.take(summary("done", { status: "closed" }));
    expect(ids(lobby.list("open"))).toEqual(["early", "late", "new", "old"]);
    expect(ids(lobby.list("closed"))).toEqual(["done"]);
    expect(lobby.longest?.id).toBe("early");
  });

  it("follows who is there", () => {
    const lobby = new Lobby();
    lobby.take(summary("a", { customer_online: true }));
    lobby.take(summary("b"));
    lobby.allOnline(["b"]);
    expect(lobby.rooms.get("a")?.customer_online).toBe(false);
    expect(lobby.rooms.get("b")?.customer_online).toBe(true);
    lobby.online("b", false);
    expect(lobby.rooms.get("b")?.customer_online).toBe(false);
  });

  it("starts over when the server cannot go on", () => {
    const lobby = new Lobby();
    lobby.take(summary("a"));
    lobby.cursor = "x";
    lobby.clear();
    expect([lobby.rooms.size, lobby.cursor]).toEqual([0, undefined]);
  });
});

describe("alerts", () => {
  const before = summary("a", { unread_count: 1 });

  it("ring for a customer's new message in a room that nobody looks at", () => {
    expect(rings(before, summary("a", { unread_count: 2 }), undefined)).toBe(true);
    expect(rings(undefined, summary("a"), "b")).toBe(true);
  });

  it("do not ring for the room before one's eyes, an answer, a read mark or a blocked visitor", () => {
    expect(rings(before, summary("a", { unread_count: 2 }), "a")).toBe(false);
    expect(rings(before, summary("a", { unread_count: 1 }), undefined)).toBe(false);
    expect(rings(before, summary("a", { unread_count: 2, blocked: true }), undefined)).toBe(false);
    const answer = { ...summary("a").last_message!, sender_type: "admin" as const };
    expect(rings(before, summary("a", { unread_count: 2, last_message: answer }), undefined)).toBe(
      false,
    );
  });
});

describe("the palette", () => {
  it("finds entries in which every word occurs, without case", () => {
    const entries = ["Sign out", "Sign out everywhere", "Search"].map((name) => ({ name }));
    expect(matching(entries, "OUT sign").map(({ name }) => name)).toEqual([
      "Sign out",
      "Sign out everywhere",
    ]);
    expect(matching(entries, "")).toHaveLength(3);
    expect(matching(entries, "zzz")).toHaveLength(0);
  });
});

it("a customer is called by name, else by address, else Visitor", () => {
  expect(nameOf({ customer_name: "Ann", customer_email: "a@b.example" })).toBe("Ann");
  expect(nameOf({ customer_name: null, customer_email: "a@b.example" })).toBe("a@b.example");
  expect(nameOf({ customer_name: null, customer_email: null })).toBe("Visitor");
});
