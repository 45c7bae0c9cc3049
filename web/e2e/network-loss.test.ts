import { expect, it } from "vitest";
import { eventually } from "./browser";
import { World } from "./environment";

// «A minute without a network» is a few ping intervals here: the server pings every half second
// instead of every 25, and all that depends on it follows. Fixed times that do not (a client
// waits 10 s past a missing ping before it lets go) are as they are.
const PINGS = {
  SHOPTALK_SOCKET__PING_INTERVAL_MS: "500",
  SHOPTALK_SOCKET__RECONNECT_WINDOW_MS: "200",
};
const QUEUED = ["while cut 1", "while cut 2", "while cut 3"];

it("a customer’s network is cut without a word: it is said soon, and what was written arrives once", async () => {
  const world = await World.start({ env: PINGS, proxyFor: "customer", badNetwork: true });
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("before");
  await agent.opens("Bea");
  await customer.isConnected();

  world.proxy!.cut();
  for (const text of QUEUED) await customer.says(text);
  await agent.says("meanwhile");
  await eventually(() => customer.status.innerText()).not.toMatch(/Real-time connected/i);
  await customer.sees(...QUEUED);
  await agent.sees("before", "meanwhile");

  await world.proxy!.heal();
  await customer.isConnected();
  await agent.sees("before", ...QUEUED);
  await customer.sees("before", ...QUEUED);
  await customer.sees("before", "meanwhile");
});

it("a cut that lasts until everybody has given the socket up ends the same", async () => {
  const world = await World.start({ env: PINGS, proxyFor: "customer", badNetwork: true });
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("before");
  await agent.opens("Bea");

  world.proxy!.cut();
  const dials = world.proxy!.connections;
  for (const text of QUEUED) await customer.says(text);
  // The client lets go by itself and tries anew, into the dark.
  await eventually(() => world.proxy!.connections).toBeGreaterThan(dials);
  await agent.says("meanwhile");
  // What was stuck in the cable is gone for good.
  world.proxy!.closeAll();
  await world.proxy!.heal();
  await customer.isConnected();
  await agent.sees("before", ...QUEUED);
  await customer.sees("before", ...QUEUED);
  await customer.sees("before", "meanwhile");
});

it("an agent’s network is cut: it is said soon, and what was written arrives once", async () => {
  const world = await World.start({ env: PINGS, proxyFor: "agent", badNetwork: true });
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("before");
  await agent.opens("Bea");

  world.proxy!.cut();
  for (const text of QUEUED) await agent.says(text);
  await customer.says("meanwhile");
  const other = await world.customer();
  await other.open();
  await other.begin({ name: "Cem" });
  await other.says("Hello?");
  await eventually(() => agent.status.innerText()).not.toMatch(/Real-time connected/i);
  await agent.sees(...QUEUED);

  await world.proxy!.heal();
  await agent.isConnected();
  await customer.sees("before", ...QUEUED);
  await agent.sees("before", ...QUEUED);
  await agent.sees("before", "meanwhile");
  await agent.item("Cem").waitFor();
});

it("a customer who begins while the network is cut has one conversation in the end", async () => {
  const world = await World.start({ env: PINGS, proxyFor: "customer", badNetwork: true });
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  world.proxy!.cut();
  const dials = world.proxy!.connections;
  await customer.begin({ name: "Bea" });
  await customer.says("written in the dark");
  // One try is given up and another begins; both requests arrive when the network is back.
  await eventually(() => world.proxy!.connections).toBeGreaterThan(dials + 1);
  await world.proxy!.heal();
  await agent.item("Bea").waitFor();
  await agent.opens("Bea");
  await agent.sees("written in the dark");
  await customer.isConnected();
  await customer.sees("written in the dark");
  await customer.says("and afterwards");
  await agent.sees("written in the dark", "and afterwards");
  expect(await agent.item("Bea").count()).toBe(1);
});

it("a network that the browser itself knows to be gone is said at once", async () => {
  const world = await World.start({ badNetwork: true });
  const person = await world.person();
  const customer = await world.customerOf(person);
  const agent = await world.agent();
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.isConnected();
  await person.setOffline(true);
  await eventually(() => customer.status.innerText()).toMatch(/^Offline.*kept/i);
  await customer.says("Am I there?");
  await person.setOffline(false);
  await customer.isConnected();
  await agent.opens("Bea");
  await agent.sees("Am I there?");
});
