import { expect, it } from "vitest";
import type { Call } from "../api";
import { english, fakeCall, refused, settle } from "../testing/fixtures";
import { makeCards } from "./cards";

function start(...responses: unknown[]) {
  const { call, calls } = fakeCall(...responses);
  return { ...makeCards({ call, language: english }), calls };
}

const card = { title: "Order 7", lines: ["Paid"], link: null };

it("are those of the conversation that was asked for last, whatever comes first", async () => {
  const asked: {
    path: string;
    signal: AbortSignal | undefined;
    reply: (value: unknown) => void;
  }[] = [];
  const call = (_: string, path: string, __?: object, signal?: AbortSignal) =>
    new Promise((reply) => asked.push({ path, signal, reply }));
  const { load, of } = makeCards({ call: call as Call, language: english });
  load("a");
  expect(of("a")).toEqual({ state: "loading" });
  expect(of("b")).toBeUndefined();
  load("b");
  expect(asked.map(({ path }) => path)).toEqual(["rooms/a/cards/", "rooms/b/cards/"]);
  expect(asked.map(({ signal }) => signal?.aborted)).toEqual([true, false]);
  asked[1]!.reply({ cards: [card], problem: null });
  await settle();
  asked[0]!.reply({ cards: [], problem: null });
  await settle();
  expect(of("a")).toBeUndefined();
  expect(of("b")).toEqual({ state: "loaded", cards: [card] });
});

it("have a reason in their place when the shop's server fails, and are loaded again", async () => {
  const { load, of } = start(
    { cards: null, problem: "no reply" },
    refused(503, "storage_unavailable", "no disk"),
    { cards: [card], problem: null },
  );
  await load("a");
  expect(of("a")).toEqual({ state: "failed", reason: "no reply" });
  await load("a");
  expect(of("a")).toMatchObject({ state: "refused", error: expect.stringMatching(/./) });
  await load("a");
  expect(of("a")).toEqual({ state: "loaded", cards: [card] });
});

it("are not shown as being loaded again in a shop that has none", async () => {
  const none = { cards: null, problem: null };
  const { load, of } = start(none, none);
  await load("a");
  expect(of("a")).toEqual({ state: "off" });
  const loading = load("b");
  expect(of("b")).toEqual({ state: "off" });
  await loading;
  expect(of("b")).toEqual({ state: "off" });
});

it("stay as they were once nobody waits for them", async () => {
  const { load, of, stop } = start({ cards: [card], problem: null });
  const loading = load("a");
  stop();
  await loading;
  expect(of("a")).toEqual({ state: "loading" });
});
