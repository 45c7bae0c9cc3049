import { useEffect, useId, useMemo } from "preact/hooks";
import type { Report, ReportBy, ReportRow } from "../../shared/protocol";
import { call } from "../api";
import { durationOf, makeReports, type ReportRequest, tablePath } from "../desk/reports";
import type { Language } from "../language/language";
import { Bars } from "./bars";
import { useLanguage } from "./context";
import { Dialog } from "./dialog";

const ROWS = ["day", "agent", "tag"] as const satisfies readonly ReportBy[];

/** How many conversations there were, how long customers waited, what they thought; for admins. */
export function ReportsDialog({ close }: { close: () => void }) {
  const language = useLanguage();
  const { t } = language;
  const reports = useMemo(() => makeReports({ call, language }), []);
  useEffect(() => {
    reports.load({ from: "", to: "", by: "day" });
  }, []);
  const report = reports.report.value;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    reports.load(Object.fromEntries(fields) as unknown as ReportRequest);
  };
  return (
    <Dialog title={t("reports.title")} close={close} className="wide reports">
      <Request report={report} submit={submit} />
      <p class="problem" role="alert">
        {reports.problem.value}
      </p>
      <p class="visually-hidden" role="status">
        {reports.isLoading.value
          ? t("reports.loading")
          : report && t("reports.loaded", { count: report.total.conversations })}
      </p>
      {report && (
        <>
          <Totals row={report.total} isOpen={reports.openHours.value} />
          <label class="switch">
            <input
              type="checkbox"
              checked={reports.openHours.value}
              onChange={({ currentTarget }) => {
                reports.openHours.value = currentTarget.checked;
              }}
            />
            {t("reports.openHours")}
          </label>
          <Pictures report={report} isOpen={reports.openHours.value} />
          <Table report={report} isOpen={reports.openHours.value} />
          <div class="actions">
            <a class="button" href={tablePath(report)} download>
              {t("reports.download")}
            </a>
          </div>
          <p class="dim">{t("reports.hint", { zone: report.time_zone })}</p>
        </>
      )}
    </Dialog>
  );
}

/** The form for another report. Its fields show what the present one is of. */
function Request({
  report,
  submit,
}: {
  report: Report | undefined;
  submit: (event: SubmitEvent) => void;
}) {
  const { t } = useLanguage();
  const id = useId();
  return (
    <form
      class="request"
      onSubmit={submit}
      key={report && [report.from, report.to, report.by].join()}
    >
      <div class="field">
        <label for={`${id}-from`}>{t("reports.from")}</label>
        <input id={`${id}-from`} type="date" name="from" defaultValue={report?.from} required />
      </div>
      <div class="field">
        <label for={`${id}-to`}>{t("reports.to")}</label>
        <input id={`${id}-to`} type="date" name="to" defaultValue={report?.to} required />
      </div>
      <div class="field">
        <label for={`${id}-by`}>{t("reports.by")}</label>
        <select id={`${id}-by`} name="by">
          {ROWS.map((by) => (
            <option key={by} value={by} selected={by === (report?.by ?? "day")}>
              {t(`reports.${by}`)}
            </option>
          ))}
        </select>
      </div>
      <button type="submit">{t("reports.show")}</button>
    </form>
  );
}

function Totals({ row, isOpen }: { row: ReportRow; isOpen: boolean }) {
  const language = useLanguage();
  const { t, format } = language;
  const { average, count } = row.ratings;
  return (
    <dl class="totals">
      <div>
        <dt>{t("reports.conversations")}</dt>
        <dd>{format.number(row.conversations)}</dd>
      </div>
      <div>
        <dt>{t("reports.unanswered")}</dt>
        <dd>{format.number(row.unanswered)}</dd>
      </div>
      <div>
        <dt>{t("reports.firstAnswer")}</dt>
        <dd>{lasting(language, durationOf(row.first_answer, "median", isOpen))}</dd>
      </div>
      <div>
        <dt>{t("reports.rating")}</dt>
        <dd>
          {average === null
            ? t("reports.none")
            : t("reports.average", { average: format.tenths(average), count })}
        </dd>
      </div>
    </dl>
  );
}

