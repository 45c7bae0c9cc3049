import { readdirSync, readFileSync } from "node:fs";
import { IntlMessageFormat } from "intl-messageformat";
import { describe, expect, it } from "vitest";
import { CODES, type LanguageCode } from "./languages";
import { english, loadTexts, type TextKey } from "./texts";
import { isPlain } from "./translate";

/** A part of a parsed text, as far as it is used. */
interface Part {
  type: number;
  value: string;
  options?: Record<string, { value: Part[] }>;
  children?: Part[];
}

/** In the parser's numbers. */
const [LITERAL, TEXT, POUND] = [0, 1, 7];
/** What a translation may leave out: the server's own words, which are in English. */
const OPTIONAL = ["{detail}", "{title}"];

const KEYS = Object.keys(english) as TextKey[];
const ROOT = new URL("..", import.meta.url).pathname;

const parse = (text: string, language: LanguageCode) =>
  new IntlMessageFormat(text, language).getAst() as unknown as Part[];

/** All parts, also those inside of others. */
const partsOf = (parts: Part[]): Part[] =>
  parts.flatMap((part) => [
    part,
    ...Object.values(part.options ?? {}).flatMap(({ value }) => partsOf(value)),
    ...partsOf(part.children ?? []),
  ]);

/** The places for values and the tags: `{name}`, `{count, number}`, `<b>`. */
function placesOf(text: string, language: LanguageCode): string[] {
  const places = partsOf(parse(text, language))
    .filter(({ type }) => type !== LITERAL && type !== POUND)
    .map(({ type, value, children }) => {
      if (children) return `<${value}>`;
      return type === TEXT ? `{${value}}` : `{${value}, number}`;
    });
  return [...new Set(places)].sort();
}

/** The forms that whole numbers take in a language, such as one and other. */
function formsOf(language: LanguageCode): string[] {
  const rules = new Intl.PluralRules(language);
  return [...new Set(Array.from({ length: 200 }, (_, count) => rules.select(count)))];
}

/** Labels that are seen, each with the name of the same button for screen readers and for voice control. */
const NAMES = [
  ["conversation.close", "conversation.closeName"],
  ["conversation.reopen", "conversation.reopenName"],
  ["messages.remove", "messages.removeName"],
  ["agents.reset", "agents.resetOf"],
  ["agents.disable", "agents.disableOf"],
  ["agents.enable", "agents.enableOf"],
  ["replies.edit", "replies.editOf"],
  ["replies.delete", "replies.deleteOf"],
  ["jobs.cancel", "jobs.cancelName"],
  ["jobs.download", "jobs.downloadName"],
] as const;

describe.each(CODES)("the texts in %s", (language) => {
  it("name each button by what is seen on it, so that it can be spoken", async () => {
    const texts = await loadTexts(language);
    for (const [label, name] of NAMES) {
      expect(texts[name].toLowerCase()).toContain(texts[label].toLowerCase());
    }
  });

  it("are complete and need the same values as in English", async () => {
    const texts = await loadTexts(language);
    expect(Object.keys(texts).sort()).toEqual(KEYS.toSorted());
    const differing = KEYS.filter((key) => {
      const [wanted, given] = [english[key], texts[key]].map((text) => placesOf(text, language));
      const kept = wanted!.filter((place) => !OPTIONAL.includes(place) || given!.includes(place));
      return String(kept) !== String(given);
    });
    expect(differing).toEqual([]);
  });

  it("are the same with a format if they have no place", async () => {
    const plain = Object.values(await loadTexts(language)).filter(isPlain);
    expect(plain.length).toBeGreaterThan(100);
    for (const text of plain) expect(new IntlMessageFormat(text, language).format()).toBe(text);
  });

  it("have each form of a plural, and no brace that an apostrophe has made a letter", async () => {
    const texts = await loadTexts(language);
    for (const key of KEYS) {
      for (const { type, value, options } of partsOf(parse(texts[key], language))) {
        if (type === LITERAL) expect(value, key).not.toMatch(/[{}<>]/);
        if (!options) continue;
        const given = Object.keys(options).map((form) => (form === "=0" ? "zero" : form));
        expect(given, key).toEqual(expect.arrayContaining(formsOf(language)));
      }
    }
  });
});

it("the check of the values sees a place that is missing or misspelled", () => {
  expect(placesOf("<b>{name}</b> {count, plural, other {#}}", "en")).toEqual([
    "<b>",
    "{count, number}",
    "{name}",
  ]);
  expect(placesOf("d'{name}", "fr"), "the apostrophe quotes the brace").toEqual([]);
});

it("every text is used", () => {
  const sources = readdirSync(ROOT, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file) && !/\.test\.ts$|texts\//.test(file))
    .map((file) => readFileSync(`${ROOT}${file}`, "utf8"))
    .join("\n");
  // A key in quotes, or the beginning of one in a template.
  const isUsed = (key: string) =>
    sources.includes(`"${key}"`) ||
    [...key.matchAll(/\./g)].some(({ index }) =>
      sources.includes(`\`${key.slice(0, index + 1)}\${`),
    ) ||
    [...key.matchAll(/\./g)].some(({ index }) => sources.includes(`}${key.slice(index)}\``));
  expect(KEYS.filter((key) => !isUsed(key))).toEqual([]);
});
