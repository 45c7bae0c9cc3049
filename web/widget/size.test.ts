import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
// @ts-expect-error: a plain script without types.
import { gzip } from "../gzip.mjs";
// @ts-expect-error: a plain script without types.
import { measure } from "../size.mjs";

// The build may take long on a slow machine.
it("the widget keeps within its budgets", { timeout: 600_000 }, () => {
  const dist = mkdtempSync(join(tmpdir(), "shoptalk-size-"));
  try {
    execFileSync("node", ["build.mjs", "--out", dist], { cwd: join(import.meta.dirname, "..") });
    const { rows, exceeded } = measure(dist);
    expect(exceeded).toEqual([]);
    for (const { file, plain, gzip, brotli } of rows) {
      expect(gzip, file).toBeLessThan(plain);
      expect(brotli, file).toBeLessThan(plain);
    }
  } finally {
    rmSync(dist, { recursive: true });
  }
});

it("gzip makes the same bytes with every version of Node", { timeout: 60_000 }, async () => {
  const text = Array.from({ length: 600 }, (_, n) => `let a${n % 41}=b(${(n * n) % 97});`);
  const packed = await gzip(Buffer.from(text.join("\n")));
  const hash = createHash("sha256").update(packed).digest("hex");
  expect([packed.length, hash]).toEqual([
    1451,
    "f3a67a6c2cf74bc112e3044d2de64326e43c462f58d231cd1416090836776cc8",
  ]);
});
