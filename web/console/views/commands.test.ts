import { describe, expect, it } from "vitest";
import { latinKey, matching } from "./commands";

describe("the palette", () => {
  it("finds entries in which every word occurs, without case", () => {
    const entries = ["Sign out", "Sign out everywhere", "Search"].map((name) => ({ name }));
    expect(matching(entries, "OUT sign").map(({ name }) => name)).toEqual([
      "Sign out",
      "Sign out everywhere",
    ]);
    expect(matching(entries, "")).toHaveLength(3);
    expect(matching(entries, "zzz")).toHaveLength(0);
  });
});

it.each([
  ["w", { key: "w", code: "KeyW" }],
  ["w", { key: "ص", code: "KeyW" }],
  ["k", { key: "ن", code: "KeyK" }],
  ["E", { key: "ُ", code: "KeyE", shiftKey: true }],
  ["/", { key: "ظ", code: "Slash" }],
  ["?", { key: "؟", code: "Slash", shiftKey: true }],
  ["1", { key: "١", code: "Digit1" }],
  ["z", { key: "z", code: "KeyY" }],
  ["ä", { key: "ä", code: "Quote" }],
  ["Escape", { key: "Escape", code: "Escape" }],
])("the command of the key %j is found on keyboards of other scripts: %j", (expected, event) => {
  expect(latinKey(event as KeyboardEvent)).toBe(expected);
});
