import { effect } from "@preact/signals";
import { describe, expect, it } from "vitest";
import { makeLanguage } from "./language";
import { firstSupported, localeOf } from "./languages";
import { english, loadTexts } from "./texts";

describe("the language of the browser", () => {
  it.each([
    [["de-AT", "en"], "de", "de-AT"],
    [["nl", "fr-CA"], "fr", "fr-CA"],
    [["AR-eg"], "ar", "AR-eg"],
    [["nl"], "en", "en"],
    [[], "en", "en"],
  ] as const)("%j is shown as %s, with dates and numbers of %s", (preferred, code, locale) => {
    expect(firstSupported(preferred)).toBe(code);
    expect(localeOf(code, preferred)).toBe(locale);
  });
});

it("shows English until another language is there, and updates whoever reads a text", async () => {
  const language = makeLanguage({ preferred: ["de-CH"] });
  const seen: string[] = [];
  const stop = effect(() => {
    seen.push(`${language.code.value} ${language.dir.value} ${language.t("signIn.submit")}`);
  });
  await language.show("auto");
  await language.show("ar");
  stop();
  const arabic = (await loadTexts("ar"))["signIn.submit"];
  expect(seen).toEqual(["en ltr Sign in", "de ltr Anmelden", `ar rtl ${arabic}`]);
});

it("shows the choice made last, whichever texts arrive last", async () => {
  let deliver = (_: typeof english) => {};
  const language = makeLanguage({
    preferred: ["en"],
    load: (code) =>
      code === "de"
        ? new Promise((resolve) => {
            deliver = resolve;
          })
        : loadTexts(code),
  });
  const german = language.show("de");
  await language.show("fr");
  deliver(english);
  await german;
  expect(language.code.value).toBe("fr");
});

it("keeps its language when the texts of another one cannot be loaded", async () => {
  const language = makeLanguage({ preferred: ["en"], load: () => Promise.reject(new Error("no")) });
  await expect(language.show("de")).rejects.toThrow();
  expect([language.code.value, language.t("signIn.submit")]).toEqual(["en", "Sign in"]);
});

it("writes numbers and plurals by the rules of the language", async () => {
  const language = makeLanguage({ preferred: ["de-DE"] });
  const wait = (count: number) => language.t("error.waitMinutes", { minutes: count });
  expect([wait(1), wait(1_234)]).toEqual([
    "Too many attempts. Please try again in 1 minute.",
    "Too many attempts. Please try again in 1,234 minutes.",
  ]);
  await language.show("de");
  expect([wait(1), wait(1_234)]).toEqual([
    "Zu viele Versuche. Bitte versuchen Sie es in 1 Minute erneut.",
    "Zu viele Versuche. Bitte versuchen Sie es in 1.234 Minuten erneut.",
  ]);
  await language.show("ar");
  expect([2, 3, 11].map(wait)).toEqual([
    "محاولات كثيرة جدًا. أعد المحاولة بعد دقيقتين.",
    "محاولات كثيرة جدًا. أعد المحاولة بعد 3 دقائق.",
    "محاولات كثيرة جدًا. أعد المحاولة بعد 11 دقيقة.",
  ]);
});

it("isolates names in a right-to-left text, since they may be left-to-right", async () => {
  const language = makeLanguage({ preferred: ["ar"] });
  expect(language.t("conversation.with", { name: "Ann" })).toBe("Conversation with Ann");
  await language.show("ar");
  expect(language.t("conversation.with", { name: "Ann" })).toContain("\u2068Ann\u2069");
});

it("puts elements in the place of tags and values", () => {
  const { rich } = makeLanguage({ preferred: ["en"] });
  const b = (children: unknown) => ["<b>", children, "</b>"].flat().join("");
  expect(rich("list.longest", { name: "Ann", b })).toBe("Waiting longest: <b>Ann</b>");
});

it("a wrong key or value does not compile", () => {
  expect(refusedByTheCompiler).toBeTypeOf("function");
});

/** Compiled, not run. */
function refusedByTheCompiler() {
  const { t, rich } = makeLanguage({ preferred: [] });
  // @ts-expect-error there is no such text.
  t("signIn.none");
  // @ts-expect-error the value is missing.
  t("conversation.with");
  // @ts-expect-error the value has another name.
  t("conversation.with", { visitor: "Ann" });
  // @ts-expect-error a plural needs a number.
  t("search.found", { count: "1" });
  // @ts-expect-error a number must be written by Intl.
  t("conversation.with", { name: 1 });
  // @ts-expect-error the element for the tag is missing.
  rich("list.longest", { name: "Ann" });
}
