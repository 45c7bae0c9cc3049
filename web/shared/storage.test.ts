import { beforeEach, expect, it } from "vitest";
import { type BrowserStorage, makeStorage } from "./storage";
import { FakeStorage } from "./testing/storage";

let fake: FakeStorage;
let storage: BrowserStorage;

beforeEach(() => {
  fake = new FakeStorage();
  storage = makeStorage(fake.view());
});

it("reads and writes the browser's storage", () => {
  fake.items.a = "1";
  expect(storage.get("a")).toBe("1");
  expect(storage.get("b")).toBeUndefined();
  expect(storage.set("b", "2"), "it outlives the page").toBe(true);
  expect(fake.items).toEqual({ a: "1", b: "2" });
  expect(storage.keys().sort()).toEqual(["a", "b"]);
  storage.remove("a");
  expect(fake.items).toEqual({ b: "2" });
});

it("keeps in memory what the storage refuses, until the page ends", () => {
  storage.set("a", "1");
  fake.full = true;
  expect(storage.set("b", "2")).toBe(false);
  expect(storage.get("b")).toBe("2");
  expect(storage.keys().sort()).toEqual(["a", "b"]);
  expect(makeStorage(fake.view()).get("b"), "after a reload").toBeUndefined();
});

it("has only the newest value of a key, wherever it is", () => {
  storage.set("a", "old");
  fake.full = true;
  storage.set("a", "new");
  expect(storage.get("a")).toBe("new");
  expect(storage.keys()).toEqual(["a"]);
  expect(fake.items).toEqual({});
  fake.full = false;
  storage.set("a", "newest");
  expect(storage.get("a")).toBe("newest");
  expect(storage.keys()).toEqual(["a"]);
  expect(fake.items).toEqual({ a: "newest" });
});

it("removes from storage and memory", () => {
  storage.set("a", "1");
  fake.full = true;
  storage.set("b", "2");
  for (const key of ["a", "b", "c"]) storage.remove(key);
  expect(storage.keys()).toEqual([]);
  expect(fake.items).toEqual({});
});

it("clears memory without touching the storage", () => {
  storage.set("a", "1");
  fake.full = true;
  storage.set("b", "2");
  storage.clearMemory();
  expect(storage.keys()).toEqual(["a"]);
  expect(storage.get("b")).toBeUndefined();
});
