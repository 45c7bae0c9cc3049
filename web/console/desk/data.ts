import { computed, signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import type { BackupState, Job, JobAnswer, JobList, NewJob, Receipt } from "../../shared/protocol";
import { type Call, callForAll, Refused } from "../api";
import type { Language } from "../language/language";

/** How often running jobs are looked at. */
const INTERVAL_MS = 1_000;

export type Data = ReturnType<typeof makeData>;

/** What an erasure would take, and of whom. */
export interface Preview {
  who: string;
  receipt: Receipt;
}

/** The server's long work, for admins: backups, exports, erasures. The server does it alone. */
export interface DataOptions {
  clock: Clock;
  call: Call;
  language: Language;
}

export function makeData({ clock, call, language }: DataOptions) {
  const { describeError, describeRefusal } = language;
  const jobs = signal<readonly Job[]>([]);
  /** Null: PostgreSQL's own tools back up the database. */
  const backup = signal<BackupState | null | undefined>(undefined);
  const problem = signal("");
  /** What has ended since, for screen readers. */
  const news = signal("");
  /** The newest job that was started here, of those that the list is about. */
  const started = signal<string | undefined>(undefined);
  const preview = signal<Preview | undefined>(undefined);
  /** Whose dry run goes on, and its job. */
  const previewing = signal<{ who: string; id: string } | undefined>(undefined);
  let isStopped = false;
  let cancelTimer = () => {};
  load();

  return {
    jobs,
    backup,
    problem,
    news,
    started,
    preview,
    isPreviewing: computed(() => !!previewing.value),
    isRunning: (kind: Job["kind"]) =>
      jobs.value.some((job) => job.kind === kind && job.state === "running"),

    start,

    /** Has the server find out what would go. */
    async showErasure(who: string) {
      forgetPreview();
      const job = await start({ kind: "erase", who, dry_run: true });
      if (job) previewing.value = { who, id: job.id };
      await showPreview();
    },
    forgetPreview,

    /** Erases whom the preview is of. */
    async erase() {
      const who = preview.value?.who;
      if (who && (await start({ kind: "erase", who }))) forgetPreview();
    },

    async cancel(id: string) {
      await attempt(() => call("DELETE", `jobs/${id}/`));
      await load();
    },

    stop() {
      isStopped = true;
      cancelTimer();
    },
  };

  async function start(body: NewJob): Promise<Job | undefined> {
    const answer = await attempt(() => call<JobAnswer>("POST", "jobs/", body));
    if (answer) await load();
    // What a dry run has found is shown where it was asked for.
    if (answer && !body.dry_run) started.value = answer.job.id;
    return answer?.job;
  }

  /** Runs a call and shows why it failed. */
  async function attempt<T>(task: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await task();
      problem.value = "";
      return result;
    } catch (error) {
      // The server's sentence as it is: it may name people by their ids.
      const isConflict = error instanceof Refused && error.status === 409;
      problem.value = isConflict
        ? describeRefusal("conflict", error.message)
        : describeError(error);
      return undefined;
    }
  }

  async function load() {
    cancelTimer();
    const list = await attempt(() => callForAll<JobList>(call, "jobs/"));
    if (isStopped) return;
    if (list) {
      announce(list.results);
      jobs.value = list.results;
      backup.value = list.backup;
      await showPreview();
    }
    const isBusy = !list || jobs.value.some(({ state }) => state === "running");
    cancelTimer();
    if (isBusy && !isStopped) cancelTimer = clock.after(INTERVAL_MS, load);
  }

  function announce(now: readonly Job[]) {
    const ended = now.filter(
      ({ id, state }) =>
        state !== "running" && jobs.value.some((job) => job.id === id && job.state === "running"),
    );
    if (ended.length) news.value = ended.map((job) => describeJob(language, job)).join(". ");
  }

  /** Shows what would be erased once its dry run has ended. */
  async function showPreview() {
    const wanted = previewing.value;
    const job = jobs.value.find(({ id }) => id === wanted?.id);
    if (!wanted || !job || job.state === "running") return;
    previewing.value = undefined;
    if (job.state !== "done") {
      problem.value = job.message ?? "";
      return;
    }
    const receipt = await attempt(() => call<Receipt>("GET", `jobs/${job.id}/file/`));
    if (receipt && !previewing.value) preview.value = { who: wanted.who, receipt };
  }

  function forgetPreview() {
    previewing.value = preview.value = undefined;
  }
}

/** "Backup: 3 conversations with 9 messages", "Backup failed: the disk is full". */
export function describeJob({ t }: Language, { kind, state, message }: Job): string {
  const job = t(`job.${state}`, { what: t(`job.${kind}`) });
  return message && state !== "cancelled" ? t("job.message", { job, message }) : job;
}

/** Whether there is something to download. */
export const hasFile = ({ kind, state }: Job) => state === "done" && kind !== "rewrite";

/** Whether cancelling would stop it. An erasure has a total from its decision on, and is completed then. */
export const canCancel = ({ kind, state, total }: Job) =>
  state === "running" && kind !== "rewrite" && (kind !== "erase" || !total);

/** What a running job does, for people. */
export function describeProgress({ t }: Language, { kind, done, total }: Job): string {
  if (kind === "rewrite") return t("progress.rewrite");
  if (!total) return t("progress.waiting");
  if (kind === "backup" && done === total) return t("progress.verified");
  const percent = Math.floor((done / total) * 100);
  return t(kind === "erase" ? "progress.decided" : "progress.percent", { percent });
}
