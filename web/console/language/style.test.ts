import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const PHYSICAL =
  /^\s*(?:(?:margin|padding|border)-(?:left|right)[\w-]*|left|right|float|clear)\s*:|text-align\s*:\s*(?:left|right)/;

it("no rule names the left or the right, which Arabic swaps", () => {
  const lines = readFileSync(new URL("../style.css", import.meta.url), "utf8").split("\n");
  expect(lines.length).toBeGreaterThan(500);
  expect(lines.filter((line) => PHYSICAL.test(line))).toEqual([]);
  expect("  padding-left: 4px;").toMatch(PHYSICAL);
});
