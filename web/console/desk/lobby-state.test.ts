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
    expect(lobby.get("a")?.customer_name).toBe("new");
    expect(lobby.add(summary("a", { version: 3, customer_name: "same" })).added).toBe(true);
    expect(lobby.get("a")?.customer_name).toBe("same");
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

  it("lists what is put off last, and lets neither that nor spam be the longest waiting", () => {
    const lobby = new LobbyState();
    const waiting = { status: "waiting", waiting_since: minute(1) } as const;
    lobby.add(summary("put off", { ...waiting, snoozed_until: minute(50) }));
    lobby.add(summary("spam", { ...waiting, spam: true }));
    lobby.add(summary("active"));
    expect(ids(lobby.list("open"))).toEqual(["active", "put off"]);
    expect(lobby.longestWaiting).toBe(undefined);
    lobby.add(summary("late", { status: "waiting", waiting_since: minute(9) }));
    expect(lobby.longestWaiting?.id).toBe("late");
  });

  it("has the same order after any changes as a list that was sorted at once", () => {
    const lobby = new LobbyState();
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48_271) % 0x7fffffff;
      return seed % below;
    };
    /** A text that sorts a room into its place. */
    const place = ({ id, status, waiting_since, last_message_at, snoozed_until }: Summary) => {
      const time = Date.parse((status === "waiting" ? waiting_since : last_message_at) ?? "");
      const since = status === "waiting" ? time : 9e12 - time;
      return `${snoozed_until ? 1 : 0} ${status === "waiting" ? 0 : 1} ${since} ${id}`;
    };
    for (let version = 1; version <= 1_000; version++) {
      const id = `room ${random(40)}`;
      const isWaiting = random(2) > 0;
      const change = random(10);
      if (change === 0) lobby.remove(id);
      else if (change === 1) lobby.setOnline(id, random(2) > 0);
      else {
        lobby.add(
          summary(id, {
            version,
            status: isWaiting ? "waiting" : "active",
            waiting_since: isWaiting ? minute(random(9)) : null,
            last_message_at: minute(random(9)),
            snoozed_until: random(4) ? null : minute(50),
          }),
        );
      }
      const listed = lobby.list("open");
      const sorted = listed.toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
      expect(ids(listed)).toEqual(ids(sorted));
      expect(new Set(ids(listed)).size).toBe(listed.length);
      expect(listed.every((room) => lobby.get(room.id) === room)).toBe(true);
    }
  });

  it("follows who is online", () => {
    const lobby = new LobbyState();
    lobby.add(summary("a", { customer_online: true }));
    lobby.add(summary("b"));
    lobby.setAllOnline(["b"]);
    expect(lobby.get("a")?.customer_online).toBe(false);
    expect(lobby.get("b")?.customer_online).toBe(true);
    lobby.setOnline("b", false);
    expect(lobby.get("b")?.customer_online).toBe(false);
  });

  it("forgets rooms and cursor when it is cleared", () => {
    const lobby = new LobbyState();
    lobby.add(summary("a"));
    lobby.cursor = "x";
    lobby.clear();
    expect([lobby.get("a"), lobby.list("open"), lobby.cursor]).toEqual([undefined, [], undefined]);
  });
});
