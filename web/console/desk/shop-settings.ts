import { batch, computed, signal } from "@preact/signals";
import type { SettingsAnswer, WidgetTexts } from "../../shared/protocol";
import { type Call, Refused } from "../api";
import type { Language } from "../language/language";
import { CODES } from "../language/languages";

export const NO_TEXTS: WidgetTexts = { title: "", greeting: "", away_text: "" };

/** What is changed and compared as a whole; two people may change different ones at a time. */
const FIELDS = [
  "shop.name",
  "shop.time_zone",
  "shop.hours",
  "shop.exceptions",
  "shop.closed_until",
  ...CODES.map((code) => `widget.texts.${code}` as const),
  "widget.accent",
  "widget.side",
  "widget.prechat",
  "alerts.escalate_ms",
  "alerts.mail_ms",
  "mail.after_ms",
] as const;
export type FieldPath = (typeof FIELDS)[number];

/** What is on the form: the settings without what the server says about them. */
export type Draft = Pick<SettingsAnswer, "shop" | "widget" | "alerts" | "mail">;

/** What somebody else has saved meanwhile. */
export interface Conflict {
  /** Taken over from them. */
  theirs: FieldPath[];
  /** Changed by both: the form keeps one's own, and saving replaces theirs. */
  both: FieldPath[];
}

/** Times are shown in minutes. */
export const MINUTE_MS = 60_000;

export type ShopSettings = ReturnType<typeof makeShopSettings>;

/**
 * The settings of the shop on a form, for admins. A save sends what was changed here and nothing
 * else. If somebody else has saved meanwhile, their other fields are taken over, what was typed here
 * stays, and nothing is saved until the next try.
 */
export function makeShopSettings({ call, language }: { call: Call; language: Language }) {
  /** As the server has them; the changes are relative to it. */
  const saved = signal<SettingsAnswer | undefined>(undefined);
  const draft = signal<Draft | undefined>(undefined);
  const errors = signal<ReadonlyMap<string, string>>(new Map());
  const problem = signal("");
  const conflict = signal<Conflict | undefined>(undefined);
  const isSaved = signal(false);
  const isBusy = signal(false);
  const changes = computed(() => {
    const [now, before] = [draft.value, saved.value];
    return now && before ? differences(before, now) : [];
  });
  load();

  return {
    saved,
    draft,
    problem,
    conflict,
    isSaved,
    isBusy,
    changes,

    /** Changes fields of a section of the form. */
    change<S extends keyof Draft>(section: S, fields: Partial<Draft[S]>) {
      const now = draft.value;
      if (!now) return;
      isSaved.value = false;
      draft.value = { ...now, [section]: { ...now[section], ...fields } };
    },

    /** The first thing that is wrong with this field or a part of it. */
    errorOf(field: string): string | undefined {
      for (const [path, message] of errors.value) {
        if (path === field || (path.startsWith(field) && /^[.[]/.test(path.slice(field.length)))) {
          return message;
        }
      }
      return undefined;
    },

    /** A field as it is saved and shown, if that is short: not a list. */
    savedText(field: FieldPath): string {
      const value = saved.value && get(saved.value, field);
      if (typeof value === "number") return String(value / MINUTE_MS);
      return typeof value === "object" ? "" : String(value ?? "");
    },

    isFixed: (field: string) => saved.value?.fixed.includes(field) ?? false,

    async save() {
      const [now, before] = [draft.value, saved.value];
      if (!now || !before || isBusy.value) return;
      isBusy.value = true;
      errors.value = new Map();
      problem.value = "";
      try {
        const patch = { version: before.version, ...patchOf(now, changes.value) };
        take(await call<SettingsAnswer>("PATCH", "settings/", patch));
        isSaved.value = true;
      } catch (error) {
        if (error instanceof Refused && error.status === 409) await merge(before, now);
        else refuse(error);
      }
      isBusy.value = false;
    },
  };

  async function load() {
    try {
      take(await call<SettingsAnswer>("GET", "settings/"));
    } catch (error) {
      refuse(error);
    }
  }

  function take(answer: SettingsAnswer) {
    batch(() => {
      saved.value = answer;
      draft.value = draftOf(answer);
      conflict.value = undefined;
    });
  }

  function refuse(error: unknown) {
    const found = error instanceof Refused ? (error.problem.errors ?? []) : [];
    errors.value = new Map(found.map(({ field, message }) => [field, message]));
    problem.value = language.describeError(error);
  }

  /** Somebody else has saved: takes over theirs, and keeps what was typed here. */
  async function merge(before: SettingsAnswer, mine: Draft) {
    try {
      const answer = await call<SettingsAnswer>("GET", "settings/");
      const own = differences(before, mine);
      const others = differences(before, answer);
      const merged = draftOf(answer);
      for (const field of own) set(merged, field, get(mine, field));
      batch(() => {
        saved.value = answer;
        draft.value = merged;
        conflict.value = {
          theirs: others.filter((field) => !own.includes(field)),
          both: others.filter((field) => own.includes(field)),
        };
      });
    } catch (error) {
      refuse(error);
    }
  }
}

const draftOf = ({ shop, widget, alerts, mail }: SettingsAnswer): Draft =>
  structuredClone({ shop, widget, alerts, mail });

function differences(one: Draft, other: Draft): FieldPath[] {
  // A language without texts is one with empty texts.
  const text = (draft: Draft, field: FieldPath) =>
    JSON.stringify(get(draft, field) ?? (field.startsWith("widget.texts.") ? NO_TEXTS : null));
  return FIELDS.filter((field) => text(one, field) !== text(other, field));
}

/** A JSON merge patch of these fields. */
function patchOf(draft: Draft, fields: readonly FieldPath[]): object {
  const patch = {};
  for (const field of fields) set(patch, field, get(draft, field) ?? null);
  return patch;
}

type Tree = { [key: string]: Tree };

const get = (tree: object, path: string): unknown =>
  path.split(".").reduce<Tree | undefined>((part, key) => part?.[key], tree as Tree);

function set(tree: object, path: string, value: unknown) {
  const keys = path.split(".");
  const last = keys.pop() as string;
  let part = tree as Tree;
  for (const key of keys) {
    part[key] ??= {};
    part = part[key];
  }
  part[last] = value as Tree;
}
