import { signal } from "@preact/signals";

/** Ticks so that waiting times on the page move. */
export const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
}, 5_000);

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const timeOf = (at: string | number) => clock.format(new Date(at));
export const fullOf = (at: string) => full.format(new Date(at));
export const dayOf = (at: string | number) => day.format(new Date(at));

/** Today's times, other days' dates. */
export function shortOf(at: string): string {
  const then = new Date(at);
  return then.toDateString() === new Date(now.value).toDateString()
    ? clock.format(then)
    : date.format(then);
}

/** How long ago, in one or two words: «now», «4 min», «2 h 10 min», «3 days». */
export function agoOf(at: string, present = now.value): string {
  const minutes = Math.max(0, Math.floor((present - Date.parse(at)) / 60_000));
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return days === 1 ? "1 day" : `${days} days`;
}
