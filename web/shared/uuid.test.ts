import { afterEach, beforeEach, expect, it, vi } from "vitest";

let wall = 1_800_000_000_000;
let uuid: (newest?: string) => string;

beforeEach(async () => {
  wall = 1_800_000_000_000;
  vi.spyOn(Date, "now").mockImplementation(() => wall);
  // The module remembers the last moment that it used.
  vi.resetModules();
  ({ uuid } = await import("./uuid"));
});
afterEach(() => vi.restoreAllMocks());

it("is a UUID of version 7 with the time of its making", () => {
  const id = uuid();
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(wall);
});

it("sets version and variant whatever the random bytes are", () => {
  for (const byte of [0x00, 0x40, 0x80, 0xc0, 0xff]) {
    vi.spyOn(crypto, "getRandomValues").mockImplementation((array) => {
      (array as Uint8Array).fill(byte);
      return array;
    });
    expect(uuid()).toMatch(/^.{8}-.{4}-7.{3}-[89ab].{3}-.{12}$/);
  }
});

it("rises within one millisecond", () => {
  const ids = Array.from({ length: 1_000 }, () => uuid());
  expect(ids).toEqual([...ids].sort());
  expect(new Set(ids).size).toBe(1_000);
});

it("rises when the clock goes back", () => {
  const before = uuid();
  wall -= 3_600_000;
  expect(uuid() > before).toBe(true);
});

it("rises past an id that another tab or an earlier page made, whatever the clock says", () => {
  const newest = "ffffffff-0000-7fff-bfff-ffffffffffff";
  const next = uuid(newest);
  expect(next > newest).toBe(true);
  expect(uuid() > next).toBe(true);
});

it("ignores an id that is not a UUID", () => {
  expect(uuid("hello")).toMatch(/^[0-9a-f]{8}-/);
});
