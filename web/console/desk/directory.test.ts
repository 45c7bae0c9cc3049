import { expect, it } from "vitest";
import { fakeCall, settle, summary } from "../testing/fixtures";
import { makeDirectory } from "./directory";

const tag = { id: "t", name: "order", color: "#112233" };
const ada = { id: "ada", username: "ada", display_name: "Ada" };
const colleagues = { results: [{ ...ada, on_duty: true }], next: null };

it("is loaded again when a conversation has a tag or an agent that is not known", async () => {
  const tags = { results: [tag], next: null };
  const { call, calls } = fakeCall(colleagues, tags, colleagues, tags);
  const directory = makeDirectory({ call });
  directory.noticed([summary("a")]);
  expect(calls).toEqual([]);
  directory.noticed([summary("a", { tags: [tag] })]);
  await settle();
  expect(calls.map(({ path }) => path)).toEqual(["colleagues/?limit=200", "tags/?limit=200"]);
  expect(directory.tags.value).toEqual([tag]);
  directory.noticed([summary("a", { tags: [tag], assignee: ada })]);
  expect(calls).toHaveLength(2);
  // Somebody who is disabled is asked for once.
  const gone = { id: "gone", display_name: "Bob" };
  directory.noticed([summary("b", { assignee: gone })]);
  directory.noticed([summary("c", { assignee: gone })]);
  await settle();
  expect(calls).toHaveLength(4);
});
