import { beforeEach, expect, it } from "vitest";
import type { BackupState, Job, Receipt } from "../../shared/protocol";
import { FakeClock } from "../../shared/testing/clock";
import type { Call } from "../api";
import { english, minute, refused, settle } from "../testing/fixtures";
import { canCancel, type Data, describeJob, describeProgress, hasFile, makeData } from "./data";

const BACKUP: BackupState = { last_at: minute(0), last_bytes: 5, failure: null, every_ms: 0 };
const RECEIPT = { dry_run: true, rooms: ["a"] } as Receipt;

const job = (id: string, change: Partial<Job> = {}): Job => ({
  id,
  kind: "backup",
  state: "running",
  done: 0,
  total: 0,
  message: null,
  created_at: minute(0),
  ...change,
});

/** A server with jobs that the test ends. */
let jobs: Job[];
let calls: [string, string, object | undefined][];
let failure: Error | undefined;
let clock: FakeClock;
let data: Data;

beforeEach(async () => {
  jobs = [];
  calls = [];
  failure = undefined;
  clock = new FakeClock();
  const call = async (method: string, path: string, body?: object) => {
    calls.push([method, path, body]);
    if (failure) throw failure;
    if (method === "POST") {
      jobs = [job(`job-${jobs.length + 1}`, body as Partial<Job>), ...jobs];
      return { job: jobs[0] };
    }
    if (path.endsWith("file/")) return RECEIPT;
    return { results: jobs, next: null, backup: BACKUP };
  };
  data = makeData({ language: english, clock, call: call as Call });
  await settle();
});

async function end(change: Partial<Job>) {
  jobs = jobs.map((each) => (each.state === "running" ? { ...each, ...change } : each));
  clock.pass(1_000);
  await settle();
}

it("shows the last backup, and asks again only while a job runs", async () => {
  expect([data.backup.value, clock.pending]).toEqual([BACKUP, 0]);
  await data.start({ kind: "backup" });
  expect([data.isRunning("backup"), data.isRunning("export"), clock.pending]).toEqual([
    true,
    false,
    1,
  ]);
  await end({ state: "done", message: "1 conversation with 2 messages" });
  expect([data.isRunning("backup"), clock.pending]).toEqual([false, 0]);
  expect(data.news.value).toBe("Backup: 1 conversation with 2 messages");
});

it("asks no more once the dialog is closed", async () => {
  await data.start({ kind: "backup" });
  data.stop();
  const before = calls.length;
  clock.pass(5_000);
  await settle();
  expect([calls.length, clock.pending]).toEqual([before, 0]);
});

it("goes on after the server could not be reached", async () => {
  await data.start({ kind: "backup" });
  failure = new TypeError("offline");
  clock.pass(1_000);
  await settle();
  expect(data.problem.value).toContain("cannot be reached");
  failure = undefined;
  await end({ state: "done" });
  expect([data.problem.value, data.jobs.value[0]?.state]).toEqual(["", "done"]);
});

it("shows a refusal as the server words it, ids included", async () => {
  failure = refused(409, "conflict", "several people match: user:ann_b");
  await data.start({ kind: "export", person: "email:a@b" });
  expect(data.problem.value).toBe("several people match: user:ann_b");
});

it("erases only whom it has shown before", async () => {
  const posted = () => calls.filter(([method]) => method === "POST").map(([, , body]) => body);
  await data.erase();
  expect(posted()).toEqual([]);
  await data.showErasure("email:a@b");
  expect([data.isPreviewing.value, data.preview.value]).toEqual([true, undefined]);
  await data.erase();
  await end({ state: "done", message: "1 conversation would be erased" });
  expect(data.preview.value).toEqual({ who: "email:a@b", receipt: RECEIPT });
  await data.erase();
  expect(posted()).toEqual([
    { kind: "erase", who: "email:a@b", dry_run: true },
    { kind: "erase", who: "email:a@b" },
  ]);
  expect(data.preview.value).toBeUndefined();
});

it("shows nothing of a person who was replaced by another one meanwhile", async () => {
  await data.showErasure("email:a@b");
  data.forgetPreview();
  await end({ state: "done" });
  expect([data.isPreviewing.value, data.preview.value]).toEqual([false, undefined]);
});

it("says why it cannot show what would go", async () => {
  await data.showErasure("email:a@b");
  await end({ state: "failed", message: "the disk failed" });
  expect([data.problem.value, data.preview.value]).toEqual(["the disk failed", undefined]);
});

it("cancels a job", async () => {
  await data.start({ kind: "export" });
  await data.cancel("job-1");
  expect(calls).toContainEqual(["DELETE", "jobs/job-1/", undefined]);
});

it("describes a job, its progress, and whether it has a file", () => {
  expect(describeJob(english, job("1", { state: "failed", message: "no space" }))).toBe(
    "Backup failed: no space",
  );
  expect(describeJob(english, job("1", { state: "cancelled", message: "cancelled" }))).toBe(
    "Backup cancelled",
  );
  expect(describeProgress(english, job("1"))).toBe("Waiting");
  expect(describeProgress(english, job("1", { done: 1, total: 3 }))).toBe("33 %");
  expect(describeProgress(english, job("1", { done: 3, total: 3 }))).toBe("Being verified");
  expect(describeProgress(english, job("1", { kind: "erase", done: 1, total: 2 }))).toBe(
    "50 % · Decided, so it cannot be cancelled any more",
  );
  expect([
    hasFile(job("1", { state: "done" })),
    hasFile(job("1")),
    hasFile(job("1", { state: "done", kind: "rewrite" })),
  ]).toEqual([true, false, false]);
});

it("offers to cancel what the server would cancel", async () => {
  for (const [kind, total, expected] of [
    ["backup", 3, true],
    ["export", 3, true],
    ["erase", 0, true],
    ["erase", 3, false],
    ["rewrite", 0, false],
  ] as const) {
    expect([kind, total, canCancel(job("1", { kind, total }))]).toEqual([kind, total, expected]);
    expect(canCancel(job("1", { kind, total, state: "done" }))).toBe(false);
  }
  await data.start({ kind: "erase", who: "email:ann@example.com" });
  await data.cancel("job-1");
  expect(calls).toContainEqual(["DELETE", "jobs/job-1/", undefined]);
});
