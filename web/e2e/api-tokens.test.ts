import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";

it("an admin makes a token, sees it once, and ends it", async () => {
  const env = await Environment.start();
  const { page } = await env.agent();
  await page.getByRole("button", { name: "Settings", exact: true }).click();
  await page.getByRole("button", { name: "Open API tokens" }).click();
  const tokens = page.getByRole("dialog", { name: "API tokens" });
  await tokens.getByText("There are no tokens.").waitFor();
  await tokens.getByRole("textbox", { name: "Name of the program" }).fill("Robot");
  await tokens.getByRole("checkbox", { name: "read conversations" }).check();
  await page.keyboard.press("Enter");
  const field = tokens.getByRole("textbox", { name: "The token, shown this once" });
  await field.waitFor();
  const secret = await field.inputValue();
  expect(secret).toMatch(/^stk_/);
  const status = async () => {
    const headers = { authorization: `Bearer ${secret}` };
    return (await fetch(`${env.server.origin}/api/admin/rooms/`, { headers })).status;
  };
  expect(await status()).toBe(200);
  await tokens.getByText("not used yet").waitFor();
  await page.keyboard.press("Escape");
  await tokens.waitFor({ state: "hidden" });

  await page.getByRole("button", { name: "Commands (Ctrl+K)" }).click();
  await page.keyboard.type("api tokens");
  await page.keyboard.press("Enter");
  await tokens.getByRole("listitem").getByText("Robot").waitFor();
  expect(await field.count()).toBe(0);
  await tokens.getByRole("button", { name: "End Robot" }).click();
  await tokens.getByRole("button", { name: "End", exact: true }).click();
  await tokens.getByText("The token Robot has ended.").waitFor();
  await eventually(() => tokens.getByRole("listitem").count()).toBe(0);
  expect(await status()).toBe(401);
});
