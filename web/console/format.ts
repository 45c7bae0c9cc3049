/** How times and visitors are written. */
import type { Summary } from "../shared/protocol";

const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const formatTime = (at: string) => clockTime.format(new Date(at));
export const formatDay = (at: string) => day.format(new Date(at));
export const formatDayAndTime = (at: string) => full.format(new Date(at));

/** The time for today, the date for other days. */
export function formatShort(at: string, now: number): string {
  const then = new Date(at);
  return then.toDateString() === new Date(now).toDateString()
    ? clockTime.format(then)
    : date.format(then);
}

/** How long ago: "now", "4 min", "2 h 10 min", "3 days". */
export function formatAge(at: string, now: number): string {
  const minutes = Math.max(0, Math.floor((now - Date.parse(at)) / 60_000));
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return days === 1 ? "1 day" : `${days} days`;
}

/** An interval as it follows "every": "day", "6 hours", "90 seconds". */
export function formatInterval(ms: number): string {
  const units: [number, string][] = [
    [86_400_000, "day"],
    [3_600_000, "hour"],
    [60_000, "minute"],
    [1_000, "second"],
  ];
  const [unitMs, unit] = units.find(([unitMs]) => ms >= unitMs && ms % unitMs === 0) ?? [1, "ms"];
  const count = ms / unitMs;
  if (unit === "ms") return `${count} ms`;
  return count === 1 ? unit : `${count} ${unit}s`;
}

/** "1 message", "2 messages". */
export const formatCount = (count: number, unit: string) =>
  `${count} ${unit}${count === 1 ? "" : "s"}`;

/** "12 KB", "3.4 MB", in units of 1,000 bytes. */
export function formatBytes(bytes: number): string {
  const units = ["KB", "MB", "GB", "TB"];
  let [size, unit] = [bytes / 1000, 0];
  while (size >= 1000 && unit + 1 < units.length) {
    size /= 1000;
    unit += 1;
  }
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** What a visitor is called: by name, else by email. */
export function visitorName({
  customer_name,
  customer_email,
}: Pick<Summary, "customer_name" | "customer_email">) {
  return customer_name || customer_email || "Visitor";
}
