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

/** What a visitor is called: by name, else by email. */
export function visitorName({
  customer_name,
  customer_email,
}: Pick<Summary, "customer_name" | "customer_email">) {
  return customer_name || customer_email || "Visitor";
}
