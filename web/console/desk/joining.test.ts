import { beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../../shared/testing/clock";
import { type Joining, makeJoining } from "./joining";

let clock: FakeClock;
let asked: string[];
let refused: boolean;
let joining: Joining;

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  refused = false;
  joining = makeJoining({
    clock,
    ask: (room) => asked.push(room),
    changed: (now) => {
      refused = now;
    },
  });
});

describe("joining", () => {
  it("asks once, and no more when it is let in", () => {
    joining.join("a");
    joining.joined("a");
    clock.pass(600_000);
    expect(asked).toEqual(["a"]);
    expect(clock.pending).toBe(0);
  });

  it("asks again after each refusal, ever later, up to 20 s", () => {
    joining.join("a");
    const waits = Array.from({ length: 8 }, () => {
      joining.refused("a");
      expect(refused).toBe(true);
      const { next } = clock;
      clock.pass(next);
      return next;
    });
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
    expect(asked).toHaveLength(9);
    joining.joined("a");
    expect([refused, clock.pending]).toEqual([false, 0]);
  });

  it("waits as long as the server says, at least", () => {
    joining.join("a");
    joining.refused("a", 1_200);
    expect(clock.next).toBe(1_200);
  });

  it("begins anew after it was let in", () => {
    joining.join("a");
    for (let tries = 0; tries < 4; tries++) {
      joining.refused("a");
      clock.pass(clock.next);
    }
    joining.joined("a");
    joining.refused("a");
    expect(clock.next).toBe(500);
  });

  it("asks for a room that it was in and that could not go on", () => {
    joining.join("a");
    joining.joined("a");
    joining.refused("a");
    clock.pass(500);
    expect(asked).toEqual(["a", "a"]);
  });

  it("has one try on its way, however many refusals come", () => {
    joining.join("a");
    joining.refused("a");
    joining.refused("a");
    expect(clock.pending).toBe(1);
  });

  it("forgets a room for another one", () => {
    joining.join("a");
    joining.refused("a");
    joining.join("b");
    expect([refused, clock.pending]).toEqual([false, 0]);
    joining.refused("a");
    joining.joined("a");
    expect([refused, clock.pending, asked]).toEqual([false, 0, ["a", "b"]]);
  });

  it("ends when the conversation is left", () => {
    joining.join("a");
    joining.refused("a");
    joining.leave();
    clock.pass(60_000);
    expect([refused, asked]).toEqual([false, ["a"]]);
  });

  it("waits for a new connection, which joins, and says meanwhile what it is", () => {
    joining.join("a");
    joining.refused("a");
    joining.lost();
    clock.pass(60_000);
    expect([refused, asked]).toEqual([true, ["a"]]);
    joining.join("a");
    expect(refused).toBe(true);
    joining.joined("a");
    expect(refused).toBe(false);
  });
});
