import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment, PASSWORD } from "./environment";

it("an agent's sign-out leaves no dialog, search or error for the next one", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  const agent = await env.agent();
  const { page } = agent;
  await agent.item("Bea").waitFor();
  await agent.search.fill("Bea");
  await agent.waitForResults();
  await page.getByRole("button", { name: "Settings" }).click();
  const settings = page.getByRole("dialog", { name: "Settings" });
  await settings.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("textbox", { name: "Username" }).waitFor();
  await agent.signIn("ada", PASSWORD);
  await agent.item("Bea").waitFor();
  expect(await settings.count()).toBe(0);
  expect(await agent.search.inputValue()).toBe("");
});

it("an error in one visitor's details is not shown at another one's", async () => {
  const env = await Environment.start();
  for (const name of ["Bea", "Cem"]) {
    const visitor = await env.visitor();
    await visitor.open();
    await visitor.begin({ name });
    await visitor.send("Hello?");
    await visitor.expectMessages("Hello?");
  }
  const profile = await env.profile({ expectedErrors: /status of 400/ });
  const agent = await env.agentIn(profile);
  const details = agent.page.getByRole("complementary", { name: "Customer" });
  const name = details.getByRole("textbox", { name: "Customer's name" });
  await agent.openConversation("Bea");
  await name.fill("x".repeat(101));
  await details.getByRole("button", { name: "Save" }).click();
  await eventually(() => name.getAttribute("aria-invalid")).toBe("true");
  await agent.openConversation("Cem");
  await eventually(() => name.inputValue()).toBe("Cem");
  expect(await name.getAttribute("aria-invalid")).toBe("false");
});
