import type { Day, Exception, Interval, Shop, TimeSpan } from "../../../shared/protocol";
import type { ShopSettings } from "../../desk/shop-settings";
import { Icon } from "../../icons";
import { useLanguage } from "../context";
import { ServerText } from "../server-text";
import { Control } from "./control";

const WORKDAYS: readonly Day[] = ["mon", "tue", "wed", "thu", "fri"];
const USUAL: TimeSpan = { from: "09:00", to: "17:00" };

/** Opening hours of the week, other hours on some days, and "closed until". */
export function Hours({ settings }: { settings: ShopSettings }) {
  const { t } = useLanguage();
  const shop = settings.draft.value?.shop;
  if (!shop) return null;
  const change = (fields: Partial<Shop>) => settings.change("shop", fields);
  const { hours } = shop;
  const last = hours.at(-1);
  return (
    <>
      <section>
        <h3>{t("shop.hours")}</h3>
        <p class="dim">{t("shop.hoursHint")}</p>
        <fieldset class="choices">
          <legend class="visually-hidden">{t("shop.hours")}</legend>
          <label class="switch">
            <input
              type="radio"
              name="hours"
              checked={!hours.length}
              onChange={() => change({ hours: [] })}
            />
            {t("shop.always")}
          </label>
          <label class="switch">
            <input
              type="radio"
              name="hours"
              checked={!!hours.length}
              onChange={() => change({ hours: WORKDAYS.map((day) => ({ day, ...USUAL })) })}
            />
            {t("shop.weekly")}
          </label>
        </fieldset>
        {hours.map((interval, at) => (
          <IntervalRow
            key={at}
            interval={interval}
            error={settings.errorOf(`shop.hours[${at}]`)}
            change={(row) => change({ hours: replaced(hours, at, row) })}
          />
        ))}
        {last && (
          <button
            type="button"
            onClick={() => change({ hours: [...hours, { ...last, day: nextDay(last.day) }] })}
          >
            {t("shop.addHours")}
          </button>
        )}
      </section>
      <section>
        <h3>{t("shop.exceptions")}</h3>
        <p class="dim">{t("shop.exceptionsHint")}</p>
        {shop.exceptions.map((exception, at) => (
          <ExceptionRows
            key={at}
            exception={exception}
            errorOf={(field) => settings.errorOf(`shop.exceptions[${at}].${field}`)}
            change={(row) => change({ exceptions: replaced(shop.exceptions, at, row) })}
          />
        ))}
        <button
          type="button"
          onClick={() =>
            change({ exceptions: [...shop.exceptions, { from: today(), to: today(), hours: [] }] })
          }
        >
          {t("shop.addDays")}
        </button>
        <ClosedUntil settings={settings} />
      </section>
    </>
  );
}

/** A list with one entry changed, or removed. */
const replaced = <T,>(list: readonly T[], at: number, entry: T | undefined): T[] =>
  list.flatMap((old, index) => (index === at ? (entry === undefined ? [] : [entry]) : [old]));

