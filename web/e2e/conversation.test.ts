import { expect, it } from "vitest";
import { eventually, typeUntil } from "./browser";
import { Environment } from "./environment";
import { identity } from "./identity";
import { expectMessages, valuesOf } from "./page-objects";

const QUESTION = "Do you ship to Norway?";
const ANSWER = "We do, within a week.";

it("a visitor asks, an agent replies, and both see read marks and typing", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);

  await visitor.open();
  await visitor.begin({ name: "Bea", email: "bea@example.com" });
  await visitor.waitUntilConnected();
  await visitor.send(QUESTION);
  await visitor.expectMessages(QUESTION);

  // The conversation appears without a reload.
  await agent.item("Bea").waitFor();
  await agent.openConversation("Bea");
  await agent.expectMessages(QUESTION);
  await visitor.expectRead(QUESTION);

  // Each sees the other typing.
  await typeUntil(agent.reply, visitor.dialog.getByText("ada is typing…"));
  await typeUntil(visitor.message, agent.page.getByText("Bea is typing…"));
  const draft = await visitor.message.inputValue();

  await agent.send(ANSWER);
  await visitor.expectMessages(QUESTION, ANSWER);
  await agent.expectMessages(QUESTION, ANSWER);
  await agent.expectRead(ANSWER);
  expect(await visitor.message.inputValue(), "the text being written").toBe(draft);
});

it("a conversation can be closed and reopened from both sides", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send(QUESTION);
  await agent.openConversation("Bea");

  await agent.page.getByRole("button", { name: "Close conversation" }).click();
  await visitor.dialog.getByText("Conversation ended").waitFor();
  await agent.page.getByRole("button", { name: "Reopen conversation" }).click();
  await visitor.dialog.getByText("Conversation reopened").waitFor();

  await visitor.dialog.getByRole("button", { name: "End conversation" }).click();
  await agent.page.getByRole("button", { name: "Reopen conversation" }).waitFor();
  await visitor.dialog.getByRole("button", { name: "Start a new conversation" }).waitFor();

  // A message reopens it.
  await visitor.send("One more thing");
  await agent.expectMessages(QUESTION, "One more thing");
  await agent.page.getByRole("button", { name: "Close conversation" }).waitFor();
});

it("a visitor who comes back sees everything, including messages that came meanwhile", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send(QUESTION);
  await agent.openConversation("Bea");
  await visitor.message.fill("half a sent");

  await visitor.page.goto("about:blank");
  await agent.send(ANSWER);
  await agent.expectMessages(QUESTION, ANSWER);
  await visitor.page.goto(env.shop.origin);
  // The title shows the unread message without a click.
  await eventually(() => visitor.page.title()).toMatch(/^\(1\)/);
  await visitor.open();
  await visitor.expectMessages(QUESTION, ANSWER);
  expect(await visitor.message.inputValue()).toBe("half a sent");
  await eventually(() => visitor.page.title()).not.toMatch(/^\(/);
  await agent.expectRead(ANSWER);
});

it("a reload and a link open the agent's conversation again", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send(QUESTION);
  await agent.openConversation("Bea");
  await agent.expectMessages(QUESTION);
  const link = agent.page.url();
  await agent.page.reload();
  await agent.expectMessages(QUESTION);
  const tab = await agent.page.context().newPage();
  await tab.goto(link);
  await expectMessages(tab.getByRole("log"), QUESTION);
  await agent.page.goBack();
  await agent.reply.waitFor({ state: "hidden" });
});

it("an identified visitor finds the same conversation on another device", async () => {
  const secret = "a secret of at least thirty-two bytes";
  const env = await Environment.start({ settings: { SHOPTALK_IDENTITY__SECRETS: secret } });
  const agent = await env.agent();
  const jwt = identity(secret, { sub: "customer-7", name: "Cem", email: "cem@example.com" });
  const identify = (token: string) => window.shoptalk?.identify(token);

  const phone = await env.visitor();
  await phone.page.waitForFunction(() => window.shoptalk);
  await phone.page.evaluate(identify, jwt);
  await phone.open();
  await phone.waitUntilConnected();
  await phone.send(QUESTION);
  await agent.openConversation("Cem");
  await agent.expectMessages(QUESTION);

  const laptop = await env.visitor();
  await laptop.page.waitForFunction(() => window.shoptalk);
  await laptop.page.evaluate(identify, jwt);
  await laptop.open();
  await laptop.expectMessages(QUESTION);
  await agent.send(ANSWER);
  await Promise.all([
    phone.expectMessages(QUESTION, ANSWER),
    laptop.expectMessages(QUESTION, ANSWER),
  ]);

  // Signing out leaves nothing in the browser.
  await laptop.message.fill("a draft");
  await laptop.page.evaluate(() => window.shoptalk?.reset());
  await laptop.dialog.waitFor({ state: "hidden" });
  expect(await laptop.page.evaluate(() => Object.keys(localStorage))).toEqual([]);
  await laptop.open();
  await laptop.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  expect(await laptop.dialog.innerText()).not.toContain(QUESTION);
  expect(await valuesOf(laptop.dialog)).toEqual(["", "", "", ""]);
});
