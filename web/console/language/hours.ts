import type { Day, Interval } from "../../shared/protocol";

const DAYS: readonly Day[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** The hours of a week in one line: "Mon–Fri 09:00–17:00, Sat 10:00–14:00". */
export function describeHours(hours: readonly Interval[], locale: string): string {
  const dates = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" });
  const [weekday, time] = [dates({ weekday: "short" }), dates({ timeStyle: "short" })];
  const list = new Intl.ListFormat(locale, { type: "unit" });
  // The 5th of January 2026 is a Monday.
  const at = (day: number, hour = 0, minute = 0) =>
    new Date(Date.UTC(2026, 0, 5 + day, hour, minute));
  const clock = (text: string) => {
    const [hour, minute] = text.split(":").map(Number);
    return time.format(at(0, hour, minute));
  };
  const texts = DAYS.map((day) => {
    const spans = hours.filter((interval) => interval.day === day);
    spans.sort((a, b) => a.from.localeCompare(b.from));
    return list.format(spans.map(({ from, to }) => `${clock(from)}–${clock(to)}`));
  });
  const parts: string[] = [];
  for (let first = 0; first < DAYS.length; first += 1) {
    const text = texts[first];
    const begin = weekday.format(at(first));
    let name = begin;
    while (first + 1 < DAYS.length && texts[first + 1] === text) {
      first += 1;
      name = `${begin}–${weekday.format(at(first))}`;
    }
    if (text) parts.push(`${name} ${text}`);
  }
  return list.format(parts);
}