const DAYS: readonly Day[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const nextDay = (day: Day): Day => DAYS[(DAYS.indexOf(day) + 1) % DAYS.length] as Day;

const timesOf = ({ from, to }: TimeSpan) => `${from} ${to}`;

/** The day of this device, as YYYY-MM-DD. */
function today(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

interface IntervalProps {
  interval: Interval;
  error: string | undefined;
  change: (interval: Interval | undefined) => void;
}

function IntervalRow({ interval, error, change }: IntervalProps) {
  const { t } = useLanguage();
  const name = `${t(`shop.${interval.day}`)} ${timesOf(interval)}`;
  return (
    <fieldset class="row-of-hours">
      <legend class="visually-hidden">{t("shop.hoursOf", { hours: name })}</legend>
      <select
        aria-label={t("shop.day")}
        value={interval.day}
        onChange={({ currentTarget: { value } }) => change({ ...interval, day: value as Day })}
      >
        {DAYS.map((day) => (
          <option key={day} value={day}>
            {t(`shop.${day}`)}
          </option>
        ))}
      </select>
      <Times span={interval} error={error} change={(span) => change({ ...interval, ...span })} />
      <Remove name={t("shop.removeOf", { hours: name })} run={() => change(undefined)} />
    </fieldset>
  );
}

interface TimesProps {
  span: TimeSpan;
  error: string | undefined;
  change: (span: TimeSpan) => void;
}

/** From and to. The browser has no 24:00, so 00:00 stands for it. */
function Times({ span: { from, to }, error, change }: TimesProps) {
  const { t } = useLanguage();
  return (
    <>
      <input
        type="time"
        aria-label={t("shop.from")}
        aria-invalid={!!error}
        required
        value={from}
        onChange={({ currentTarget: { value } }) => change({ from: value, to })}
      />
      <span aria-hidden="true">–</span>
      <input
        type="time"
        aria-label={t("shop.to")}
        aria-invalid={!!error}
        required
        value={to === "24:00" ? "00:00" : to}
        onChange={({ currentTarget: { value } }) =>
          change({ from, to: value === "00:00" ? "24:00" : value })
        }
      />
      {to <= from && <small class="dim">{t("shop.nextDay")}</small>}
      {error && (
        <small class="problem">
          <ServerText text={error} />
        </small>
      )}
    </>
  );
}

interface ExceptionProps {
  exception: Exception;
  errorOf: (field: string) => string | undefined;
  change: (exception: Exception | undefined) => void;
}

function ExceptionRows({ exception, errorOf, change }: ExceptionProps) {
  const { t } = useLanguage();
  const { from, to, hours } = exception;
  const problem = errorOf("from") ?? errorOf("to");
  const name = from === to ? from : t("shop.days", { from, to });
  return (
    <fieldset class="exception">
      <legend class="visually-hidden">{name}</legend>
      <div class="row-of-hours">
        <input
          type="date"
          aria-label={t("shop.firstDay")}
          aria-invalid={!!errorOf("from")}
          required
          value={from}
          onChange={({ currentTarget: { value } }) =>
            change({ ...exception, from: value, to: value > to ? value : to })
          }
        />
        <span aria-hidden="true">–</span>
        <input
          type="date"
          aria-label={t("shop.lastDay")}
          aria-invalid={!!errorOf("to")}
          required
          min={from}
          value={to}
          onChange={({ currentTarget: { value } }) => change({ ...exception, to: value })}
        />
        <select
          aria-label={name}
          value={hours.length ? "open" : "closed"}
          onChange={({ currentTarget: { value } }) =>
            change({ ...exception, hours: value === "open" ? [USUAL] : [] })
          }
        >
          <option value="closed">{t("shop.closedThen")}</option>
          <option value="open">{t("shop.openThen")}</option>
        </select>
        <Remove name={t("shop.removeOf", { hours: name })} run={() => change(undefined)} />
      </div>
      {hours.map((span, at) => (
        <div class="row-of-hours" key={at}>
          <Times
            span={span}
            error={errorOf(`hours[${at}]`)}
            change={(row) => change({ ...exception, hours: replaced(hours, at, row) })}
          />
          <Remove
            name={t("shop.removeOf", { hours: timesOf(span) })}
            run={() => change({ ...exception, hours: replaced(hours, at, undefined) })}
          />
        </div>
      ))}
      {hours.length > 0 && (
        <button type="button" onClick={() => change({ ...exception, hours: [...hours, USUAL] })}>
          {t("shop.addHoursThen")}
        </button>
      )}
      {problem && (
        <small class="problem">
          <ServerText text={problem} />
        </small>
      )}
    </fieldset>
  );
}

function Remove({ name, run }: { name: string; run: () => void }) {
  const { t } = useLanguage();
  return (
    <button type="button" class="plain" aria-label={name} title={t("shop.remove")} onClick={run}>
      <Icon name="close" />
    </button>
  );
}

function ClosedUntil({ settings }: { settings: ShopSettings }) {
  const { t } = useLanguage();
  const until = settings.draft.value?.shop.closed_until ?? null;
  return (
    <>
      <Control
        label={t("shop.closedUntil")}
        hint={t("shop.closedUntilHint")}
        error={settings.errorOf("shop.closed_until")}
      >
        {(props) => (
          <input
            {...props}
            type="datetime-local"
            value={until ? localMinute(until) : ""}
            onChange={({ currentTarget: { value } }) =>
              settings.change("shop", {
                closed_until: value ? new Date(value).toISOString() : null,
              })
            }
          />
        )}
      </Control>
      {until && (
        <button type="button" onClick={() => settings.change("shop", { closed_until: null })}>
          {t("shop.openAgain")}
        </button>
      )}
    </>
  );
}

/** A moment as the field has it: the wall clock of this device. */
function localMinute(moment: string): string {
  const date = new Date(moment);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
