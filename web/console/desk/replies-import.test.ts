import { expect, it } from "vitest";
import { importReplies } from "./replies-import";

const row = (line: number, shortcut: string) => ({
  line,
  reply: { shortcut, title: "", content: "text", shared: false },
});

it("goes on after a row that is refused, and says which", async () => {
  const added: string[] = [];
  const done = await importReplies(
    [row(2, "a"), row(3, "b"), row(4, "c")],
    async ({ shortcut }) => {
      if (shortcut === "b") throw new Error("taken");
      added.push(shortcut);
    },
    (error) => String(error),
  );
  expect(added).toEqual(["a", "c"]);
  expect(done).toEqual({
    added: 2,
    refused: [{ line: 3, shortcut: "b", reason: "Error: taken" }],
  });
});
