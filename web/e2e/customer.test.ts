import { expect, it } from "vitest";
import { Environment } from "./environment";

it("the details have the customer's page and other conversations, which open with a click", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  const agent = await env.agent();
  const { page } = agent;
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("The first question");
  await agent.openConversation("Bea");
  const details = page.getByRole("complementary", { name: "Customer" });
  if (!(await details.isVisible())) await page.getByRole("button", { name: "Details" }).click();
  const about = details.getByRole("region", { name: "About the customer" });
  await about.getByText("First visit").waitFor();
  const { origin, pathname } = new URL(visitor.page.url());
  const link = about.getByRole("list", { name: "Pages" }).getByRole("link");
  await link.first().waitFor();
  expect(await link.first().getAttribute("href")).toBe(origin + pathname);
  expect(await about.getByRole("list", { name: "Other conversations" }).count()).toBe(0);

  await visitor.page.getByRole("button", { name: "End conversation" }).click();
  await visitor.page.getByRole("button", { name: "Start a new conversation" }).click();
  await visitor.send("The second question");
  await agent.list.getByText("The second question").click();
  await agent.expectMessages("The second question");
  const others = about.getByRole("list", { name: "Other conversations" });
  await others.getByRole("button", { name: /Conversation closed/ }).click();
  await agent.expectMessages("The first question");
});
