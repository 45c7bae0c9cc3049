import { expect, it } from "vitest";
import { eventually, typesUntil } from "./browser";
import { World } from "./environment";
import { identity } from "./identity";
import { sees, valuesOf } from "./page-objects";

const QUESTION = "Do you ship to Norway?";
const ANSWER = "We do, within a week.";

it("a customer asks, an agent answers, and both see what the other does", async () => {
  const world = await World.start();
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);

  await customer.open();
  await customer.begin({ name: "Bea", email: "bea@example.com" });
  await customer.isConnected();
  await customer.says(QUESTION);
  await customer.sees(QUESTION);

  // The agent finds the conversation without a reload.
  await agent.item("Bea").waitFor();
  await agent.opens("Bea");
  await agent.sees(QUESTION);
  await customer.hasBeenRead(QUESTION);

  // Each sees the other typing.
  await typesUntil(agent.reply, customer.dialog.getByText("ada is typing…"));
  await typesUntil(customer.message, agent.page.getByText("Bea is typing…"));
  const draft = await customer.message.inputValue();

  await agent.says(ANSWER);
  await customer.sees(QUESTION, ANSWER);
  await agent.sees(QUESTION, ANSWER);
  await agent.hasBeenRead(ANSWER);
  expect(await customer.message.inputValue(), "what was being written").toBe(draft);
});

it("a conversation can be ended and taken up again, from both sides", async () => {
  const world = await World.start();
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says(QUESTION);
  await agent.opens("Bea");

  await agent.page.getByRole("button", { name: "Close conversation" }).click();
  await customer.dialog.getByText("Conversation ended").waitFor();
  await agent.page.getByRole("button", { name: "Reopen conversation" }).click();
  await customer.dialog.getByText("Conversation reopened").waitFor();

  await customer.dialog.getByRole("button", { name: "End conversation" }).click();
  await agent.page.getByRole("button", { name: "Reopen conversation" }).waitFor();
  await customer.dialog.getByRole("button", { name: "Start a new conversation" }).waitFor();

  // Whoever writes on goes on.
  await customer.says("One more thing");
  await agent.sees(QUESTION, "One more thing");
  await agent.page.getByRole("button", { name: "Close conversation" }).waitFor();
});

it("a customer comes back after a reload and finds everything, also what came meanwhile", async () => {
  const world = await World.start();
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says(QUESTION);
  await agent.opens("Bea");
  await customer.message.fill("half a sent");

  await customer.page.goto("about:blank");
  await agent.says(ANSWER);
  await agent.sees(QUESTION, ANSWER);
  await customer.page.goto(world.shop.origin);
  // Without a click the title says that an answer waits.
  await eventually(() => customer.page.title()).toMatch(/^\(1\)/);
  await customer.open();
  await customer.sees(QUESTION, ANSWER);
  expect(await customer.message.inputValue()).toBe("half a sent");
  await eventually(() => customer.page.title()).not.toMatch(/^\(/);
  await agent.hasBeenRead(ANSWER);
});

it("an agent’s reload and a link lead back to the open conversation", async () => {
  const world = await World.start();
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says(QUESTION);
  await agent.opens("Bea");
  await agent.sees(QUESTION);
  const link = agent.page.url();
  await agent.page.reload();
  await agent.sees(QUESTION);
  const tab = await agent.page.context().newPage();
  await tab.goto(link);
  await sees(tab.getByRole("log"), QUESTION);
  await agent.page.goBack();
  await agent.reply.waitFor({ state: "hidden" });
});

it("an identified customer finds the same conversation on another device", async () => {
  const secret = "a secret of at least thirty-two bytes";
  const world = await World.start({ env: { SHOPTALK_IDENTITY__SECRETS: secret } });
  const agent = await world.agent();
  const jwt = identity(secret, { sub: "customer-7", name: "Cem", email: "cem@example.com" });
  const identify = (token: string) => window.shoptalk?.identify(token);

  const phone = await world.customer();
  await phone.page.waitForFunction(() => window.shoptalk);
  await phone.page.evaluate(identify, jwt);
  await phone.open();
  await phone.isConnected();
  await phone.says(QUESTION);
  await agent.opens("Cem");
  await agent.sees(QUESTION);

  const laptop = await world.customer();
  await laptop.page.waitForFunction(() => window.shoptalk);
  await laptop.page.evaluate(identify, jwt);
  await laptop.open();
  await laptop.sees(QUESTION);
  await agent.says(ANSWER);
  await Promise.all([phone.sees(QUESTION, ANSWER), laptop.sees(QUESTION, ANSWER)]);

  // Signing out on a shared computer leaves nothing behind.
  await laptop.message.fill("a draft");
  await laptop.page.evaluate(() => window.shoptalk?.reset());
  await laptop.dialog.waitFor({ state: "hidden" });
  expect(await laptop.page.evaluate(() => Object.keys(localStorage))).toEqual([]);
  await laptop.open();
  await laptop.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  expect(await laptop.dialog.innerText()).not.toContain(QUESTION);
  expect(await valuesOf(laptop.dialog)).toEqual(["", "", "", ""]);
});
