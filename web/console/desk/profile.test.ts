import { expect, it } from "vitest";
import type { VisitorAnswer } from "../../shared/protocol";
import { english, fakeCall, minute, refused } from "../testing/fixtures";
import { languageName, makeProfile, timeIn, valueText } from "./profile";

const profile = (change: Partial<VisitorAnswer> = {}): VisitorAnswer => ({
  rooms: [],
  first_visit_at: minute(0),
  last_visit_at: minute(0),
  pages: [],
  attributes: null,
  attributes_problem: null,
  ...change,
});

const page = (path: string, at: number) => ({
  url: `https://shop.example/${path}`,
  at: minute(at),
});

function start(...responses: unknown[]) {
  const { call, calls } = fakeCall(...responses);
  return { ...makeProfile({ call, language: english }), calls };
}

it("is that of the conversation that was asked for last", async () => {
  const { load, of, calls } = start(profile(), profile({ attributes: { a: 1 } }));
  await Promise.all([load("a"), load("b")]);
  expect(calls.map(({ path }) => path)).toEqual(["rooms/a/visitor/", "rooms/b/visitor/"]);
  expect(of("a")).toBeUndefined();
  expect(of("b")?.attributes).toEqual({ a: 1 });
});

it("says why it could not be loaded, until it could", async () => {
  const { load, problem } = start(refused(503, "storage_unavailable", "no disk"), profile());
  await load("a");
  expect(problem.value).not.toBe("");
  await load("a");
  expect(problem.value).toBe("");
});

it("follows the customer from page to page", async () => {
  const { load, of, receive } = start(profile({ pages: [page("a", 1)] }));
  await load("room");
  receive({ type: "page", room_id: "room", page: page("b", 2) });
  receive({ type: "page", room_id: "room", page: page("b", 3) });
  receive({ type: "page", room_id: "another", page: page("c", 4) });
  expect(of("room")?.pages).toEqual([page("b", 3), page("a", 1)]);
  expect(of("room")?.last_visit_at).toBe(minute(3));
  for (let n = 0; n < 30; n++) {
    receive({ type: "page", room_id: "room", page: page(`${n}`, n + 4) });
  }
  expect(of("room")?.pages).toHaveLength(20);
});

it("shows attributes as people read them, and no time of a zone that does not exist", () => {
  expect(valueText("gold")).toBe("gold");
  expect(valueText({ sum: 9.5 })).toBe('{"sum":9.5}');
  expect(timeIn("Asia/Tokyo", "en", new Date("2026-01-01T00:00:00Z"))).toBe("09:00 AM");
  expect(timeIn("Nowhere/Here", "en")).toBe("");
  expect(timeIn(7, "en")).toBe("");
  expect(languageName("fr-CA", "en")).toBe("Canadian French");
  expect(languageName("not a tag!", "en")).toBe("not a tag!");
  expect(languageName(null, "en")).toBe("");
});
