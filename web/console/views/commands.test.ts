import { describe, expect, it } from "vitest";
import { matching } from "./commands";

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
