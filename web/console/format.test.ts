import { expect, it } from "vitest";
import { formatAge, formatBytes, formatInterval, formatShort, visitorName } from "./format";

it("a visitor is called by name, else by address, else Visitor", () => {
  expect(visitorName({ customer_name: "Ann", customer_email: "a@b.example" })).toBe("Ann");
  expect(visitorName({ customer_name: null, customer_email: "a@b.example" })).toBe("a@b.example");
  expect(visitorName({ customer_name: null, customer_email: null })).toBe("Visitor");
});

it.each([
  ["now", -5],
  ["now", 0.9],
  ["4 min", 4],
  ["59 min", 59],
  ["1 h", 60],
  ["2 h 10 min", 130],
  ["1 day", 1_440],
  ["3 days", 4_400],
])("an age is written as %j", (expected, minutes) => {
  const now = Date.UTC(2026, 0, 10);
  expect(formatAge(new Date(now - minutes * 60_000).toISOString(), now)).toBe(expected);
});

it("a time of today is written as a time, another day's as a date", () => {
  const at = new Date(2026, 0, 10, 12).toISOString();
  const sameDay = new Date(2026, 0, 10, 18).getTime();
  const nextDay = new Date(2026, 0, 11, 18).getTime();
  expect(formatShort(at, sameDay)).toMatch(/12:00/);
  expect(formatShort(at, nextDay)).not.toMatch(/12:00/);
});

it("a size and an interval are written in the largest fitting unit", () => {
  expect([0, 999, 12_345, 9_960_000, 3.4e12].map(formatBytes)).toEqual([
    "0.0 KB",
    "1.0 KB",
    "12 KB",
    "10.0 MB",
    "3.4 TB",
  ]);
  expect([86_400_000, 21_600_000, 5_400_000, 1_500].map(formatInterval)).toEqual([
    "day",
    "6 hours",
    "90 minutes",
    "1500 ms",
  ]);
});