/** Two pictures: how many conversations there were, and how long customers waited. */
function Pictures({ report: { rows, by }, isOpen }: { report: Report; isOpen: boolean }) {
  const language = useLanguage();
  const { t, format } = language;
  if (rows.length < 2) return null;
  const names = rows.map((row) => nameOf(language, by, row));
  const answers = rows.map((row) => durationOf(row.first_answer, "median", isOpen));
  const ends = (
    <p class="ends dim" aria-hidden="true">
      <span dir="auto">{names[0]}</span>
      <span dir="auto">{names.at(-1)}</span>
    </p>
  );
  return (
    <div class="pictures">
      <figure>
        <figcaption>{t("reports.conversations")}</figcaption>
        <Bars
          label={t("reports.conversations")}
          values={rows.map((row) => row.conversations)}
          titles={rows.map((row, index) => `${names[index]}: ${format.number(row.conversations)}`)}
        />
        {ends}
      </figure>
      <figure>
        <figcaption>{t("reports.firstAnswerMedian")}</figcaption>
        <Bars
          label={t("reports.firstAnswerMedian")}
          values={answers.map((ms) => ms ?? 0)}
          titles={answers.map((ms, index) => `${names[index]}: ${lasting(language, ms)}`)}
        />
        {ends}
      </figure>
    </div>
  );
}

function Table({ report: { rows, by, total }, isOpen }: { report: Report; isOpen: boolean }) {
  const { t } = useLanguage();
  return (
    <section
      class="scroll"
      aria-label={t("reports.table")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard.
      tabIndex={0}
    >
      <table>
        <thead>
          <tr>
            <th scope="col">{t(`reports.${by}`)}</th>
            <th scope="col">{t("reports.conversations")}</th>
            <th scope="col">{t("reports.unanswered")}</th>
            <th scope="col">{t("reports.fromCustomers")}</th>
            <th scope="col">{t("reports.fromAgents")}</th>
            <th scope="col">{t("reports.firstAnswerMedian")}</th>
            <th scope="col">{t("reports.firstAnswerP90")}</th>
            <th scope="col">{t("reports.wholeMedian")}</th>
            <th scope="col">{t("reports.wholeP90")}</th>
            <th scope="col">{t("reports.rating")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.key} row={row} by={by} isOpen={isOpen} />
          ))}
        </tbody>
        <tfoot>
          <Row row={total} isOpen={isOpen} />
        </tfoot>
      </table>
    </section>
  );
}

/** A line of the table; without `by` that of everything. */
function Row({ row, by, isOpen }: { row: ReportRow; by?: ReportBy; isOpen: boolean }) {
  const language = useLanguage();
  const { t, format } = language;
  const span = (durations: ReportRow["whole"], percentile: "median" | "p90") =>
    lasting(language, durationOf(durations, percentile, isOpen));
  const { average, count } = row.ratings;
  return (
    <tr>
      <th scope="row" dir="auto">
        {by ? nameOf(language, by, row) : t("reports.total")}
      </th>
      <td>{format.number(row.conversations)}</td>
      <td>{format.number(row.unanswered)}</td>
      <td>{format.number(row.messages.customer)}</td>
      <td>{format.number(row.messages.agent)}</td>
      <td>{span(row.first_answer, "median")}</td>
      <td>{span(row.first_answer, "p90")}</td>
      <td>{span(row.whole, "median")}</td>
      <td>{span(row.whole, "p90")}</td>
      <td>
        {average === null
          ? t("reports.none")
          : t("reports.average", { average: format.tenths(average), count })}
      </td>
    </tr>
  );
}

function nameOf({ t, format }: Language, by: ReportBy, { key, name }: ReportRow): string {
  if (by === "day") return key ? format.calendarDay(key) : "";
  if (key) return name ?? key;
  return t(by === "agent" ? "reports.nobody" : "reports.noTag");
}

function lasting({ t, format }: Language, ms: number | null): string {
  return ms === null ? t("reports.none") : format.span(ms);
}
