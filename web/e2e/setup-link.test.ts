import { expect, it } from "vitest";
import { BrowserProfile } from "./browser";
import { PASSWORD } from "./environment";
import { Agent } from "./page-objects";
import { Server } from "./server";

/** What the browser says of a page that looks at its link. */
const LOOKED_AT = /status of 4(00|10) .*\/api\/admin\/setup\/$/;

it("a setup link that was used says so at once, and one that was looked at still works", async () => {
  const server = await Server.start();
  const link = await server.setupLink();
  const profile = await BrowserProfile.create({ expectedErrors: LOOKED_AT });
  const looked = await profile.tab(link);
  await looked.getByRole("button", { name: "Create account" }).waitFor();

  const page = await profile.tab(link);
  await page.getByRole("textbox", { name: "Username" }).fill("ada");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Repeat to confirm").fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await new Agent(page).waitUntilConnected();

  const other = await BrowserProfile.create({ expectedErrors: LOOKED_AT });
  const used = await other.tab(link);
  await used.getByText("This link has been used or has expired.").waitFor();
  expect(await used.getByRole("textbox").count()).toBe(0);
  await used.getByRole("link", { name: "Sign in" }).click();
  await new Agent(used).signIn("ada", PASSWORD);
});
