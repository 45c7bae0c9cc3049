import { defineConfig } from "vitest/config";

// Unit tests run in plain Node, with fakes for the clock, the socket and the storage.
// Browser tests start the real binary and drive a real Chromium; see e2e/. Each of their waits
// has a deadline of its own, so a test as a whole may take long on a slow machine.
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
        },
      },
    ],
  },
});
