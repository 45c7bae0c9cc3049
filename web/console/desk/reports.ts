import { signal } from "@preact/signals";
import type { Durations, Report, ReportBy } from "../../shared/protocol";
import type { Call } from "../api";
import type { Language } from "../language/language";

interface Options {
  call: Call;
  language: Language;
}

/** What a report is of: days as `YYYY-MM-DD`, empty ones for the last 30 days. */
export interface ReportRequest {
  from: string;
  to: string;
  by: ReportBy;
}

export type Reports = ReturnType<typeof makeReports>;

/** Reports for admins: the one that is shown, and how it is made. */
export function makeReports({ call, language }: Options) {
  const report = signal<Report | undefined>(undefined);
  const problem = signal("");
  const isLoading = signal(false);
  /** Durations count open hours alone. */
  const openHours = signal(false);
  /** Which request is the newest one: what an earlier one brings is not shown any more. */
  let requests = 0;

  return {
    report,
    problem,
    isLoading,
    openHours,

    async load(request: ReportRequest) {
      requests += 1;
      const number = requests;
      isLoading.value = true;
      try {
        const loaded = await call<Report>("GET", `reports/?${query(request)}`);
        if (number !== requests) return;
        report.value = loaded;
        problem.value = "";
      } catch (error) {
        if (number === requests) problem.value = language.describeError(error);
      }
      if (number === requests) isLoading.value = false;
    },
  };
}

const query = ({ from, to, by }: ReportRequest) =>
  new URLSearchParams({ by, ...(from && { from }), ...(to && { to }) });

/** Where the same is as a table for spreadsheets. */
export const tablePath = ({ from, to, by }: Report) =>
  `/api/admin/reports.csv?${query({ from, to, by })}`;

/** The median or the 90th percentile, of all hours or of open ones. */
export function durationOf(durations: Durations, percentile: "median" | "p90", isOpen: boolean) {
  return isOpen ? durations[`open_${percentile}_ms`] : durations[`${percentile}_ms`];
}
