import { expect, it } from "vitest";
import type { CannedReply } from "../../shared/protocol";
import { FakeClock } from "../../shared/testing/clock";
import { english, fakeCall, settle } from "../testing/fixtures";
import { makeReplies } from "./replies";

const reply = (shortcut: string, title = "", content = "text"): CannedReply => ({
  id: shortcut,
  shortcut,
  title,
  content,
  shared: true,
});

async function start(...all: CannedReply[]) {
  const hours = [{ day: "mon", from: "09:00", to: "17:00" }];
  const { call, calls } = fakeCall({ results: all, next: null, hours });
  const values = { customer_name: "Ann", agent_name: "Mia" };
  const clock = new FakeClock();
  const replies = makeReplies({ clock, call, values: () => values, language: english });
  await replies.load();
  return {
    replies,
    calls,
    clock,
    found: () => replies.matches.value.map(({ shortcut }) => shortcut),
  };
}

it("opens at a slash that begins a word, and nowhere else", async () => {
  const { replies, found } = await start(reply("hi"), reply("bye"));
  for (const [draft, isOpen] of [
    ["/", true],
    ["Hello /", true],
    ["Hello\n/h", true],
    ["and/or", false],
    ["/hi ", false],
    ["https://hi", false],
    ["", false],
  ] as const) {
    replies.follow(draft, draft.length);
    expect([draft, replies.isOpen.value]).toEqual([draft, isOpen]);
  }
  replies.follow("/hi and more", 3);
  expect(found()).toEqual(["hi"]);
});

it("finds shortcuts first, then titles, then texts", async () => {
  const { replies, found } = await start(
    reply("a", "", "our return policy"),
    reply("b", "Returns"),
    reply("c-return"),
    reply("Return"),
  );
  replies.follow("/return", 7);
  expect(found()).toEqual(["Return", "c-return", "b", "a"]);
  replies.follow("/nothing", 8);
  expect(replies.isOpen.value).toBe(false);
});

it("takes the marked one in the place of the word, filled in", async () => {
  const { replies } = await start(reply("hi", "", "Hello {{customer_name}}"), reply("hint"));
  replies.follow("Well, /hi there", 9);
  replies.move(1);
  expect(replies.chosen.value).toBe(1);
  replies.move(1);
  expect(replies.take()).toEqual({ from: 6, to: 9, text: "Hello Ann" });
  expect(replies.isOpen.value).toBe(false);
  expect(replies.take()).toBeUndefined();
});

it("fills in the shop's hours, which all agents get beside the replies", async () => {
  const { replies } = await start(reply("hi", "", "We are open {{hours}}."));
  replies.follow("/hi", 3);
  expect(replies.take()?.text).toMatch(/^We are open Mon 0?9:00/);
});

it("leaves a place for hours as it is where the shop has none", async () => {
  const open = reply("hi", "", "We are open {{hours}}.");
  const { call } = fakeCall({ results: [open], next: null, hours: [] });
  const values = () => ({});
  const replies = makeReplies({ clock: new FakeClock(), call, values, language: english });
  await replies.load();
  replies.follow("/hi", 3);
  expect(replies.take()?.text).toBe(open.content);
});

it("marks the first one again when other ones match", async () => {
  const { replies } = await start(reply("hi"), reply("hint"));
  replies.follow("/h", 2);
  replies.move(-1);
  expect(replies.chosen.value).toBe(1);
  replies.follow("/hi", 3);
  expect(replies.chosen.value).toBe(0);
});

it("stays closed until the next key", async () => {
  const { replies } = await start(reply("hi"));
  replies.follow("/h", 2);
  replies.close();
  expect(replies.isOpen.value).toBe(false);
  replies.follow("/hi", 3);
  expect(replies.isOpen.value).toBe(true);
});

it("keeps the list in order when one is added, changed or deleted", async () => {
  const { call } = fakeCall(
    { reply: reply("m") },
    { reply: { ...reply("m"), shortcut: "z" } },
    undefined,
  );
  const replies = makeReplies({
    clock: new FakeClock(),
    call,
    values: () => ({}),
    language: english,
  });
  replies.all.value = [reply("a"), reply("x")];
  const shortcuts = () => replies.all.value.map(({ shortcut }) => shortcut);
  await replies.add({ shortcut: "m", content: "text" });
  expect(shortcuts()).toEqual(["a", "m", "x"]);
  await replies.change("m", { shortcut: "z" });
  expect(shortcuts()).toEqual(["a", "x", "z"]);
  await replies.remove("a");
  expect(shortcuts()).toEqual(["x", "z"]);
});

it("looks for what others have written when it opens, once a minute", async () => {
  const { replies, calls, clock } = await start(reply("hi"));
  replies.follow("/", 1);
  expect(calls.length).toBe(1);
  clock.pass(60_001);
  replies.follow("/h", 2);
  replies.follow("/hi", 3);
  await settle();
  expect(calls.length).toBe(2);
  expect(replies.isOpen.value).toBe(true);
});
