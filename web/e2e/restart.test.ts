import { expect, it } from "vitest";
import { eventually, typesUntil } from "./browser";
import { World } from "./environment";

/** Clients come back quickly, so that the test need not wait for the usual spread. */
const QUICK = { SHOPTALK_SOCKET__RECONNECT_WINDOW_MS: "200" };

it("the server is killed while both write: everything arrives once, in order, drafts are kept", async () => {
  const world = await World.start({ env: QUICK, badNetwork: true });
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("before");
  await agent.opens("Bea");
  await agent.says("yes?");
  await customer.sees("before", "yes?");
  await Promise.all([
    typesUntil(customer.message, agent.page.getByText("Bea is typing…")),
    typesUntil(agent.reply, customer.dialog.getByText("ada is typing…")),
  ]);

  await world.server.kill();
  await eventually(() => customer.status.innerText()).toMatch(/^Offline.*kept/i);
  await eventually(() => agent.status.innerText()).toMatch(/^Offline.*kept/i);

  const asked = ["customer 1", "customer 2", "customer 3"];
  const answered = ["agent 1", "agent 2", "agent 3"];
  for (const text of asked) await customer.says(text);
  for (const text of answered) await agent.says(text);
  await customer.message.fill("the customer’s draft");
  await agent.reply.fill("the agent’s draft");
  // What waits is shown where it will stand.
  await customer.sees(...asked);
  await agent.sees(...answered);

  await world.server.start();
  await customer.isConnected();
  await agent.isConnected();
  for (const one of [customer, agent]) {
    await one.sees("before", "yes?", ...asked);
    await one.sees("before", "yes?", ...answered);
  }
  expect(await customer.message.inputValue()).toBe("the customer’s draft");
  expect(await agent.reply.inputValue()).toBe("the agent’s draft");

  // The server has it so, too: a page that starts anew shows the same.
  await agent.page.reload();
  await agent.opens("Bea");
  await agent.sees("before", "yes?", ...asked);
  await agent.sees("before", "yes?", ...answered);
  expect(await agent.reply.inputValue()).toBe("the agent’s draft");
  await customer.page.reload();
  await customer.open();
  await customer.sees("before", "yes?", ...asked);
  expect(await customer.message.inputValue()).toBe("the customer’s draft");
});

it("the server is killed as messages leave: none is lost or doubled", async () => {
  const world = await World.start({ env: QUICK, badNetwork: true });
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("0");
  await agent.opens("Bea");
  const texts = Array.from({ length: 12 }, (_, index) => `message ${index}`);
  const restarts = async () => {
    for (let times = 0; times < 3; times++) {
      await world.server.kill();
      await world.server.start();
      await customer.isConnected();
    }
  };
  const writes = async () => {
    for (const text of texts) {
      await customer.says(text);
      await agent.says(`${text}, answered`);
    }
  };
  await Promise.all([restarts(), writes()]);
  await agent.isConnected();
  for (const one of [customer, agent]) {
    await one.sees("0", ...texts);
    await one.sees(...texts.map((text) => `${text}, answered`));
  }
  await customer.page.reload();
  await customer.open();
  await customer.sees("0", ...texts);
});

it("a page that is opened while the server is down keeps what is written, and sends it later", async () => {
  const world = await World.start({ env: QUICK, badNetwork: true });
  const customer = await world.customer();
  await customer.open();
  await customer.begin({ name: "Bea" });
  await world.server.kill();
  await customer.says("Is anybody there?");
  await customer.says("I will wait.");
  // Even a reload without a server keeps it; the shop's page itself cannot show the chat then.
  await customer.page.reload();
  await world.server.start();
  await customer.page.reload();
  await customer.open();
  const agent = await world.agent();
  await agent.opens("Bea");
  await agent.sees("Is anybody there?", "I will wait.");
  await customer.sees("Is anybody there?", "I will wait.");
});
