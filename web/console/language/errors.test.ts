import { describe, expect, it } from "vitest";
import { english, refused } from "../testing/fixtures";

const { describeError } = english;

describe("what an agent reads about a failed call", () => {
  it.each([
    [new TypeError("fetch"), /cannot be reached/],
    [refused(503, "storage_unavailable"), /cannot write to its disk/],
    [refused(503, "draining"), /restarting/],
    [refused(503, "busy"), /very busy/],
    [refused(409, "conflict", "the last_admin stays"), /^The last admin stays\.$/],
  ])("%s", (error, expected) => {
    expect(describeError(error)).toMatch(expected);
  });

  it.each([
    [0, "1 second."],
    [2, "2 seconds"],
    [90, "90 seconds"],
    [91, "2 minutes"],
  ])("names how long to wait: %i s", (seconds, expected) => {
    const error = Object.assign(refused(429, "rate_limited"), { retryAfterS: seconds });
    expect(describeError(error)).toContain(expected);
  });

  it("names the fields that are wrong", () => {
    const error = refused(400);
    error.problem.errors = [{ field: "display_name", message: "is too long" }];
    expect(describeError(error)).toBe("Display name is too long.");
    expect(error.errorOf("display_name")).toBe("is too long");
  });
});
