import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";
import { Visitor } from "./page-objects";

async function open(page: Page) {
  await page.locator("body").press("h");
  const dialog = page.getByRole("dialog", { name: "Shop settings" });
  await dialog.getByLabel("Name of the shop").waitFor();
  return dialog;
}

/** An admin changes settings of the shop while no console is open. */
async function changeShop(env: Environment, shop: object) {
  const admin = await env.admin();
  const { version } = await admin("GET", "settings/");
  await admin("PATCH", "settings/", { version, shop });
}

it("what an admin sets reaches the next page, and attributes of the tag come first", async () => {
  const env = await Environment.start();
  const { page } = await env.agent();
  const dialog = await open(page);
  await dialog.getByLabel("Name of the shop").fill("Corner Shop");
  await dialog.getByLabel("Side of the page").selectOption("left");
  await dialog.getByLabel("Color").fill("#00aa77");
  const asked = dialog.getByRole("group", { name: "Asked before the chat" });
  await asked.getByLabel("Phone number").selectOption("hidden");
  await asked.getByLabel("Name").selectOption("required");
  await dialog.getByLabel("Title").fill("Questions?");
  await dialog.getByLabel("Greeting").fill("What are you looking for?");
  // The preview has it before it is saved.
  await eventually(() => dialog.locator("figure .launch").innerText()).toBe("Questions?");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Saved.").waitFor();

  const profile = await env.profile();
  const visitor = new Visitor(await profile.tab(env.shop.origin), "Questions?");
  await visitor.open();
  await visitor.dialog.getByText("What are you looking for?").first().waitFor();
  expect(await visitor.dialog.getByRole("textbox", { name: "Phone (optional)" }).count()).toBe(0);
  expect(
    await visitor.dialog
      .getByRole("textbox", { name: "Name" })
      .evaluate((field) => field.matches(":required")),
  ).toBe(true);
  const header = visitor.dialog.locator("header");
  expect(await header.evaluate((node) => getComputedStyle(node).backgroundColor)).toBe(
    "rgb(0, 170, 119)",
  );
  expect((await visitor.dialog.boundingBox())?.x).toBeLessThan(100);

  env.shop.page = { attributes: 'data-title="Ask us" data-side="right"' };
  const other = new Visitor(await profile.tab(env.shop.origin), "Ask us");
  await other.open();
  expect((await other.dialog.boundingBox())?.x).toBeGreaterThan(400);
  await other.dialog.getByText("What are you looking for?").first().waitFor();
});

it("a closed shop says when it is back, in the visitor's own time and language", async () => {
  const env = await Environment.start();
  const agent = await env.agent();
  const dialog = await open(agent.page);
  // At nine on a day of this week, on the clock of this machine: it has the same name after midnight.
  const back = new Date();
  back.setDate(back.getDate() + 3);
  back.setHours(9, 0, 0, 0);
  const dayIn = (locale: string) => back.toLocaleDateString(locale, { weekday: "long" });
  const local = new Date(back.getTime() - back.getTimezoneOffset() * 60_000);
  await dialog.getByLabel("Closed until").fill(local.toISOString().slice(0, 16));
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Saved.").waitFor();
  await agent.page.keyboard.press("Escape");
  await agent.page.getByRole("button", { name: "Sign out", exact: true }).click();

  const london = await env.visitor({ locale: "en-GB" });
  await london.open();
  await london.begin({ name: "Bea" });
  await london.dialog.getByText(`We are back on ${dayIn("en-GB")} at 09:00`).waitFor();
  env.shop.page = { lang: "de" };
  const berlin = await env.visitor({ locale: "de-DE" });
  await berlin.open();
  await berlin.dialog.getByRole("button", { name: "Chat starten" }).click();
  await berlin.dialog.getByText(`Wir sind am ${dayIn("de-DE")} um 09:00 Uhr wieder da`).waitFor();
  // Once the shop is open again, every open page shows it by itself.
  await changeShop(env, { closed_until: null });
  await london.dialog.getByText("Leave a message and we will reply here").waitFor();
  await berlin.dialog.getByText("Schreiben Sie uns, wir antworten hier").waitFor();
  await changeShop(env, { closed_until: back.toISOString() });
  await london.dialog.getByText(`We are back on ${dayIn("en-GB")} at 09:00`).waitFor();
  env.shop.page = { attributes: 'data-away-text="Soon"' };
  const soon = await env.visitor();
  await soon.open();
  await soon.begin({ name: "Cid" });
  await soon.dialog.getByText("Soon").waitFor();
});

it("of two admins who save, the second sees what the first has changed and loses nothing", async () => {
  const env = await Environment.start();
  const [one, two] = await Promise.all([
    env.agent(),
    env.agent({ expectedErrors: /409 .*\/settings\// }),
  ]);
  const [first, second] = await Promise.all([open(one.page), open(two.page)]);
  await second.getByLabel("Name of the shop").fill("Second");
  await second.getByLabel("Greeting").fill("Hello from the second");
  await first.getByLabel("Name of the shop").fill("First");
  await first.getByLabel("Side of the page").selectOption("left");
  await first.getByRole("button", { name: "Save" }).click();
  await first.getByText("Saved.").waitFor();
  await second.getByRole("button", { name: "Save" }).click();
  await second.getByText("Taken over from them: Side of the page").waitFor();
  await second.getByText("Changed by both of you: Name of the shop (First)").waitFor();
  expect(await second.getByLabel("Name of the shop").inputValue()).toBe("Second");
  expect(await second.getByLabel("Side of the page").inputValue()).toBe("left");
  await second.getByRole("button", { name: "Save" }).click();
  await second.getByText("Saved.").waitFor();
  const saved = await two.page.evaluate(() =>
    fetch("/api/admin/settings/").then((response) => response.json()),
  );
  expect(saved.shop.name).toBe("Second");
  expect(saved.widget.side).toBe("left");
  expect(saved.widget.texts.en.greeting).toBe("Hello from the second");
});

it("hours are set by keyboard, and a fixed key says why it cannot be changed", async () => {
  const env = await Environment.start({ settings: { SHOPTALK_MAIL__AFTER_MS: "120000" } });
  const { page } = await env.agent();
  const dialog = await open(page);
  await dialog.getByRole("radio", { name: "Open at these times" }).press("Space");
  const monday = dialog.getByRole("group", { name: /^Hours Monday/ });
  await monday.getByLabel("To").fill("23:00");
  await dialog.getByRole("button", { name: "Remove Tuesday 09:00 17:00" }).press("Enter");
  await dialog.getByRole("button", { name: "Add hours" }).first().press("Enter");
  await dialog.getByRole("button", { name: "Save" }).press("Enter");
  await dialog.getByText("Saved.").waitFor();
  const saved = await page.evaluate(() =>
    fetch("/api/admin/settings/").then((response) => response.json()),
  );
  expect(saved.shop.hours).toEqual([
    { day: "mon", from: "09:00", to: "23:00" },
    ...["wed", "thu", "fri", "sat"].map((day) => ({ day, from: "09:00", to: "17:00" })),
  ]);
  const mail = dialog.getByLabel("Minutes that a customer must be away");
  expect([await mail.isDisabled(), await mail.inputValue()]).toEqual([true, "2"]);
  await dialog.getByText("Set in the server's configuration").waitFor();
});
