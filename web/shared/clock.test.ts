import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { browserClock } from "./clock";

let steady = 0;
let wall = 0;

beforeEach(() => {
  vi.spyOn(performance, "now").mockImplementation(() => steady);
  vi.spyOn(Date, "now").mockImplementation(() => wall);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The time that passes on the clock while the browser's two clocks pass these steps. */
function passed(steps: [steady: number, wall: number][]): number {
  const clock = browserClock();
  const from = clock.now();
  for (const [steadyStep, wallStep] of steps) {
    steady += steadyStep;
    wall += wallStep;
    clock.now();
  }
  return clock.now() - from;
}

it("follows the browser's clocks", () => {
  expect(passed([[100, 100]])).toBe(100);
});

it("counts a sleep in which only one of the clocks went on", () => {
  expect(passed([[0, 3_600_000]])).toBe(3_600_000);
  expect(passed([[3_600_000, 0]])).toBe(3_600_000);
});

it("does not go back when somebody sets the clock back", () => {
  expect(passed([[100, -3_600_000]])).toBe(100);
});

it("cannot hide a silence between two readings", () => {
  expect(
    passed([
      [100, -3_600_000],
      [0, 50],
      [20, 20],
    ]),
  ).toBe(170);
});

it("calls once after a time, unless it is cancelled", () => {
  const clock = browserClock();
  const [first, second] = [vi.fn(), vi.fn()];
  clock.after(1_000, first);
  const cancel = clock.after(1_000, second);
  vi.advanceTimersByTime(999);
  expect(first).not.toHaveBeenCalled();
  cancel();
  vi.advanceTimersByTime(10_000);
  expect(first).toHaveBeenCalledOnce();
  expect(second).not.toHaveBeenCalled();
});
