import { defineConfig } from "vitest/config";

// Unit tests run in plain Node, with fakes for the clock, the socket and the storage.
// Browser tests start the real binary and drive a real Chromium; see e2e/.
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["{shared,widget,console}/**/*.test.ts"] } },
      {
        test: {
          name: "browser",
          include: ["e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
