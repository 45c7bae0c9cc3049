import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { audit } from "./audit";
import { eventually, type ProfileOptions } from "./browser";
import { Environment, PASSWORD } from "./environment";
import { overflowing, PHONE } from "./overflow";
import { Agent } from "./page-objects";

/** A shop with one conversation: asked, answered, closed, rated. */
async function shop(options: ProfileOptions = {}) {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent(options)]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Where is my parcel?");
  await agent.openConversation("Bea");
  await agent.send("On its way");
  await visitor.expectMessages("Where is my parcel?", "On its way");
  await visitor.dialog.getByRole("button", { name: "End conversation" }).click();
  await visitor.dialog.getByRole("button", { name: "5 of 5" }).click();
  await visitor.dialog.getByText("Thank you for your rating").waitFor();
  return { env, agent };
}

it("an admin reads a report, groups it by agent, and downloads it as a table", async () => {
  const { agent } = await shop({ expectedErrors: /400 .*\/reports\// });
  const { page } = agent;
  // Not in the field to write in, where it is a letter.
  await agent.log.press("p");
  const reports = page.getByRole("dialog", { name: "Reports" });
  const table = reports.getByRole("table");
  await table.waitFor();
  // 30 days, the head and the total.
  await eventually(() => table.getByRole("row").count()).toBe(32);
  await reports.getByRole("img", { name: "Conversations" }).waitFor();

  // By keyboard alone: the rows are chosen, the form is sent.
  const rows = reports.getByLabel("Rows");
  await rows.focus();
  await rows.selectOption("agent");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const ada = table.getByRole("row", { name: /^ada/ });
  await ada.waitFor();
  await eventually(() => ada.innerText()).toMatch(/5\.0 \(1\)/);
  await reports.getByLabel("Count open hours only").check();
  await ada.waitFor();
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    reports.getByRole("link", { name: "Download as CSV" }).click(),
  ]);
  expect(file.suggestedFilename()).toMatch(/^report-.*\.csv$/);
  const lines = readFileSync(await file.path(), "utf8").split("\r\n");
  expect(lines[0]).toContain("first_answer_median_ms");
  expect(lines[1]).toContain(",ada,1,0,0,1,");

  await reports.getByLabel("To", { exact: true }).fill("2001-01-01");
  await page.keyboard.press("Enter");
  await reports.getByRole("alert").filter({ hasText: /./ }).waitFor();
});

it("reports in Arabic on a phone, dark, are mirrored and do not overflow", async () => {
  const { env } = await shop();
  const profile = await env.profile({ ...PHONE, locale: "ar", colorScheme: "dark" });
  const page = await profile.tab(`${env.server.origin}/admin/chat`);
  const agent = new Agent(page);
  await page.getByRole("textbox").first().fill("ada");
  await page.locator("input[type=password]").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await agent.log.or(page.locator(".desk")).first().waitFor();
  await page.locator("body").press("p");
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("table").waitFor();
  expect(await dialog.evaluate((node) => getComputedStyle(node).direction)).toBe("rtl");
  expect(await overflowing(page)).toEqual([]);
  expect(await audit(page, "html")).toEqual([]);
});
