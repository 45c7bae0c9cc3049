/** The console in other languages than English, and the choice of one. */
import type { Locator, Page } from "playwright-core";
import { expect, it } from "vitest";
import { audit } from "./audit";
import { eventually } from "./browser";
import { Environment, PASSWORD } from "./environment";
import { overflowing, PHONE } from "./overflow";

const root = (page: Page) =>
  page.evaluate(() => {
    const { lang, dir } = document.documentElement;
    return [lang, dir];
  });

/** The fields are known by their autofill here: their names depend on the language. */
async function signIn(page: Page) {
  await page.locator("[autocomplete=username]").fill("ada");
  await page.locator("[autocomplete=current-password]").fill(PASSWORD);
  await page.locator("button[type=submit]").click();
  await page.locator("[data-state=connected]").waitFor();
}

/** A customer called Bea, with a question. */
async function askQuestion(env: Environment) {
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea", email: "bea@example.com" });
  await visitor.send("A question, see https://example.com/");
  await visitor.waitUntilConnected();
  return visitor;
}

/** The edges of an element, as distances from the left of the screen. */
const edges = async (place: Locator) => {
  const { x, width } = (await place.boundingBox())!;
  return { left: x, right: x + width };
};

it("the console of a German browser is in German, from the sign-in to the alerts", async () => {
  const env = await Environment.start();
  await askQuestion(env);
  const profile = await env.profile({ locale: "de-DE", expectedErrors: /401 .*\/login\// });
  const page = await profile.tab(`${env.server.origin}/admin/chat`);
  await page.getByRole("heading", { name: "Bei Shoptalk anmelden" }).waitFor();
  expect(await root(page)).toEqual(["de", "ltr"]);
  await page.getByRole("textbox", { name: "Benutzername" }).fill("ada");
  await page.getByLabel("Passwort").fill("wrong");
  await page.getByRole("button", { name: "Anmelden" }).click();
  await page.getByText("Benutzername oder Passwort ist falsch.").waitFor();
  await page.getByLabel("Passwort").fill(PASSWORD);
  await page.getByRole("button", { name: "Anmelden" }).click();
  await page.getByText("In Echtzeit verbunden").waitFor();

  const item = page.getByRole("list", { name: "Unterhaltungen" }).getByRole("listitem", {
    name: "Bea",
  });
  await item.getByRole("button").click();
  await page.getByRole("textbox", { name: "Antwort" }).fill("Ja.");
  await page.getByRole("button", { name: "Senden", exact: true }).click();
  // The customer is there, and may have read it by now.
  await page
    .getByRole("log")
    .getByText(/^(Gesendet|Gelesen)$/)
    .waitFor();
  expect(await audit(page, "html")).toEqual([]);
  await page.getByRole("button", { name: "Unterhaltung beenden" }).click();
  await page.getByRole("button", { name: "Unterhaltung wieder öffnen" }).waitFor();
  await page.getByText("ada hat die Unterhaltung beendet").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.getByRole("searchbox", { name: "Suche" }).fill("nichts davon");
  await page.getByText("Nichts gefunden.").waitFor();
  for (const [button, title] of [
    ["Befehle (Strg+K)", "Befehle"],
    ["Mitarbeiter", "Mitarbeiter"],
    ["Tastenkürzel", "Tastenkürzel"],
    ["Einstellungen", "Einstellungen"],
  ] as const) {
    await page.getByRole("button", { name: button, exact: true }).click();
    const dialog = page.getByRole("dialog", { name: title });
    await dialog.waitFor();
    expect(await audit(page, "html"), title).toEqual([]);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  }
});

it("the console in Arabic is mirrored, and no view has a serious problem", async () => {
  const env = await Environment.start();
  await askQuestion(env);
  const profile = await env.profile({ locale: "ar-EG" });
  const page = await profile.tab(`${env.server.origin}/admin/chat`);
  await page.getByRole("heading", { name: "تسجيل الدخول إلى Shoptalk" }).waitFor();
  expect(await root(page)).toEqual(["ar", "rtl"]);
  const views: Record<string, string[]> = {};
  const check = async (view: string) => {
    views[view] = await audit(page, "html");
  };
  await check("the sign-in");
  await signIn(page);
  const list = page.getByRole("navigation");
  await list.getByRole("listitem", { name: "Bea" }).getByRole("button").click();
  const log = page.getByRole("log");
  await page.locator("#reply").fill("An answer");
  await page.locator("#reply").press("Enter");
  const [question, answer] = [log.getByText("A question"), log.getByText("An answer")];
  await answer.waitFor();
  await check("a conversation");
  await page.setViewportSize({ width: 1280, height: 800 });
  expect((await edges(list)).right, "the list is at the right").toBe(1280);
  const [asked, answered] = [await edges(question), await edges(answer)];
  expect(asked.right, "the customer is at the right").toBeGreaterThan(answered.right);
  expect(answered.left, "the agent is at the left").toBeLessThan(asked.left);

  for (const [key, title] of [
    ["s", "الإعدادات"],
    ["a", "الموظفون"],
    ["d", "البيانات"],
    ["?", "اختصارات لوحة المفاتيح"],
  ] as const) {
    await page.locator("#reply").press("Escape");
    await page.keyboard.press(key);
    const dialog = page.getByRole("dialog", { name: title });
    await dialog.waitFor();
    await check(title);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await page.locator("#reply").focus();
  }
  const found = Object.entries(views).filter(([, problems]) => problems.length);
  expect(found).toEqual([]);
});

it("a language is chosen at the sign-in or in the settings, and survives a reload", async () => {
  const env = await Environment.start();
  const page = await (await env.profile()).tab(`${env.server.origin}/admin/chat`);
  await page.getByLabel("Language").selectOption({ label: "Français" });
  await page.getByRole("heading", { name: "Se connecter à Shoptalk" }).waitFor();
  expect(await root(page)).toEqual(["fr", "ltr"]);
  await page.reload();
  await page.getByRole("button", { name: "Se connecter" }).waitFor();
  await signIn(page);
  await page.getByText("Connecté en temps réel").waitFor();

  await page.getByRole("button", { name: "Paramètres" }).click();
  await page.getByLabel("Langue").selectOption({ label: "العربية" });
  await page.getByRole("dialog", { name: "الإعدادات" }).waitFor();
  expect(await root(page)).toEqual(["ar", "rtl"]);
  await page.reload();
  await page.getByText("متصل مباشرة").waitFor();
  expect(await root(page)).toEqual(["ar", "rtl"]);
  await page.getByRole("button", { name: "الإعدادات" }).click();
  await page.getByLabel("اللغة").selectOption("auto");
  await page.getByText("Real-time connected").waitFor();
  expect(await root(page)).toEqual(["en", "ltr"]);
});

it("a language that cannot be loaded leaves the page as it is, and says so", async () => {
  const env = await Environment.start();
  const profile = await env.profile({ expectedErrors: /de-.*\.js/ });
  const page = await profile.tab(`${env.server.origin}/admin/chat`);
  await page.getByLabel("Language").waitFor();
  await page.route(/\/de-\w+\.js$/, (route) => route.abort());
  await page.getByLabel("Language").selectOption({ label: "Deutsch" });
  await page.getByText("The server cannot be reached.").waitFor();
  expect(await page.getByLabel("Language").inputValue()).toBe("auto");
  expect(await root(page)).toEqual(["en", "ltr"]);
});

it.each(["ar", "de", "es", "fr"])("nothing overflows on a phone in %s", async (locale) => {
  const env = await Environment.start();
  await askQuestion(env);
  const profile = await env.profile({ ...PHONE, locale });
  const page = await profile.tab(`${env.server.origin}/admin/chat`);
  await page.locator("button[type=submit]").waitFor();
  expect(await overflowing(page)).toEqual([]);
  await signIn(page);
  const row = page.getByRole("listitem", { name: "Bea" }).getByRole("button");
  await row.waitFor();
  expect(await overflowing(page)).toEqual([]);
  await row.tap();
  await page.locator("#reply").waitFor();
  expect(await overflowing(page)).toEqual([]);
  // Before that, there is nothing in this page to go back to.
  await page.waitForURL(/#room=/);
  await page.goBack();
  await row.waitFor();
  // The tools of the bar that a phone has: agents, settings.
  const tools = await page.locator(".bar button.plain:not(.extra):visible").all();
  expect(tools.length).toBeGreaterThan(0);
  for (const tool of tools) {
    await tool.tap();
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    await eventually(() => overflowing(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  }
});
