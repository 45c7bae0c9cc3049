import type { ReadonlySignal } from "@preact/signals";
import type { Colleague } from "../../shared/protocol";
import { makeChoices } from "./choices";

/** `@` that is not inside of a word, and what follows it up to the caret; names may have blanks. */
const MENTION = /(?:^|[^\p{Alphabetic}\p{N}])@([^@\n]{0,100})$/u;

export type Mentions = ReturnType<typeof makeMentions>;

/** The colleagues whom a note may mention: `@` opens the list. */
export function makeMentions(agentId: string, colleagues: ReadonlySignal<readonly Colleague[]>) {
  return makeChoices<Colleague>({
    pattern: MENTION,
    matching: (word) => matching(colleagues.value, word).filter(({ id }) => id !== agentId),
    textOf: ({ display_name }) => `@${display_name} `,
  });
}

/**
 * Colleagues with a name or a part of one that begins with the word; nobody once a name is written
 * out, so that Enter sends.
 */
function matching(colleagues: readonly Colleague[], word: string): Colleague[] {
  const wanted = word.toLowerCase();
  const lowerCase = (colleague: Colleague) => namesOf(colleague).map((name) => name.toLowerCase());
  if (colleagues.some((colleague) => lowerCase(colleague).includes(wanted))) return [];
  return colleagues.filter((colleague) =>
    lowerCase(colleague).some((name) => ` ${name}`.includes(` ${wanted}`)),
  );
}

/** A part of a note. */
export interface NotePart {
  text: string;
  isMention: boolean;
}

/**
 * Splits a text at the agents that it mentions, as the server finds whom to ring: `@` and the display
 * name or user name of one that exists, not inside of a word, in any case.
 */
export function splitMentions(text: string, colleagues: readonly Colleague[]): NotePart[] {
  const names = colleagues.flatMap(namesOf).filter(Boolean);
  if (!names.length || !text.includes("@")) return [{ text, isMention: false }];
  // The longest first: "Ann Lee" is not "Ann".
  const longestFirst = names.sort((a, b) => b.length - a.length).map(escapeForPattern);
  const mention = new RegExp(
    `(?<![\\p{Alphabetic}\\p{N}])(@(?:${longestFirst.join("|")}))(?![\\p{Alphabetic}\\p{N}])`,
    "giu",
  );
  return text
    .split(mention)
    .map((part, index) => ({ text: part, isMention: index % 2 === 1 }))
    .filter((part) => part.text);
}

const namesOf = ({ display_name, username }: Colleague) => [display_name, username];

const escapeForPattern = (name: string) => name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
