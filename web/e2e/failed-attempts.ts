/** Prints why an attempt failed: vitest shows no errors of a test whose second attempt passes. */
import { beforeEach } from "vitest";

beforeEach(({ task, onTestFailed }) => {
  const former = task.result?.errors?.length ?? 0;
  onTestFailed(() => {
    const errors = task.result?.errors?.slice(former) ?? [];
    for (const { stack, message } of errors) console.error(`failed: ${stack ?? message}`);
  });
});
