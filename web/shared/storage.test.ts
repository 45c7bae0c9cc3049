import { beforeEach, expect, it } from "vitest";
import { makeShelf, type Shelf } from "./storage";
import { FakeStorage } from "./testing/storage";

let storage: FakeStorage;
let shelf: Shelf;

beforeEach(() => {
  storage = new FakeStorage();
  shelf = makeShelf(storage.shelf());
});

it("is the browser's storage", () => {
  storage.items.a = "1";
  expect(shelf.get("a")).toBe("1");
  expect(shelf.get("b")).toBeUndefined();
  expect(shelf.set("b", "2"), "it outlives the page").toBe(true);
  expect(storage.items).toEqual({ a: "1", b: "2" });
  expect(shelf.keys().sort()).toEqual(["a", "b"]);
  shelf.remove("a");
  expect(storage.items).toEqual({ b: "2" });
});

it("remembers what the storage has no room for, as long as the page lives", () => {
  shelf.set("a", "1");
  storage.full = true;
  expect(shelf.set("b", "2")).toBe(false);
  expect(shelf.get("b")).toBe("2");
  expect(shelf.keys().sort()).toEqual(["a", "b"]);
  expect(makeShelf(storage.shelf()).get("b"), "after a reload").toBeUndefined();
});

it("has one value of a key, the newest, wherever it is", () => {
  shelf.set("a", "old");
  storage.full = true;
  shelf.set("a", "new");
  expect(shelf.get("a")).toBe("new");
  expect(shelf.keys()).toEqual(["a"]);
  expect(storage.items).toEqual({});
  storage.full = false;
  shelf.set("a", "newest");
  expect(shelf.get("a")).toBe("newest");
  expect(shelf.keys()).toEqual(["a"]);
  expect(storage.items).toEqual({ a: "newest" });
});

it("removes from both", () => {
  shelf.set("a", "1");
  storage.full = true;
  shelf.set("b", "2");
  for (const key of ["a", "b", "c"]) shelf.remove(key);
  expect(shelf.keys()).toEqual([]);
  expect(storage.items).toEqual({});
});

it("forgets what only this page knows, and nothing that another one may have kept", () => {
  shelf.set("a", "1");
  storage.full = true;
  shelf.set("b", "2");
  shelf.forget();
  expect(shelf.keys()).toEqual(["a"]);
  expect(shelf.get("b")).toBeUndefined();
});
