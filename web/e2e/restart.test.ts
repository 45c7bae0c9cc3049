import { expect, it } from "vitest";
import { eventually, typeUntil } from "./browser";
import { Environment, FAST_RECONNECT } from "./environment";

it("the server is killed while both sides write: messages arrive once and in order, drafts stay", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("before");
  await agent.openConversation("Bea");
  await agent.send("yes?");
  await visitor.expectMessages("before", "yes?");
  await Promise.all([
    typeUntil(visitor.message, agent.page.getByText("Bea is typing…")),
    typeUntil(agent.reply, visitor.dialog.getByText("ada is typing…")),
  ]);

  await env.server.kill();
  await eventually(() => visitor.status.innerText()).toMatch(/^Offline.*kept/i);
  await eventually(() => agent.status.innerText()).toMatch(/^Offline.*kept/i);

  const asked = ["visitor 1", "visitor 2", "visitor 3"];
  const answered = ["agent 1", "agent 2", "agent 3"];
  for (const text of asked) await visitor.send(text);
  for (const text of answered) await agent.send(text);
  await visitor.message.fill("the visitor's draft");
  await agent.reply.fill("the agent's draft");
  // Unsent messages are shown in their place.
  await visitor.expectMessages(...asked);
  await agent.expectMessages(...answered);

  await env.server.start();
  await visitor.waitUntilConnected();
  await agent.waitUntilConnected();
  for (const one of [visitor, agent]) {
    await one.expectMessages("before", "yes?", ...asked);
    await one.expectMessages("before", "yes?", ...answered);
  }
  expect(await visitor.message.inputValue()).toBe("the visitor's draft");
  expect(await agent.reply.inputValue()).toBe("the agent's draft");

  // The server has the same: a page that is loaded again shows it.
  await agent.page.reload();
  await agent.openConversation("Bea");
  await agent.expectMessages("before", "yes?", ...asked);
  await agent.expectMessages("before", "yes?", ...answered);
  expect(await agent.reply.inputValue()).toBe("the agent's draft");
  await visitor.page.reload();
  await visitor.open();
  await visitor.expectMessages("before", "yes?", ...asked);
  expect(await visitor.message.inputValue()).toBe("the visitor's draft");
});

it("the server is killed while messages are sent: none is lost or duplicated", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("0");
  await agent.openConversation("Bea");
  const texts = Array.from({ length: 12 }, (_, index) => `message ${index}`);
  const restarts = async () => {
    for (let times = 0; times < 3; times++) {
      await env.server.kill();
      await env.server.start();
      await visitor.waitUntilConnected();
    }
  };
  const writes = async () => {
    for (const text of texts) {
      await visitor.send(text);
      await agent.send(`${text}, answered`);
    }
  };
  await Promise.all([restarts(), writes()]);
  await agent.waitUntilConnected();
  for (const one of [visitor, agent]) {
    await one.expectMessages("0", ...texts);
    await one.expectMessages(...texts.map((text) => `${text}, answered`));
  }
  await visitor.page.reload();
  await visitor.open();
  await visitor.expectMessages("0", ...texts);
});

it("messages written while the server is down are sent after a reload", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await env.server.kill();
  await visitor.send("Is anybody there?");
  await visitor.send("I will wait.");
  // A reload without a server keeps them, though the chat cannot be loaded then.
  await visitor.page.reload();
  await env.server.start();
  await visitor.page.reload();
  await visitor.open();
  const agent = await env.agent();
  await agent.openConversation("Bea");
  await agent.expectMessages("Is anybody there?", "I will wait.");
  await visitor.expectMessages("Is anybody there?", "I will wait.");
});
