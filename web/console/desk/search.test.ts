import { signal } from "@preact/signals";
import { beforeEach, expect, it } from "vitest";
import type { Summary } from "../../shared/protocol";
import { FakeClock } from "../../shared/testing/clock";
import type { Call } from "../api";
import { english, settle, summary } from "../testing/fixtures";
import { makeSearch, type Search } from "./search";

interface Request {
  path: string;
  resolve: (response: unknown) => void;
  reject: (error: Error) => void;
}

const conversations = signal<readonly Summary[]>([summary("all")]);
let clock: FakeClock;
let requests: Request[];
let added: Summary[];
let search: Search;

beforeEach(() => {
  clock = new FakeClock();
  requests = [];
  added = [];
  const call = (_: string, path: string) =>
    new Promise((resolve, reject) => requests.push({ path, resolve, reject }));
  search = makeSearch({
    language: english,
    clock,
    call: call as Call,
    conversations,
    onResults: (summaries) => added.push(...summaries),
  });
});

const listed = () => search.listed.value.map(({ id }) => id);

/** Writes into the field and waits until the search begins. */
function type(text: string): Request {
  search.setText(text);
  clock.pass(150);
  return requests.at(-1)!;
}

it("lists all conversations without a query", () => {
  search.setText("  ");
  expect([listed(), clock.pending]).toEqual([["all"], 0]);
});

it("searches after a pause in typing", async () => {
  search.setText("ki");
  clock.pass(149);
  const { path, resolve } = type("kiwi ü\ud83d");
  expect(requests).toHaveLength(1);
  expect(path).toBe("rooms/?limit=50&q=kiwi%20%C3%BC%EF%BF%BD");
  expect([search.found.value, listed()]).toEqual([undefined, []]);
  const match = { seq: 3, snippet: "kiwi" };
  resolve({ results: [{ ...summary("a"), match }], truncated: true });
  await settle();
  expect(search.found.value).toMatchObject({ results: [{ id: "a", match }], truncated: true });
  expect(listed()).toEqual(["a"]);
  expect(added).toEqual([summary("a")]);
});

it("shows the last results while the next query is searched", async () => {
  type("a").resolve({ results: [summary("a")] });
  await settle();
  search.setText("ab");
  expect([search.found.value, listed()]).toEqual([undefined, ["a"]]);
});

it("forgets the results with the query", async () => {
  type("a").resolve({ results: [summary("a")] });
  await settle();
  search.setText("");
  expect(listed()).toEqual(["all"]);
  search.setText("a");
  expect(search.found.value).toBeUndefined();
});

it("shows why it failed", async () => {
  type("a").reject(new TypeError("fetch"));
  await settle();
  expect(search.found.value?.problem).toMatch(/cannot be reached/);
});

it("ignores the late reply or failure of an earlier query", async () => {
  const first = type("a");
  const second = type("ab");
  const third = type("abc");
  third.resolve({ results: [summary("abc")] });
  await settle();
  second.reject(new TypeError("fetch"));
  first.resolve({ results: [summary("a")] });
  await settle();
  expect([search.found.value?.query, listed()]).toEqual(["abc", ["abc"]]);
});
