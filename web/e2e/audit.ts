import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { expect } from "vitest";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

declare const axe: {
  run(
    context: string,
    options: object,
  ): Promise<{
    passes: unknown[];
    violations: {
      id: string;
      impact: string;
      nodes: { target: unknown; failureSummary: string }[];
    }[];
  }>;
};

const SIZES = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
};

/** The serious problems that axe finds, in light and dark, on a desktop and on a phone. */
export async function audit(page: Page, area: string): Promise<string[]> {
  const found: string[] = [];
  // Not as a script of the page: its policy would block that.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(AXE);
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      const { passes, violations } = await page.evaluate(
        (area) => axe.run(area, { resultTypes: ["violations"] }),
        area,
      );
      expect(passes.length, "axe has checked something").toBeGreaterThan(5);
      for (const { id, impact, nodes } of violations) {
        if (impact !== "serious" && impact !== "critical") continue;
        for (const { target, failureSummary } of nodes) {
          found.push(
            `${size}, ${colorScheme}: ${id} at ${JSON.stringify(target)}: ${failureSummary}`,
          );
        }
      }
    }
  }
  await page.setViewportSize(SIZES.desktop);
  await page.emulateMedia({ colorScheme: null });
  return found;
}
