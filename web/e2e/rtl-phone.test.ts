import type { Locator } from "playwright-core";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment, PASSWORD } from "./environment";
import { overflowing, PHONE } from "./overflow";
import { Agent } from "./page-objects";

/** Texts that overflow easily: an address, long words, both writing directions. */
const LONG = [
  `https://example.com/${"a-long-path/".repeat(20)}`,
  "ا".repeat(300),
  "w".repeat(300),
  "مرحبا Hello مرحبا 123 Hello",
];

const fillsTheScreen = (dialog: Locator) =>
  eventually(() => dialog.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 844 });

const direction = (place: Locator) => place.evaluate((node) => getComputedStyle(node).direction);

it("the widget in Arabic on a phone is right-to-left, fills the screen and does not overflow", async () => {
  const env = await Environment.start({
    page: { attributes: 'data-locale="ar" data-title="Chat"' },
  });
  const profile = await env.profile(PHONE);
  const { page, button, dialog, log } = await env.visitorIn(profile);
  await button.tap();
  await fillsTheScreen(dialog);
  expect(await direction(dialog)).toBe("rtl");
  expect(await overflowing(page)).toEqual([]);

  // The names are Arabic here, so the fields are known by their places.
  await dialog.getByRole("textbox").first().fill("بيا");
  await dialog.locator("form").getByRole("button").first().tap();
  const message = dialog.getByRole("textbox").last();
  for (const text of LONG) {
    await message.fill(text);
    await message.press("Enter");
    await log.getByText(text, { exact: true }).waitFor();
  }
  await fillsTheScreen(dialog);
  expect(await overflowing(page)).toEqual([]);

  const agent = await env.agent();
  await agent.openConversation("بيا");
  await agent.send("A left-to-right answer");
  const answer = log.getByText("A left-to-right answer");
  await answer.waitFor();
  expect(await direction(answer), "each text goes its own way").toBe("ltr");
  expect(await overflowing(page)).toEqual([]);
  await message.fill(LONG[2]!);
  expect(await overflowing(page)).toEqual([]);
  expect(env.shop.reports).toEqual([]);
});

it("the launcher on a phone does not overflow, on either side of either direction", async () => {
  const env = await Environment.start();
  for (const attributes of ["", 'data-side="left"', 'data-locale="ar"']) {
    env.shop.page = { attributes: `${attributes} data-title="Questions?"`, lang: "ar" };
    const profile = await env.profile(PHONE);
    const page = await profile.tab(env.shop.origin);
    await page.getByRole("button", { name: "Questions?" }).waitFor();
    expect(await overflowing(page), attributes).toEqual([]);
    await profile.context.close();
  }
});

it("the console on a phone shows one view at a time and does not overflow", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: `Bea ${"with a very long name ".repeat(4)}`.trim() });
  for (const text of LONG) await visitor.send(text);
  await visitor.waitUntilConnected();

  const profile = await env.profile(PHONE);
  const agent = new Agent(await profile.tab(`${env.server.origin}/admin/chat`));
  const { page } = agent;
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  expect(await overflowing(page)).toEqual([]);
  await agent.signIn("ada", PASSWORD);
  const row = agent.list.getByRole("listitem").getByRole("button");
  await row.waitFor();
  expect(await overflowing(page)).toEqual([]);

  await row.tap();
  await agent.reply.waitFor();
  await agent.expectMessages(...LONG);
  expect(await row.isVisible()).toBe(false);
  expect(await overflowing(page)).toEqual([]);
  await agent.send(LONG[2]!);
  await agent.reply.fill(LONG[2]!);
  expect(await overflowing(page)).toEqual([]);
  await page.getByRole("button", { name: "Details" }).tap();
  await page.getByRole("complementary", { name: "Customer" }).waitFor();
  expect(await overflowing(page)).toEqual([]);
  await page.getByRole("button", { name: "Hide details" }).tap();
  // The phone's back button.
  await page.goBack();
  await row.waitFor();
  await page.getByRole("button", { name: "Settings" }).tap();
  await page.getByRole("dialog").waitFor();
  expect(await overflowing(page)).toEqual([]);
});
