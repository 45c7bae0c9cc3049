import type { ServerResponse } from "node:http";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { audit } from "./audit";
import { eventually } from "./browser";
import { Environment } from "./environment";
import { overflowing, PHONE } from "./overflow";
import { replyWith, ShopServer } from "./shop-server";

const ORDER = {
  title: "Order 1042",
  lines: ["Paid", "<b>Sent</b> on Monday"],
  link: "https://shop.example/orders/1042",
};

async function showDetails(page: Page) {
  const details = page.getByRole("complementary", { name: "Customer" });
  if (!(await details.isVisible())) await page.getByRole("button", { name: "Details" }).click();
  await details.waitFor();
  return details;
}

it("a shop's server that fails has its reason in the details, and the conversation goes on", async () => {
  const shop = await ShopServer.start();
  const env = await Environment.start({ settings: shop.settings });
  const visitor = await env.visitor();
  const agent = await env.agent();
  const { page } = agent;
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Where is my order?");
  shop.reply = (response) => response.writeHead(500).end("oh");
  await agent.openConversation("Bea");
  const cards = (await showDetails(page)).getByRole("region", { name: "In the shop" });
  await cards.getByText("replied with 500 Internal Server Error").waitFor();
  expect(await audit(page, "html")).toEqual([]);
  await agent.send("I will have a look.");
  await visitor.expectMessages("Where is my order?", "I will have a look.");
  await visitor.send("Thank you");
  await agent.expectMessages("Where is my order?", "I will have a look.", "Thank you");

  shop.reply = (response) => replyWith(response, [ORDER]);
  const again = cards.getByRole("button", { name: "Load again" });
  await again.click();
  const link = cards.getByRole("link", { name: "Order 1042" });
  await link.waitFor();
  expect(await link.getAttribute("href")).toBe(ORDER.link);
  expect(await link.getAttribute("target")).toBe("_blank");
  expect(await link.getAttribute("rel")).toContain("noopener noreferrer");
  await cards.getByText("<b>Sent</b> on Monday").waitFor();
  expect(await cards.getByText("500").count()).toBe(0);
  expect(await audit(page, "html")).toEqual([]);
  expect(shop.asked.map(({ name }) => name)).toEqual(["Bea", "Bea"]);

  shop.reply = (response) => replyWith(response, []);
  await showDetails(page);
  await again.click();
  await cards.getByText("The shop has nothing about this customer.").waitFor();
  expect(await visitor.page.getByText("Order 1042").count()).toBe(0);
});

it("cards are those of the conversation that is shown, whichever reply comes first", async () => {
  const shop = await ShopServer.start();
  const env = await Environment.start({ settings: shop.settings });
  const agent = await env.agent();
  for (const name of ["Ann", "Bea"]) {
    const visitor = await env.visitor();
    await visitor.open();
    await visitor.begin({ name });
    await visitor.send(`This is ${name}`);
  }
  const held = new Map<string | null, ServerResponse>();
  shop.reply = (response, name) => held.set(name, response);
  await agent.openConversation("Ann");
  const cards = (await showDetails(agent.page)).getByRole("region", { name: "In the shop" });
  await cards.getByText("Loading from the shop").waitFor();
  await eventually(() => held.has("Ann")).toBe(true);
  const hungUp = new Promise((done) => held.get("Ann")!.once("close", done));
  await agent.openConversation("Bea");
  await hungUp;
  await eventually(() => held.has("Bea")).toBe(true);
  replyWith(held.get("Bea")!, [{ title: "Order of Bea" }]);
  await cards.getByText("Order of Bea").waitFor();
  expect(await cards.getByText("Order of Ann").count()).toBe(0);

  shop.reply = (response, name) => replyWith(response, [{ title: `Order of ${name}` }]);
  await agent.openConversation("Ann");
  await cards.getByText("Order of Ann").waitFor();
  expect(await cards.getByText("Order of Bea").count()).toBe(0);
});

it("cards do not overflow a phone, in either direction", async () => {
  const shop = await ShopServer.start();
  const env = await Environment.start({ settings: shop.settings });
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  const long = { title: "w".repeat(100), lines: ["x".repeat(200), "طلب ١٢٣ Order"] };
  shop.reply = (response) => replyWith(response, Array(10).fill({ ...long, link: ORDER.link }));
  const agent = await env.agentIn(await env.profile(PHONE));
  await agent.openConversation("Bea");
  const { page } = agent;
  const details = await showDetails(page);
  await details.getByText("w".repeat(100)).first().waitFor();
  expect(await overflowing(page)).toEqual([]);
  await page.evaluate(() => document.documentElement.setAttribute("dir", "rtl"));
  expect(await overflowing(page)).toEqual([]);
});
