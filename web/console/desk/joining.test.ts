import { beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../../shared/testing/clock";
import { type Joining, makeJoining } from "./joining";

let clock: FakeClock;
let joins: string[];
let refused: boolean;
let joining: Joining;

beforeEach(() => {
  clock = new FakeClock();
  joins = [];
  refused = false;
  joining = makeJoining({
    clock,
    sendJoin: (room) => joins.push(room),
    onRefused: (now) => {
      refused = now;
    },
  });
});

describe("joining", () => {
  it("sends one join when it succeeds", () => {
    joining.join("a");
    joining.joined("a");
    clock.pass(600_000);
    expect(joins).toEqual(["a"]);
    expect(clock.pending).toBe(0);
  });

  it("tries again after each refusal, with a back-off up to 20 s", () => {
    joining.join("a");
    const waits = Array.from({ length: 8 }, () => {
      joining.refused("a");
      expect(refused).toBe(true);
      const { next } = clock;
      clock.pass(next);
      return next;
    });
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
    expect(joins).toHaveLength(9);
    joining.joined("a");
    expect([refused, clock.pending]).toEqual([false, 0]);
  });

  it("waits at least as long as the server asks for", () => {
    joining.join("a");
    joining.refused("a", 1_200);
    expect(clock.next).toBe(1_200);
  });

  it("starts the back-off from its beginning once joined", () => {
    joining.join("a");
    for (let tries = 0; tries < 4; tries++) {
      joining.refused("a");
      clock.pass(clock.next);
    }
    joining.joined("a");
    joining.refused("a");
    expect(clock.next).toBe(500);
  });

  it("joins again when a joined room is refused later", () => {
    joining.join("a");
    joining.joined("a");
    joining.refused("a");
    clock.pass(500);
    expect(joins).toEqual(["a", "a"]);
  });

  it("has one pending try, however many refusals come", () => {
    joining.join("a");
    joining.refused("a");
    joining.refused("a");
    expect(clock.pending).toBe(1);
  });

  it("gives up a room for another one", () => {
    joining.join("a");
    joining.refused("a");
    joining.join("b");
    expect([refused, clock.pending]).toEqual([false, 0]);
    joining.refused("a");
    joining.joined("a");
    expect([refused, clock.pending, joins]).toEqual([false, 0, ["a", "b"]]);
  });

  it("ends when the conversation is left", () => {
    joining.join("a");
    joining.refused("a");
    joining.leave();
    clock.pass(60_000);
    expect([refused, joins]).toEqual([false, ["a"]]);
  });

  it("waits for a new connection to join, and stays refused meanwhile", () => {
    joining.join("a");
    joining.refused("a");
    joining.disconnected();
    clock.pass(60_000);
    expect([refused, joins]).toEqual([true, ["a"]]);
    joining.join("a");
    expect(refused).toBe(true);
    joining.joined("a");
    expect(refused).toBe(false);
  });
});
