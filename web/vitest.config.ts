import { defineConfig } from "vitest/config";

// Unit tests run in plain Node, with fakes for the clock, the socket and the storage.
// Browser tests start the real binary and a real Chromium; see e2e/. Each wait has a deadline of
// its own, so a whole test may take long on a slow machine.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{shared,widget,console}/**/*.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "browser",
          include: ["e2e/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          // Chromium itself fails now and then on a loaded machine: a tab crashes, a page's load
          // never ends. A test that fails twice has a reason. Every failed attempt is printed, and a
          // test that needed two is marked with "(retry x1)"; it still has a race to be found.
          retry: 1,
          setupFiles: ["e2e/failed-attempts.ts"],
        },
      },
    ],
  },
});
