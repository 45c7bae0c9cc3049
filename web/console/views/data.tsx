import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
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
import { formatAge, formatBytes, formatCount, formatDayAndTime, formatInterval } from "../format";
import { Confirm } from "./confirm";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";

/** Backups, exports and erasures, for admins. */
export function DataDialog({ close }: { close: () => void }) {
  const data = useMemo(() => makeData({ clock: browserClock(), call }), []);
  useEffect(() => data.stop, []);
  return (
    <Dialog title="Data" close={close} className="wide">
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
  const backup = data.backup.value;
  if (backup === null) {
    return (
      <section>
        <h3>Backups</h3>
        <p class="dim">
          The database is in PostgreSQL, so PostgreSQL's own tools back it up: pg_dump, or
          pg_basebackup with an archive of the WAL.
        </p>
      </section>
    );
  }
  return (
    <section>
      <h3>Backups</h3>
      {backup && <LastBackup backup={backup} />}
      <button
        type="button"
        disabled={data.isRunning("backup")}
        onClick={() => data.start({ kind: "backup" })}
      >
        Back up now
      </button>
    </section>
  );
}

function LastBackup({ backup }: { backup: BackupState }) {
  const { now } = useApp();
  const { last_at, last_bytes, failure, every_ms } = backup;
  const age = last_at && formatAge(last_at, now.value);
  return (
    <>
      <p>
        {last_at ? (
          <>
            The last backup was made <b>{age === "now" ? "just now" : `${age} ago`}</b>{" "}
            <span class="dim">
              ({formatDayAndTime(last_at)}, {formatBytes(last_bytes ?? 0)})
            </span>
          </>
        ) : (
          "There is no backup yet."
        )}
      </p>
      {failure && <p class="problem">The attempt since has failed: {failure}</p>}
      <p class="dim">
        {every_ms
          ? `The server makes one every ${formatInterval(every_ms)} by itself.`
          : "The server makes none by itself: backup.every_ms is 0."}
      </p>
    </>
  );
}

function Export({ data }: { data: Data }) {
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
      <h3>Export</h3>
      <p class="dim">
        Conversations as a file: for a customer who asks for their data, or to move to another
        server.
      </p>
      <form onSubmit={submit}>
        <div class="grid">
          <div class="field">
            <label for="export-whose">Whose conversations</label>
            <select
              id="export-whose"
              value={kind.value}
              onChange={(event) => {
                kind.value = event.currentTarget.value as typeof kind.value;
              }}
            >
              <option value="all">Everybody's</option>
              <PersonKinds />
            </select>
          </div>
          {kind.value !== "all" && <PersonField kind={kind.value} />}
          <div class="field">
            <label for="export-format">Format</label>
            <select id="export-format" name="format">
              <option value="jsonl">JSON Lines (can be imported)</option>
              <option value="csv">CSV (for spreadsheets)</option>
            </select>
          </div>
        </div>
        <button type="submit" disabled={data.isRunning("export")}>
          Export
        </button>
      </form>
    </section>
  );
}

const PERSON_KINDS = {
  email: "One person, by email",
  phone: "One person, by phone number",
  user: "One person, by user id",
} as const;

type PersonKind = keyof typeof PERSON_KINDS;

const PersonKinds = () => (
  <>
    {Object.entries(PERSON_KINDS).map(([kind, label]) => (
      <option key={kind} value={kind}>
        {label}
      </option>
    ))}
  </>
);

function PersonField({ kind, onInput }: { kind: PersonKind; onInput?: () => void }) {
  const labels = { email: "Their email", phone: "Their phone number", user: "Their user id" };
  const hint =
    kind === "user"
      ? "The sub of their signed identity, exactly."
      : "As a conversation has it; case and blanks do not matter.";
  return (
    <div onInput={onInput}>
      <Field label={labels[kind]} name="person" autocomplete="off" required hint={hint} />
    </div>
  );
}

