import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
// @ts-expect-error: a plain script without types.
import { weigh } from "../size.mjs";

it("the widget keeps within its budgets", { timeout: 60_000 }, () => {
  const dist = mkdtempSync(join(tmpdir(), "shoptalk-size-"));
  try {
    execFileSync("node", ["build.mjs", "--out", dist], { cwd: join(import.meta.dirname, "..") });
    expect(weigh(dist).over).toEqual([]);
  } finally {
    rmSync(dist, { recursive: true });
  }
});
