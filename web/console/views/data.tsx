import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { browserClock } from "../../shared/clock";
import type { BackupState, ExportFormat, Job, KeptBackup } from "../../shared/protocol";
import { call } from "../api";
import {
  canCancel,
  type Data,
  describeJob,
  describeProgress,
  hasFile,
  makeData,
} from "../desk/data";
import type { Language } from "../language/language";
import type { PlainKey } from "../language/texts";
import { Confirm } from "./confirm";
import { useApp, useLanguage } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";
import { ServerText } from "./server-text";

/** Backups, exports and erasures, for admins. */
export function DataDialog({ close }: { close: () => void }) {
  const language = useLanguage();
  const data = useMemo(() => makeData({ clock: browserClock(), call, language }), []);
  useEffect(() => data.stop, []);
  return (
    <Dialog title={language.t("data.title")} close={close} className="wide">
      <p class="problem" role="alert">
        {data.problem.value}
      </p>
      <p class="visually-hidden" role="status">
        {data.news.value}
      </p>
      <Backups data={data} />
      <Export data={data} />
      <Erasure data={data} />
      {data.backup.value !== null && <Rewrite data={data} />}
      <Jobs data={data} />
    </Dialog>
  );
}

function Backups({ data }: { data: Data }) {
  const { t } = useLanguage();
  const backup = data.backup.value;
  if (backup === null) {
    return (
      <section>
        <h3>{t("backup.title")}</h3>
        <p class="dim">{t("backup.postgres")}</p>
      </section>
    );
  }
  return (
    <section>
      <h3>{t("backup.title")}</h3>
      {backup && <LastBackup backup={backup} />}
      <button
        type="button"
        disabled={data.isRunning("backup")}
        onClick={() => data.start({ kind: "backup" })}
      >
        {t("backup.now")}
      </button>
    </section>
  );
}

function LastBackup({ backup }: { backup: BackupState }) {
  const { now } = useApp();
  const { t, rich, format } = useLanguage();
  const { last_at, last_bytes, failure, every_ms } = backup;
  return (
    <>
      <p>
        {last_at
          ? rich("backup.last", {
              ago: format.ago(last_at, now.value),
              time: format.dayAndTime(last_at),
              size: format.bytes(last_bytes ?? 0),
              b: (text) => <b>{text}</b>,
              dim: (text) => <span class="dim">{text}</span>,
            })
          : t("backup.none")}
      </p>
      {failure && (
        <p class="problem">{rich("backup.failure", { reason: <ServerText text={failure} /> })}</p>
      )}
      <p class="dim">{every_ms ? format.everyInterval(every_ms) : t("backup.never")}</p>
    </>
  );
}

function Export({ data }: { data: Data }) {
  const { t } = useLanguage();
  const kind = useSignal<PersonKind | "all">("all");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    const format = fields.get("format") as ExportFormat;
    const person = kind.value === "all" ? undefined : `${kind.value}:${fields.get("person")}`;
    data.start({ kind: "export", format, ...(person && { person }) });
  };
  return (
    <section>
      <h3>{t("export.title")}</h3>
      <p class="dim">{t("export.hint")}</p>
      <form onSubmit={submit}>
        <div class="grid">
          <div class="field">
            <label for="export-whose">{t("export.whose")}</label>
            <select
              id="export-whose"
              value={kind.value}
              onChange={(event) => {
                kind.value = event.currentTarget.value as typeof kind.value;
              }}
            >
              <option value="all">{t("export.all")}</option>
              <PersonKinds />
            </select>
          </div>
          {kind.value !== "all" && <PersonField kind={kind.value} />}
          <div class="field">
            <label for="export-format">{t("export.format")}</label>
            <select id="export-format" name="format">
              <option value="jsonl">{t("export.jsonl")}</option>
              <option value="csv">{t("export.csv")}</option>
            </select>
          </div>
        </div>
        <button type="submit" disabled={data.isRunning("export")}>
          {t("export.submit")}
        </button>
      </form>
    </section>
  );
}

const PERSON_KINDS = {
  email: "person.byEmail",
  phone: "person.byPhone",
  user: "person.byUser",
} as const satisfies Record<string, PlainKey>;

type PersonKind = keyof typeof PERSON_KINDS;

function PersonKinds() {
  const { t } = useLanguage();
  return (
    <>
      {Object.entries(PERSON_KINDS).map(([kind, key]) => (
        <option key={kind} value={kind}>
          {t(key)}
        </option>
      ))}
    </>
  );
}

function PersonField({ kind, onInput }: { kind: PersonKind; onInput?: () => void }) {
  const { t } = useLanguage();
  const hint = t(kind === "user" ? "person.userHint" : "person.hint");
  return (
    <div onInput={onInput}>
      <Field label={t(`person.${kind}`)} name="person" autocomplete="off" required hint={hint} />
    </div>
  );
}

