import { signal } from "@preact/signals";
import type { AgentServerFrame, VisitorAnswer } from "../../shared/protocol";
import type { Call } from "../api";
import type { Language } from "../language/language";

/** Pages of one conversation that the server keeps. */
const PAGES_KEPT = 20;

interface Options {
  call: Call;
  language: Language;
}

/** Who the customer of a conversation is: other conversations, visits, pages, signed attributes. */
export function makeProfile({ call, language }: Options) {
  const loaded = signal<{ room: string; profile: VisitorAnswer } | undefined>(undefined);
  const problem = signal("");
  let wanted: string | undefined;

  return {
    /** Why the newest one could not be loaded. */
    problem,

    /** What is known of a conversation's customer, once it is loaded. */
    of: (room: string) => (loaded.value?.room === room ? loaded.value.profile : undefined),

    async load(room: string) {
      wanted = room;
      try {
        const profile = await call<VisitorAnswer>("GET", `rooms/${room}/visitor/`);
        if (wanted !== room) return;
        loaded.value = { room, profile };
        problem.value = "";
      } catch (error) {
        if (wanted === room) problem.value = language.describeError(error);
      }
    },

    /** The customer is on another page. */
    receive({ room_id, page }: Extract<AgentServerFrame, { type: "page" }>) {
      if (loaded.value?.room !== room_id) return;
      const { profile } = loaded.value;
      const others = profile.pages.filter(
        ({ at, url }, index) => at !== page.at && !(index === 0 && url === page.url),
      );
      const pages = [page, ...others].slice(0, PAGES_KEPT);
      loaded.value = { room: room_id, profile: { ...profile, pages, last_visit_at: page.at } };
    },
  };
}

/** An attribute's value as people read it. */
export const valueText = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);

/** The time of day in a time zone; nothing if there is no such zone. */
export function timeIn(zone: unknown, locale: string, now = new Date()): string {
  if (typeof zone !== "string") return "";
  try {
    return now.toLocaleTimeString(locale, { timeZone: zone, hour: "2-digit", minute: "2-digit" });
  } catch {
    return "";
  }
}

/** A language's name in the console's language; its tag if it has none. */
export function languageName(tag: unknown, locale: string): string {
  if (typeof tag !== "string") return "";
  try {
    return new Intl.DisplayNames(locale, { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
