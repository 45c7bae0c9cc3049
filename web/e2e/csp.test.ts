import { expect, it } from "vitest";
import { eventually } from "./browser";
import { World } from "./environment";
import { Customer } from "./page-objects";

/** All that a browser can keep for a site. */
const kept = async () => ({
  local: Object.keys(localStorage),
  session: Object.keys(sessionStorage),
  databases: (await indexedDB.databases()).map(({ name }) => name),
  caches: "caches" in window ? await caches.keys() : [],
  workers: (await navigator.serviceWorker?.getRegistrations())?.length ?? 0,
  cookies: document.cookie,
});
const NOTHING = {
  local: [],
  session: [],
  databases: [],
  caches: [],
  workers: 0,
  cookies: "",
};

it("works on another origin under the strictest policy, and breaks no rule of it", async () => {
  const world = await World.start();
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea", email: "bea@example.com", phone: "+49 30 123" });
  await customer.says("A link: https://example.com/a");
  await agent.opens("Bea");
  await agent.says("An answer, https://example.com/b");
  await customer.sees("A link: https://example.com/a", "An answer, https://example.com/b");
  await customer.dialog.getByRole("button", { name: "End conversation" }).click();
  await customer.dialog.getByRole("button", { name: "Start a new conversation" }).click();
  await customer.says("Again");
  await customer.dialog.getByRole("button", { name: "Earlier conversations" }).click();
  await customer.dialog.getByRole("button", { name: "Back" }).click();
  await customer.sees("Again");
  expect(world.shop.reports).toEqual([]);
});

it("would notice if a rule were broken", async () => {
  const world = await World.start({ page: { body: "<p style='color: red'>inline</p>" } });
  // The browser's own words, and the page's.
  const person = await world.person({ complains: /style-src/ });
  await person.tab(world.shop.origin);
  await eventually(() => world.shop.reports.length).toBe(1);
  await eventually(() => person.complaints.join()).toContain("breach of style-src");
});

it("is one request before the click: nothing is stored, nothing connected", async () => {
  const world = await World.start();
  const person = await world.person();
  const page = await person.tab();
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("websocket", (socket) => requests.push(socket.url()));
  await page.goto(world.shop.origin);
  const customer = new Customer(page);
  await customer.button.waitFor();
  await page.waitForLoadState("networkidle");
  expect(requests).toEqual([`${world.shop.origin}/`, `${world.server.origin}/widget.js`]);
  expect(await page.evaluate(kept)).toEqual(NOTHING);
  expect(await person.context.cookies()).toEqual([]);
  expect(await page.evaluate(() => document.cookie)).toBe("");

  await customer.open();
  await customer.begin();
  await customer.isConnected();
  // The test can see what it says is not there before.
  expect(requests.filter((url) => url.startsWith("ws"))).toHaveLength(1);
  expect(await page.evaluate(kept)).not.toEqual(NOTHING);
  expect(await person.context.cookies(), "never a cookie").toEqual([]);
});

it("connects without a click for a visitor whose conversation is open, and for no other", async () => {
  const world = await World.start();
  const customer = await world.customer();
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("Hello?");
  await customer.sees("Hello?");
  const sockets: string[] = [];
  customer.page.on("websocket", (socket) => sockets.push(socket.url()));
  await customer.page.reload();
  await eventually(() => sockets.length).toBe(1);

  await customer.open();
  await customer.dialog.getByRole("button", { name: "End conversation" }).click();
  await customer.dialog.getByRole("button", { name: "Start a new conversation" }).waitFor();
  sockets.length = 0;
  await customer.page.reload();
  await customer.button.waitFor();
  await customer.page.waitForLoadState("networkidle");
  expect(sockets).toEqual([]);
});

it("refuses a page of a foreign origin", async () => {
  const world = await World.start();
  const stranger = await world.person({ complains: /blocked by CORS|net::ERR_FAILED/ });
  // The same shop under another name is another origin, and not among those allowed.
  const page = await stranger.tab(world.shop.origin.replace("localhost", "127.0.0.1"));
  const customer = new Customer(page);
  await customer.open();
  await customer.dialog.getByRole("button", { name: "Start chat" }).click();
  await eventually(() => stranger.complaints.join()).toMatch(/blocked by CORS/);
  expect(await customer.status.innerText()).not.toMatch(/^Real-time connected/i);
});
