import { expect, test } from "vitest";
import { splitQuote } from "./quote";

test("a quote at the end is told from what was written", () => {
  for (const [content, written, quote] of [
    ["Yes", "Yes", ""],
    ["Yes\n\n> Shall we?\n> Shop", "Yes", "> Shall we?\n> Shop"],
    ["One\n\nTwo\n\n> Three", "One\n\nTwo", "> Three"],
    // Answers between the lines of a quote stay as they are.
    ["> Red?\nYes\n\n> Big?\nNo", "> Red?\nYes\n\n> Big?\nNo", ""],
    ["> All of it", "> All of it", ""],
  ] as const) {
    expect(splitQuote(content)).toEqual({ written, quote });
  }
});

test("a long text is split at once", () => {
  const content = `${"\n\n> a".repeat(1_600)}\nx`;
  expect(splitQuote(content).written).toBe(content);
});
