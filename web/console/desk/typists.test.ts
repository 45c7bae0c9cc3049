import { beforeEach, expect, it } from "vitest";
import { FakeClock } from "../../shared/testing/clock";
import { makeTypists } from "./typists";

const ANN = { name: "Ann", isVisitor: true };
const ADA = { name: "Ada", isVisitor: false };

let clock: FakeClock;

beforeEach(() => {
  clock = new FakeClock();
});

it("shows each for their time, and again with the next sign", () => {
  const typists = makeTypists({ clock });
  typists.show(ANN, 6_000);
  clock.pass(3_000);
  typists.show(ADA, 6_000);
  typists.show(ANN, 6_000);
  clock.pass(5_999);
  expect(typists.list.value).toEqual([ADA, ANN]);
  clock.pass(1);
  expect([typists.list.value, clock.pending]).toEqual([[], 0]);
});

it("distinguishes a visitor and an agent of the same name", () => {
  const typists = makeTypists({ clock });
  typists.show(ANN, 6_000);
  typists.show({ name: "Ann", isVisitor: false }, 6_000);
  typists.hide(ANN);
  expect(typists.list.value).toEqual([{ name: "Ann", isVisitor: false }]);
});

it("can be cleared, with all timers", () => {
  const typists = makeTypists({ clock });
  typists.show(ANN, 6_000);
  typists.clear();
  expect([typists.list.value, clock.pending]).toEqual([[], 0]);
});
