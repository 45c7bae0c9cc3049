import { describe, expect, it, vi } from "vitest";
import type { Summary } from "../../shared/protocol";
import { Refused } from "../api";
import { english, summary } from "../testing/fixtures";
import { makeHandling, tomorrow } from "./handling";

function setUp(rooms: Summary[], refuse?: Error) {
  const change = vi.fn(async () => {
    if (refuse) throw refuse;
  });
  const add = vi.fn();
  const showError = vi.fn();
  const handling = makeHandling({
    agentId: "ada",
    change,
    add,
    summaryOf: (id) => rooms.find((room) => room.id === id),
    showError,
    language: english,
  });
  return { handling, change, add, showError };
}

const bob = { id: "bob", display_name: "Bob" };

describe("claiming", () => {
  it("takes what is nobody's, and gives back what is one's own", async () => {
    const own = summary("b", { assignee: { id: "ada", display_name: "Ada" } });
    const { handling, change } = setUp([summary("a"), own]);
    await handling.claim("a");
    expect(change).toHaveBeenLastCalledWith("a", { assignee: "ada", expect_assignee: null });
    await handling.claim("b");
    expect(change).toHaveBeenLastCalledWith("b", { assignee: null, expect_assignee: "ada" });
  });

  it("shows who was quicker", async () => {
    const now = summary("a", { assignee: bob, version: 2 });
    const { handling, add, showError } = setUp(
      [summary("a")],
      new Refused(409, { summary: now }, 0),
    );
    await handling.claim("a");
    expect(add).toHaveBeenCalledWith([now]);
    expect(showError).toHaveBeenCalledWith("Bob was quicker.");
  });
});

it("a tag is put on and taken off", async () => {
  const tag = { id: "t", name: "order", color: "#112233" };
  const { handling, change } = setUp([summary("a"), summary("b", { tags: [tag] })]);
  await handling.toggleTag("a", "t");
  expect(change).toHaveBeenLastCalledWith("a", { tags: ["t"] });
  await handling.toggleTag("b", "t");
  expect(change).toHaveBeenLastCalledWith("b", { tags: [] });
});

it("what fails is shown", async () => {
  const { handling, showError } = setUp([summary("a")], new Error("no network"));
  await handling.setSpam("a", true);
  expect(showError).toHaveBeenCalledOnce();
});

it("tomorrow is nine o'clock", () => {
  const day = tomorrow(new Date(2026, 11, 31, 23, 59).getTime());
  expect([day.getFullYear(), day.getMonth(), day.getDate(), day.getHours()]).toEqual([
    2027, 0, 1, 9,
  ]);
});