function Erasure({ data }: { data: Data }) {
  const kind = useSignal<PersonKind>("email");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    data.showErasure(`${kind.value}:${String(fields.get("person")).trim()}`);
  };
  return (
    <section>
      <h3>Erase a person</h3>
      <p class="dim">
        All their conversations go, also from the search, and nobody can get them back. You see
        first what would go.
      </p>
      <form onSubmit={submit}>
        <div class="grid">
          <div class="field">
            <label for="erase-whose">Who</label>
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
          Show what would go
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
  const typed = useSignal("");
  const preview = data.preview.value;
  if (!preview) return null;
  const { erased, mentioned_in, mentioned_in_truncated, backups } = preview.receipt;
  const name = preview.who.slice(preview.who.indexOf(":") + 1);
  if (!erased.visitors) {
    return <p>Nobody matches, so nothing would be erased. Check the spelling.</p>;
  }
  const mentions = mentioned_in.length;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (typed.value.trim() === name) data.erase();
  };
  return (
    <form class="found-data" onSubmit={submit}>
      <p>
        <b>
          {formatCount(erased.rooms, "conversation")} with {formatCount(erased.messages, "message")}{" "}
          would go.
        </b>
      </p>
      {mentions > 0 && (
        <p>
          {formatCount(mentions, "other conversation")}
          {mentioned_in_truncated && " or more"} {mentions === 1 ? "mentions" : "mention"} their
          email. {mentions === 1 ? "It stays" : "They stay"} as{" "}
          {mentions === 1 ? "it is" : "they are"}:{" "}
          {mentioned_in.slice(0, 5).map((id) => (
            <a key={id} href={`#room=${id}`}>
              {id.slice(-6)}{" "}
            </a>
          ))}
        </p>
      )}
      {backups.length > 0 && <p class="dim">{describeBackups(backups)}</p>}
      <div class="field">
        <label for="erase-typed">
          To erase them, type <span dir="auto">{name}</span>
        </label>
        <input
          id="erase-typed"
          autocomplete="off"
          value={typed.value}
          onInput={(event) => {
            typed.value = event.currentTarget.value;
          }}
        />
      </div>
      <button type="submit" class="danger" disabled={typed.value.trim() !== name}>
        Erase for good
      </button>
    </form>
  );
}

/** "2 backups hold them until 3 Jan 2027." */
function describeBackups(backups: readonly KeptBackup[]): string {
  const dates = backups.map(({ kept_until }) => kept_until);
  const last = dates.every((date) => date !== null) && dates.toSorted().at(-1);
  const holders = `${formatCount(backups.length, "backup")} ${backups.length === 1 ? "holds" : "hold"} them`;
  return last
    ? `${holders}, the last one until ${formatDayAndTime(last)}. The receipt lists them.`
    : `${holders}, some until you delete the files. The receipt lists them.`;
}

function Rewrite({ data }: { data: Data }) {
  const question =
    "No message gets through until it is done: some seconds, or minutes for a large database.";
  return (
    <section>
      <h3>Rewrite the database</h3>
      <p class="dim">
        Nobody can read what was erased, but its bytes may be in the file until that is rewritten.
        The server does it by itself when the chat is quiet. PostgreSQL overwrites them in its own
        time.
      </p>
      <Confirm
        label="Rewrite now"
        question={question}
        disabled={data.isRunning("rewrite")}
        run={() => data.start({ kind: "rewrite" })}
      />
    </section>
  );
}

function Jobs({ data }: { data: Data }) {
  const jobs = data.jobs.value;
  return (
    <section>
      <h3 id="jobs">Last 24 hours</h3>
      {jobs.length === 0 && <p class="dim">Nothing was started here.</p>}
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
  const time = formatDayAndTime(job.created_at);
  return (
    <li>
      <div>
        <p class={job.state === "failed" ? "problem" : ""}>{describeJob(job)}</p>
        <small class="dim">
          {time}
          {isRunning && ` · ${describeProgress(job)}`}
        </small>
        {isRunning && (
          <progress
            aria-label={describeJob(job)}
            max={job.total || undefined}
            value={job.total ? job.done : undefined}
          />
        )}
      </div>
      {canCancel(job) && (
        <button type="button" aria-label={`Cancel: ${describeJob(job)}`} onClick={cancel}>
          Cancel
        </button>
      )}
      {hasFile(job) && (
        <a
          class="button"
          href={`/api/admin/jobs/${job.id}/file/`}
          download
          aria-label={`Download: ${describeJob(job)}, ${time}`}
        >
          Download
        </a>
      )}
    </li>
  );
}
