import { signal } from "@preact/signals";
import { expect, it } from "vitest";
import type { Summary } from "../../shared/protocol";
import { summary } from "../testing/fixtures";
import { makeSelection } from "./selection";

const ids = (rooms: readonly Summary[]) => rooms.map(({ id }) => id);

it("has the marked ones of those that are listed, in the order of the list", () => {
  const listed = signal([summary("a"), summary("b"), summary("c")]);
  const selection = makeSelection(listed);
  for (const id of ["c", "b", "a", "b"]) selection.toggle(id);
  expect(ids(selection.rooms.value)).toEqual(["a", "c"]);
  listed.value = [summary("c"), summary("d")];
  expect(ids(selection.rooms.value)).toEqual(["c"]);
  selection.clear();
  expect(selection.rooms.value).toEqual([]);
});

it("changes all of them one after the other, also when they leave the list meanwhile", async () => {
  const listed = signal([summary("a"), summary("b"), summary("c")]);
  const selection = makeSelection(listed);
  for (const id of ["a", "c"]) selection.toggle(id);
  const changed: string[] = [];
  await selection.changeAll(async (id) => {
    changed.push(`${id} begins`);
    await Promise.resolve();
    listed.value = listed.value.filter((room) => room.id !== id);
    changed.push(`${id} ends`);
  });
  expect(changed).toEqual(["a begins", "a ends", "c begins", "c ends"]);
  expect([selection.has("a"), selection.has("c")]).toEqual([false, false]);
});
