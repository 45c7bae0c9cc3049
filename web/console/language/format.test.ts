import { expect, it } from "vitest";
import { english } from "../testing/fixtures";

const { format } = english;

it("a visitor is called by name, else by address, else Visitor", () => {
  expect(format.visitor({ customer_name: "Ann", customer_email: "a@b.example" })).toBe("Ann");
  expect(format.visitor({ customer_name: null, customer_email: "a@b.example" })).toBe(
    "a@b.example",
  );
  expect(format.visitor({ customer_name: null, customer_email: null })).toBe("Visitor");
});

it.each([
  ["now", "just now", -5],
  ["now", "just now", 0.9],
  ["4 min", "4 min ago", 4],
  ["59 min", "59 min ago", 59],
  ["1 h", "1 h ago", 60],
  ["2 h 10 min", "2 h 10 min ago", 130],
  ["1 day", "1 day ago", 1_440],
  ["3 days", "3 days ago", 4_400],
])("an age is written as %j and %j", (age, ago, minutes) => {
  const now = Date.UTC(2026, 0, 10);
  const at = new Date(now - minutes * 60_000).toISOString();
  expect([format.age(at, now), format.ago(at, now)]).toEqual([age, ago]);
});

it("a time of today is written as a time, another day's as a date", () => {
  const at = new Date(2026, 0, 10, 12).toISOString();
  const sameDay = new Date(2026, 0, 10, 18).getTime();
  const nextDay = new Date(2026, 0, 11, 18).getTime();
  expect(format.short(at, sameDay)).toMatch(/12:00/);
  expect(format.short(at, nextDay)).not.toMatch(/12:00/);
});

it("a size and an interval are written in the largest fitting unit", () => {
  expect([0, 999, 12_345, 9_960_000, 3.4e12].map(format.bytes)).toEqual([
    "0.0 KB",
    "1.0 KB",
    "12 KB",
    "10.0 MB",
    "3.4 TB",
  ]);
  expect([86_400_000, 21_600_000, 5_400_000, 1_500].map(format.everyInterval)).toEqual([
    "The server makes one every day by itself.",
    "The server makes one every 6 hours by itself.",
    "The server makes one every 90 minutes by itself.",
    "The server makes one every 1,500 ms by itself.",
  ]);
});

it("a span is written in seconds, minutes, hours or days", () => {
  const spans = [0, 42_400, 59_499, 60_000, 130 * 60_000, 3 * 86_400_000].map(format.span);
  expect(spans).toEqual(["0 sec", "42 sec", "59 sec", "1 min", "2 h 10 min", "3 days"]);
});

it("a day of the shop's calendar is the same wherever the agent is", () => {
  expect(format.calendarDay("2026-01-05")).toMatch(/5/);
});
