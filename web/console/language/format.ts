/** How times, numbers and visitors are written in the console's language. */
import { computed, type ReadonlySignal } from "@preact/signals";
import type { Interval, Summary } from "../../shared/protocol";
import { describeHours } from "./hours";
import type { Translate } from "./translate";

export interface FormatOptions {
  /** For dates and numbers, such as en-GB. */
  locale: ReadonlySignal<string>;
  t: Translate;
}

export type Format = ReturnType<typeof makeFormat>;

const BYTES = ["bytes.KB", "bytes.MB", "bytes.GB", "bytes.TB"] as const;

/** By the milliseconds of a unit: how an interval in it is written. */
const INTERVALS = [
  [86_400_000, "every.days"],
  [3_600_000, "every.hours"],
  [60_000, "every.minutes"],
  [1_000, "every.seconds"],
  [1, "every.milliseconds"],
] as const;

export function makeFormat({ locale, t }: FormatOptions) {
  const dates = (options: Intl.DateTimeFormatOptions) => {
    const format = computed(() => new Intl.DateTimeFormat(locale.value, options));
    return (at: string | Date) => format.value.format(new Date(at));
  };
  const numbers = (options: Intl.NumberFormatOptions) => {
    const format = computed(() => new Intl.NumberFormat(locale.value, options));
    return (count: number) => format.value.format(count);
  };
  const lists = computed(() => new Intl.ListFormat(locale.value));
  const time = dates({ timeStyle: "short" });
  const date = dates({ day: "numeric", month: "short" });
  const whole = numbers({ maximumFractionDigits: 0 });
  const seconds = numbers({ style: "unit", unit: "second", unitDisplay: "short" });
  const calendarDay = dates({ day: "numeric", month: "short", timeZone: "UTC" });
  const tenths = numbers({ minimumFractionDigits: 1, maximumFractionDigits: 1 });

  return {
    time,
    day: dates({ weekday: "long", day: "numeric", month: "long" }),
    dayAndTime: dates({ dateStyle: "medium", timeStyle: "short" }),
    number: whole,
    tenths,

    /** A day of the shop's calendar, `YYYY-MM-DD`, wherever the agent is. */
    calendarDay,

    /** How long something takes: "42 sec", "4 min", "2 h 10 min", "3 days". */
    span: (ms: number): string =>
      ms < 60_000 ? seconds(Math.round(ms / 1000)) : lasting("age", Math.floor(ms / 60_000)),

    /** The hours of a week: "Mon–Fri 09:00–17:00". */
    hours: (week: readonly Interval[]) => describeHours(week, locale.value),

    /** "Ada, Bob and Cleo". */
    list: (names: readonly string[]) => lists.value.format(names),

    /** The time for today, the date for other days. */
    short(at: string, now: number): string {
      const then = new Date(at);
      return then.toDateString() === new Date(now).toDateString() ? time(then) : date(then);
    },

    /** How long it has been: "now", "4 min", "2 h 10 min", "3 days". */
    age: (at: string, now: number) => duration("age", at, now),

    /** How long ago: "just now", "4 min ago", "3 days ago". */
    ago: (at: string, now: number) => duration("ago", at, now),

    /** That something happens at an interval: "The server makes one every 6 hours by itself." */
    everyInterval(ms: number): string {
      const [unitMs, key] = INTERVALS.find(([unitMs]) => ms >= unitMs && ms % unitMs === 0) ?? [
        1,
        "every.milliseconds" as const,
      ];
      return t(key, { count: ms / unitMs });
    },

    /** "12 KB", "3.4 MB", in units of 1,000 bytes. */
    bytes(bytes: number): string {
      let [size, unit] = [bytes / 1000, 0];
      while (size >= 1000 && unit + 1 < BYTES.length) {
        size /= 1000;
        unit += 1;
      }
      return t(BYTES[unit]!, { size: size < 10 ? tenths(size) : whole(size) });
    },

    /** What a visitor is called: by name, else by email. */
    visitor: ({
      customer_name,
      customer_email,
    }: Pick<Summary, "customer_name" | "customer_email">): string =>
      customer_name || customer_email || t("visitor"),
  };

  function duration(kind: "age" | "ago", at: string, now: number): string {
    return lasting(kind, Math.max(0, Math.floor((now - Date.parse(at)) / 60_000)));
  }

  function lasting(kind: "age" | "ago", minutes: number): string {
    if (minutes < 1) return t(`${kind}.now`);
    if (minutes < 60) return t(`${kind}.minutes`, { minutes });
    const hours = Math.floor(minutes / 60);
    if (hours >= 24) return t(`${kind}.days`, { days: Math.floor(hours / 24) });
    if (minutes % 60) return t(`${kind}.hoursAndMinutes`, { hours, minutes: minutes % 60 });
    return t(`${kind}.hours`, { hours });
  }
}

/** Whether a visitor has told neither name nor email. */
export const isNameless = ({
  customer_name,
  customer_email,
}: Pick<Summary, "customer_name" | "customer_email">) => !customer_name && !customer_email;
