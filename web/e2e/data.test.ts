import { readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";

async function open(page: Page): Promise<Locator> {
  await page.getByRole("button", { name: "Settings", exact: true }).click();
  await page.getByRole("button", { name: "Open Data" }).click();
  return page.getByRole("dialog", { name: "Data" });
}

/** Whether it is there, and in the part of its dialog that is seen. */
async function isInSight(place: Locator): Promise<boolean> {
  if ((await place.count()) !== 1) return false;
  return place.evaluate((node) => {
    const { top, bottom } = node.getBoundingClientRect();
    const seen = node.closest("dialog")!.getBoundingClientRect();
    return top >= seen.top && bottom <= seen.bottom;
  });
}

/** What is behind the link to the file of a job. */
async function download(page: Page, data: Locator, job: RegExp) {
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    data.getByRole("link", { name: job }).click(),
  ]);
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

it("an admin makes a backup and downloads it", async () => {
  const env = await Environment.start();
  const { page } = await env.agent();
  const data = await open(page);
  await data.getByText("There is no backup yet.").waitFor();
  await data.getByRole("button", { name: "Back up now" }).click();
  // Shown without scrolling to the list at the end.
  const list = data.getByRole("list", { name: "Last 24 hours" });
  await eventually(() => isInSight(list.getByRole("link", { name: /^Download: Backup:/ }))).toBe(
    true,
  );
  const { name, bytes } = await download(page, data, /^Download: Backup:/);
  expect(name).toMatch(/^shoptalk-backup-.*\.db$/);
  expect(bytes.subarray(0, 15).toString()).toBe("SQLite format 3");
  await data.getByText("The last backup was made just now").waitFor();
  await page.keyboard.press("Escape");
  await data.waitFor({ state: "hidden" });
});

it("an admin exports a person, then erases them after a confirmation", async () => {
  const env = await Environment.start();
  const agent = await env.agent();
  const { page } = agent;
  const [bea, cid] = await Promise.all([env.visitor(), env.visitor()]);
  await bea.open();
  await bea.begin({ name: "Bea", email: "bea@example.com" });
  await bea.send("My words");
  await cid.open();
  await cid.begin({ name: "Cid", email: "cid@example.com" });
  await cid.send("I am not bea@example.com");
  await agent.item("Bea").waitFor();
  await agent.item("Cid").waitFor();

  // Before the confirmation every step works by keyboard alone.
  await page.locator("body").press("d");
  const data = page.getByRole("dialog", { name: "Data" });
  await data.getByLabel("Whose conversations").selectOption("email");
  const exported = data.locator("section", { has: page.getByRole("heading", { name: "Export" }) });
  await exported.getByRole("textbox", { name: "Their email" }).fill("BEA@example.com");
  await page.keyboard.press("Enter");
  const file = await download(page, data, /^Download: Export: 1 conversation/);
  expect(file.name).toMatch(/\.jsonl$/);
  expect(file.bytes.toString()).toContain("My words");
  expect(file.bytes.toString()).not.toContain("Cid");

  const erasure = data.locator("section", { has: page.getByRole("heading", { name: "Erase" }) });
  await erasure.getByRole("textbox", { name: "Their email" }).fill("bea@example.com");
  await page.keyboard.press("Enter");
  await erasure.getByText("1 conversation with 1 message would go.").waitFor();
  await erasure.getByText("1 other conversation mentions their email").waitFor();
  expect(await agent.item("Bea").count()).toBe(1);
  const erase = erasure.getByRole("button", { name: "Erase for good" });
  const typed = erasure.getByRole("textbox", { name: /^To erase them, type/ });
  await typed.fill("bea@example.co");
  expect(await erase.isDisabled()).toBe(true);
  await typed.fill("bea@example.com");
  await erase.click();
  const jobs = data.getByRole("list", { name: "Last 24 hours" });
  await jobs.getByText("Erasure: 1 conversation with 1 message erased").waitFor();
  await eventually(() => agent.item("Bea").count()).toBe(0);
  expect(await agent.item("Cid").count()).toBe(1);
  const receipt = await download(page, data, /^Download: Erasure: .* message erased,/);
  expect(JSON.parse(receipt.bytes.toString())).toMatchObject({
    dry_run: false,
    erased: { rooms: 1, messages: 1 },
  });
});

it("agents who are no admins do not see it", async () => {
  const env = await Environment.start();
  await env.server.addAgent("bob", "a long enough password", "agent");
  const profile = await env.profile();
  const page = await profile.tab(`${env.server.origin}/admin/chat`);
  await page.getByRole("textbox", { name: "Username" }).fill("bob");
  await page.getByLabel("Password").fill("a long enough password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Settings", exact: true }).click();
  await page.getByRole("heading", { name: "Appearance" }).waitFor();
  expect(await page.getByRole("button", { name: "Open Data" }).count()).toBe(0);
});
