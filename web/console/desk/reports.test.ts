import { expect, it } from "vitest";
import type { Report, ReportRow } from "../../shared/protocol";
import { english, fakeCall, refused } from "../testing/fixtures";
import { durationOf, makeReports, tablePath } from "./reports";

const durations = {
  count: 1,
  median_ms: 1,
  p90_ms: 2,
  open_median_ms: 3,
  open_p90_ms: 4,
};
const row: ReportRow = {
  key: null,
  name: null,
  conversations: 1,
  unanswered: 0,
  messages: { customer: 1, agent: 1 },
  first_answer: durations,
  whole: durations,
  ratings: { count: 0, average: null, scores: [0, 0, 0, 0, 0] },
};
const report = (change: Partial<Report> = {}): Report => ({
  from: "2026-01-01",
  to: "2026-01-30",
  time_zone: "UTC",
  by: "day",
  rows: [row],
  total: row,
  ...change,
});

it("asks for the range and the rows, or leaves the range to the server", async () => {
  const { call, calls } = fakeCall(report(), report({ by: "tag" }));
  const reports = makeReports({ call, language: english });
  await reports.load({ from: "", to: "", by: "day" });
  await reports.load({ from: "2026-01-01", to: "2026-01-02", by: "tag" });
  expect(calls.map(({ path }) => path)).toEqual([
    "reports/?by=day",
    "reports/?by=tag&from=2026-01-01&to=2026-01-02",
  ]);
  expect(reports.report.value?.by).toBe("tag");
  expect(tablePath(report())).toBe("/api/admin/reports.csv?by=day&from=2026-01-01&to=2026-01-30");
});

it("says why there is none, and keeps the one before", async () => {
  const { call } = fakeCall(report(), refused(400, "invalid", "must not be before `from`"));
  const reports = makeReports({ call, language: english });
  await reports.load({ from: "", to: "", by: "day" });
  await reports.load({ from: "2026-01-02", to: "2026-01-01", by: "day" });
  expect(reports.problem.value).not.toBe("");
  expect(reports.report.value).toEqual(report());
  expect(reports.isLoading.value).toBe(false);
});

it("shows what was asked for last, however the answers come", async () => {
  const answers: ((report: Report) => void)[] = [];
  const call = () => new Promise<never>((resolve) => answers.push(resolve as never));
  const reports = makeReports({ call, language: english });
  const first = reports.load({ from: "", to: "", by: "day" });
  const second = reports.load({ from: "", to: "", by: "agent" });
  answers[1]!(report({ by: "agent" }));
  answers[0]!(report());
  await Promise.all([first, second]);
  expect(reports.report.value?.by).toBe("agent");
});

it("durations are those of all hours or of open ones", () => {
  expect(durationOf(durations, "median", false)).toBe(1);
  expect(durationOf(durations, "p90", false)).toBe(2);
  expect(durationOf(durations, "median", true)).toBe(3);
  expect(durationOf(durations, "p90", true)).toBe(4);
});