function Erasure({ data }: { data: Data }) {
  const { t } = useLanguage();
  const kind = useSignal<PersonKind>("email");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    data.showErasure(`${kind.value}:${String(fields.get("person")).trim()}`);
  };
  return (
    <section>
      <h3>{t("erase.title")}</h3>
      <p class="dim">{t("erase.hint")}</p>
      <form onSubmit={submit}>
        <div class="grid">
          <div class="field">
            <label for="erase-whose">{t("erase.who")}</label>
            <select
              id="erase-whose"
              value={kind.value}
              onChange={(event) => {
                kind.value = event.currentTarget.value as PersonKind;
                data.forgetPreview();
              }}
            >
              <PersonKinds />
            </select>
          </div>
          <PersonField kind={kind.value} onInput={data.forgetPreview} />
        </div>
        <button type="submit" disabled={data.isPreviewing.value || data.isRunning("erase")}>
          {t("erase.show")}
        </button>
      </form>
      <div class="wide" role="status">
        {data.preview.value && <Found data={data} />}
      </div>
    </section>
  );
}

/** What a dry run has found, and the confirmation. */
function Found({ data }: { data: Data }) {
  const language = useLanguage();
  const { t, rich } = language;
  const typed = useSignal("");
  const preview = data.preview.value;
  if (!preview) return null;
  const { erased, mentioned_in, mentioned_in_truncated, backups } = preview.receipt;
  const name = preview.who.slice(preview.who.indexOf(":") + 1);
  if (!erased.visitors) {
    return <p>{t("erase.nobody")}</p>;
  }
  const mentions = mentioned_in.length;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (typed.value.trim() === name) data.erase();
  };
  return (
    <form class="found-data" onSubmit={submit}>
      <p>
        <b>{t("erase.would", { rooms: erased.rooms, messages: erased.messages })}</b>
      </p>
      {mentions > 0 && (
        <p>
          {t(mentioned_in_truncated ? "erase.mentionsOrMore" : "erase.mentions", {
            count: mentions,
          })}{" "}
          {mentioned_in.slice(0, 5).map((id) => (
            <a key={id} href={`#room=${id}`}>
              <bdi>{id.slice(-6)}</bdi>{" "}
            </a>
          ))}
        </p>
      )}
      {backups.length > 0 && <p class="dim">{describeBackups(language, backups)}</p>}
      <div class="field">
        <label for="erase-typed">{rich("erase.type", { name: <bdi>{name}</bdi> })}</label>
        <input
          id="erase-typed"
          dir="auto"
          autocomplete="off"
          value={typed.value}
          onInput={(event) => {
            typed.value = event.currentTarget.value;
          }}
        />
      </div>
      <button type="submit" class="danger" disabled={typed.value.trim() !== name}>
        {t("erase.submit")}
      </button>
    </form>
  );
}

/** "2 backups hold them until 3 Jan 2027." */
function describeBackups({ t, format }: Language, backups: readonly KeptBackup[]): string {
  const dates = backups.map(({ kept_until }) => kept_until);
  const last = dates.every((date) => date !== null) && dates.toSorted().at(-1);
  const count = backups.length;
  return last
    ? t("erase.backupsUntil", { count, time: format.dayAndTime(last) })
    : t("erase.backups", { count });
}

function Rewrite({ data }: { data: Data }) {
  const { t } = useLanguage();
  return (
    <section>
      <h3>{t("rewrite.title")}</h3>
      <p class="dim">{t("rewrite.hint")}</p>
      <Confirm
        label={t("rewrite.now")}
        question={t("rewrite.question")}
        disabled={data.isRunning("rewrite")}
        run={() => data.start({ kind: "rewrite" })}
      />
    </section>
  );
}

function Jobs({ data }: { data: Data }) {
  const { t } = useLanguage();
  const jobs = data.jobs.value;
  const section = useRef<HTMLElement>(null);
  // Its progress and its file are here, out of sight of the button that started it.
  useEffect(() => {
    if (data.started.value) section.current?.scrollIntoView({ block: "nearest" });
  }, [data.started.value]);
  return (
    <section ref={section}>
      <h3 id="jobs">{t("jobs.title")}</h3>
      {jobs.length === 0 && <p class="dim">{t("jobs.none")}</p>}
      <ul class="jobs" aria-labelledby="jobs">
        {jobs.map((job) => (
          <JobItem key={job.id} job={job} cancel={() => data.cancel(job.id)} />
        ))}
      </ul>
    </section>
  );
}

function JobItem({ job, cancel }: { job: Job; cancel: () => void }) {
  const isRunning = job.state === "running";
  const language = useLanguage();
  const { t, format } = language;
  const time = format.dayAndTime(job.created_at);
  const name = describeJob(language, job);
  return (
    <li>
      <div>
        <p class={job.state === "failed" ? "problem" : ""}>{name}</p>
        <small class="dim">
          {time}
          {isRunning && ` · ${describeProgress(language, job)}`}
        </small>
        {isRunning && (
          <progress
            aria-label={name}
            max={job.total || undefined}
            value={job.total ? job.done : undefined}
          />
        )}
      </div>
      {canCancel(job) && (
        <button type="button" aria-label={t("jobs.cancelName", { job: name })} onClick={cancel}>
          {t("jobs.cancel")}
        </button>
      )}
      {hasFile(job) && (
        <a
          class="button"
          href={`/api/admin/jobs/${job.id}/file/`}
          download
          aria-label={t("jobs.downloadName", { job: name, time })}
        >
          {t("jobs.download")}
        </a>
      )}
    </li>
  );
}
