import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";

// The server pings every half second instead of every 25 s, so that what depends on pings happens
const PINGS = {
  SHOPTALK_SOCKET__PING_INTERVAL_MS: "500",
  SHOPTALK_SOCKET__RECONNECT_WINDOW_MS: "200",
};
const QUEUED = ["while cut 1", "while cut 2", "while cut 3"];

it("a customer's network stalls: the status shows it, and messages arrive once", async () => {
  const env = await Environment.start({
    settings: PINGS,
    proxyFor: "customer",
    allowNetworkErrors: true,
  });
  const [customer, agent] = await Promise.all([env.customer(), env.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.send("before");
  await agent.openConversation("Bea");
  await customer.waitUntilConnected();

  env.proxy!.stall();
  for (const text of QUEUED) await customer.send(text);
  await agent.send("meanwhile");
  await eventually(() => customer.status.innerText()).not.toMatch(/Real-time connected/i);
  await customer.expectMessages(...QUEUED);
  await agent.expectMessages("before", "meanwhile");

  await env.proxy!.restore();
  await customer.waitUntilConnected();
  await agent.expectMessages("before", ...QUEUED);
  await customer.expectMessages("before", ...QUEUED);
  await customer.expectMessages("before", "meanwhile");
});

it("a stall that outlasts the sockets loses and duplicates nothing", async () => {
  const env = await Environment.start({
    settings: PINGS,
    proxyFor: "customer",
    allowNetworkErrors: true,
  });
  const [customer, agent] = await Promise.all([env.customer(), env.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.send("before");
  await agent.openConversation("Bea");

  env.proxy!.stall();
  const attempts = env.proxy!.connections;
  for (const text of QUEUED) await customer.send(text);
  // The client gives up its socket and opens another one, in vain.
  await eventually(() => env.proxy!.connections).toBeGreaterThan(attempts);
  await agent.send("meanwhile");
  // What was held up is lost.
  env.proxy!.closeAll();
  await env.proxy!.restore();
  await customer.waitUntilConnected();
  await agent.expectMessages("before", ...QUEUED);
  await customer.expectMessages("before", ...QUEUED);
  await customer.expectMessages("before", "meanwhile");
});

it("an agent's network stalls: the status shows it, and messages arrive once", async () => {
  const env = await Environment.start({
    settings: PINGS,
    proxyFor: "agent",
    allowNetworkErrors: true,
  });
  const [customer, agent] = await Promise.all([env.customer(), env.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.send("before");
  await agent.openConversation("Bea");

  env.proxy!.stall();
  for (const text of QUEUED) await agent.send(text);
  await customer.send("meanwhile");
  const other = await env.customer();
  await other.open();
  await other.begin({ name: "Cem" });
  await other.send("Hello?");
  await eventually(() => agent.status.innerText()).not.toMatch(/Real-time connected/i);
  await agent.expectMessages(...QUEUED);

  await env.proxy!.restore();
  await agent.waitUntilConnected();
  await customer.expectMessages("before", ...QUEUED);
  await agent.expectMessages("before", ...QUEUED);
  await agent.expectMessages("before", "meanwhile");
  await agent.item("Cem").waitFor();
});

it("a customer who begins while the network stalls gets one conversation", async () => {
  const env = await Environment.start({
    settings: PINGS,
    proxyFor: "customer",
    allowNetworkErrors: true,
  });
  const [customer, agent] = await Promise.all([env.customer(), env.agent()]);
  await customer.open();
  env.proxy!.stall();
  const attempts = env.proxy!.connections;
  await customer.begin({ name: "Bea" });
  await customer.send("written while stalled");
  // One request is given up and another begins; both arrive when the network is back.
  await eventually(() => env.proxy!.connections).toBeGreaterThan(attempts + 1);
  await env.proxy!.restore();
  await agent.item("Bea").waitFor();
  await agent.openConversation("Bea");
  await agent.expectMessages("written while stalled");
  await customer.waitUntilConnected();
  await customer.expectMessages("written while stalled");
  await customer.send("written afterwards");
  await agent.expectMessages("written while stalled", "written afterwards");
  expect(await agent.item("Bea").count()).toBe(1);
});

it("the status shows at once when the browser reports that the network is gone", async () => {
  const env = await Environment.start({ allowNetworkErrors: true });
  const profile = await env.profile();
  const customer = await env.customerIn(profile);
  const agent = await env.agent();
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.waitUntilConnected();
  await profile.setOffline(true);
  await eventually(() => customer.status.innerText()).toMatch(/^Offline.*kept/i);
  await customer.send("Am I there?");
  await profile.setOffline(false);
  await customer.waitUntilConnected();
  await agent.openConversation("Bea");
  await agent.expectMessages("Am I there?");
});
