import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";

// Pings every half second instead of every 25 s, so that a lost connection is noticed soon.
const PINGS = {
  SHOPTALK_SOCKET__PING_INTERVAL_MS: "500",
  SHOPTALK_SOCKET__RECONNECT_WINDOW_MS: "200",
};
const QUEUED = ["while cut 1", "while cut 2", "while cut 3"];

it("a visitor's network stalls: the status shows it, and messages arrive once", async () => {
  const env = await Environment.start({
    settings: PINGS,
    proxyFor: "visitor",
    allowNetworkErrors: true,
  });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("before");
  await agent.openConversation("Bea");
  await visitor.waitUntilConnected();

  env.proxy!.stall();
  for (const text of QUEUED) await visitor.send(text);
  await agent.send("meanwhile");
  await eventually(() => visitor.status.innerText()).not.toMatch(/Real-time connected/i);
  await visitor.expectMessages(...QUEUED);
  await agent.expectMessages("before", "meanwhile");

  await env.proxy!.restore();
  await visitor.waitUntilConnected();
  await agent.expectMessages("before", ...QUEUED);
  await visitor.expectMessages("before", ...QUEUED);
  await visitor.expectMessages("before", "meanwhile");
});

it("a stall that outlasts the sockets loses and duplicates nothing", async () => {
  const env = await Environment.start({
    settings: PINGS,
    proxyFor: "visitor",
    allowNetworkErrors: true,
  });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("before");
  await agent.openConversation("Bea");

  env.proxy!.stall();
  const attempts = env.proxy!.connections;
  for (const text of QUEUED) await visitor.send(text);
  // The client gives up its socket and opens another one, in vain.
  await eventually(() => env.proxy!.connections).toBeGreaterThan(attempts);
  await agent.send("meanwhile");
  // What was held up is lost.
  env.proxy!.closeAll();
  await env.proxy!.restore();
  await visitor.waitUntilConnected();
  await agent.expectMessages("before", ...QUEUED);
  await visitor.expectMessages("before", ...QUEUED);
  await visitor.expectMessages("before", "meanwhile");
});

it("an agent's network stalls: the status shows it, and messages arrive once", async () => {
  const env = await Environment.start({
    settings: PINGS,
    proxyFor: "agent",
    allowNetworkErrors: true,
  });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("before");
  await agent.openConversation("Bea");

  env.proxy!.stall();
  for (const text of QUEUED) await agent.send(text);
  await visitor.send("meanwhile");
  const other = await env.visitor();
  await other.open();
  await other.begin({ name: "Cem" });
  await other.send("Hello?");
  await eventually(() => agent.status.innerText()).not.toMatch(/Real-time connected/i);
  await agent.expectMessages(...QUEUED);

  await env.proxy!.restore();
  await agent.waitUntilConnected();
  await visitor.expectMessages("before", ...QUEUED);
  await agent.expectMessages("before", ...QUEUED);
  await agent.expectMessages("before", "meanwhile");
  await agent.item("Cem").waitFor();
});

it("a visitor who begins while the network stalls gets one conversation", async () => {
  const env = await Environment.start({
    settings: PINGS,
    proxyFor: "visitor",
    allowNetworkErrors: true,
  });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  env.proxy!.stall();
  const attempts = env.proxy!.connections;
  await visitor.begin({ name: "Bea" });
  await visitor.send("written while stalled");
  // One request is given up and another begins; both arrive when the network is back.
  await eventually(() => env.proxy!.connections).toBeGreaterThan(attempts + 1);
  await env.proxy!.restore();
  await agent.item("Bea").waitFor();
  await agent.openConversation("Bea");
  await agent.expectMessages("written while stalled");
  await visitor.waitUntilConnected();
  await visitor.expectMessages("written while stalled");
  await visitor.send("written afterwards");
  await agent.expectMessages("written while stalled", "written afterwards");
  expect(await agent.item("Bea").count()).toBe(1);
});

it("the status shows at once when the browser reports that the network is gone", async () => {
  const env = await Environment.start({ allowNetworkErrors: true });
  const profile = await env.profile();
  const visitor = await env.visitorIn(profile);
  const agent = await env.agent();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.waitUntilConnected();
  await profile.setOffline(true);
  await eventually(() => visitor.status.innerText()).toMatch(/^Offline.*kept/i);
  await visitor.send("Am I there?");
  await profile.setOffline(false);
  await visitor.waitUntilConnected();
  await agent.openConversation("Bea");
  await agent.expectMessages("Am I there?");
});
