import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { shownTexts } from "../testing/shown-texts";

const ROOT = new URL("..", import.meta.url).pathname;

/** The console's sources, without its tests and without the catalogue. */
const sources = readdirSync(ROOT, { recursive: true, encoding: "utf8" })
  .filter((file) => /\.tsx?$/.test(file))
  .filter((file) => !/\.test\.ts$|^testing\/|^language\/(texts\/|languages\.ts$)/.test(file))
  .map((file) => [file, readFileSync(`${ROOT}${file}`, "utf8")] as const);

it("everything that people read is in the catalogue", () => {
  expect(sources.length).toBeGreaterThan(40);
  expect(sources.flatMap(([file, source]) => shownTexts(file, source))).toEqual([]);
});

it.each([
  ["the text of an element", "<p>Hello</p>"],
  ["one of two texts", '<p>{isOpen ? "yes" : t("no")}</p>'],
  ["a text that is there sometimes", '<p>{isOpen && "open"}</p>'],
  ["a text in a template", `<p>{\`\${count} new\`}</p>`],
  ["a name for screen readers", '<button aria-label="close" />'],
  ["a hint of a component", '<Field hint="optional" name="email" />'],
  ["a question", '<Confirm question={"really?"} />'],
  ["a sentence in code", 'showToast("Saved.")'],
  ["a label in a table", 'const labels = { open: "Open" }'],
  ["a template in code", `const age = \`\${minutes} min\``],
  ["a fallback", 'const name = given ?? "Visitor"'],
])("finds %s", (_, source) => {
  expect(shownTexts("sample.tsx", `const isOpen = true;\n${source};`)).toHaveLength(1);
});

it.each([
  ["keys of the catalogue", '<p>{t("list.none", { name: "x" })}</p>'],
  ["classes", '<p class="dim wide" />'],
  ["names of fields", '<Field name="username" autocomplete="off" />'],
  ["comparisons", '<p>{state === "is open" ? a : b}</p>'],
  ["keys of the keyboard", 'event.key === "Escape"'],
  ["selectors", 'document.querySelector("input, textarea")'],
  ["paths of the server", `call("GET", \`rooms/\${id}/messages/\`)`],
  ["reasons for programmers", 'throw new Error("Not here, please")'],
  ["types", 'type Kind = "One of these"'],
  ["what is excepted", '// untranslated: the server reads it.\nseen = "it responds"'],
])("passes %s", (_, source) => {
  expect(shownTexts("sample.tsx", source)).toEqual([]);
});
