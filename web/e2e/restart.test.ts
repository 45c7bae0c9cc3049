import { expect, it } from "vitest";
import { eventually, typeUntil } from "./browser";
import { Environment } from "./environment";

/** Clients reconnect quickly, so that the test need not wait for the usual spread. */
const FAST_RECONNECT = { SHOPTALK_SOCKET__RECONNECT_WINDOW_MS: "200" };

it("the server is killed while both sides write: messages arrive once and in order, drafts stay", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const [customer, agent] = await Promise.all([env.customer(), env.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.send("before");
  await agent.openConversation("Bea");
  await agent.send("yes?");
  await customer.expectMessages("before", "yes?");
  await Promise.all([
    typeUntil(customer.message, agent.page.getByText("Bea is typing…")),
    typeUntil(agent.reply, customer.dialog.getByText("ada is typing…")),
  ]);

  await env.server.kill();
  await eventually(() => customer.status.innerText()).toMatch(/^Offline.*kept/i);
  await eventually(() => agent.status.innerText()).toMatch(/^Offline.*kept/i);

  const asked = ["customer 1", "customer 2", "customer 3"];
  const answered = ["agent 1", "agent 2", "agent 3"];
  for (const text of asked) await customer.send(text);
  for (const text of answered) await agent.send(text);
  await customer.message.fill("the customer's draft");
  await agent.reply.fill("the agent's draft");
  // Unsent messages are shown in their place.
  await customer.expectMessages(...asked);
  await agent.expectMessages(...answered);

  await env.server.start();
  await customer.waitUntilConnected();
  await agent.waitUntilConnected();
  for (const one of [customer, agent]) {
    await one.expectMessages("before", "yes?", ...asked);
    await one.expectMessages("before", "yes?", ...answered);
  }
  expect(await customer.message.inputValue()).toBe("the customer's draft");
  expect(await agent.reply.inputValue()).toBe("the agent's draft");

  // The server has the same: a page that is loaded again shows it.
  await agent.page.reload();
  await agent.openConversation("Bea");
  await agent.expectMessages("before", "yes?", ...asked);
  await agent.expectMessages("before", "yes?", ...answered);
  expect(await agent.reply.inputValue()).toBe("the agent's draft");
  await customer.page.reload();
  await customer.open();
  await customer.expectMessages("before", "yes?", ...asked);
  expect(await customer.message.inputValue()).toBe("the customer's draft");
});

it("the server is killed while messages are sent: none is lost or duplicated", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const [customer, agent] = await Promise.all([env.customer(), env.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.send("0");
  await agent.openConversation("Bea");
  const texts = Array.from({ length: 12 }, (_, index) => `message ${index}`);
  const restarts = async () => {
    for (let times = 0; times < 3; times++) {
      await env.server.kill();
      await env.server.start();
      await customer.waitUntilConnected();
    }
  };
  const writes = async () => {
    for (const text of texts) {
      await customer.send(text);
      await agent.send(`${text}, answered`);
    }
  };
  await Promise.all([restarts(), writes()]);
  await agent.waitUntilConnected();
  for (const one of [customer, agent]) {
    await one.expectMessages("0", ...texts);
    await one.expectMessages(...texts.map((text) => `${text}, answered`));
  }
  await customer.page.reload();
  await customer.open();
  await customer.expectMessages("0", ...texts);
});

it("messages written while the server is down are sent after a reload", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const customer = await env.customer();
  await customer.open();
  await customer.begin({ name: "Bea" });
  await env.server.kill();
  await customer.send("Is anybody there?");
  await customer.send("I will wait.");
  // A reload without a server keeps them, though the chat cannot be loaded then.
  await customer.page.reload();
  await env.server.start();
  await customer.page.reload();
  await customer.open();
  const agent = await env.agent();
  await agent.openConversation("Bea");
  await agent.expectMessages("Is anybody there?", "I will wait.");
  await customer.expectMessages("Is anybody there?", "I will wait.");
});
