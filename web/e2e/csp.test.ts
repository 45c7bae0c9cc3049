import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";
import { Visitor } from "./page-objects";

/** Everything that a browser can store for a site. */
const storedData = async () => ({
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

it("works on another origin under the strictest policy, without violations", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea", email: "bea@example.com", phone: "+49 30 123" });
  await visitor.send("A link: https://example.com/a");
  await agent.openConversation("Bea");
  await agent.send("An answer, https://example.com/b");
  await visitor.expectMessages("A link: https://example.com/a", "An answer, https://example.com/b");
  await visitor.dialog.getByRole("button", { name: "End conversation" }).click();
  await visitor.dialog.getByRole("button", { name: "Start a new conversation" }).click();
  await visitor.send("Again");
  await visitor.dialog.getByRole("button", { name: "Earlier conversations" }).click();
  await visitor.dialog.getByRole("button", { name: "Back" }).click();
  await visitor.expectMessages("Again");
  expect(env.shop.reports).toEqual([]);
});

it("detects a violation", async () => {
  const env = await Environment.start({ page: { body: "<p style='color: red'>inline</p>" } });
  // Both the browser and the page's script report it.
  const profile = await env.profile({ expectedErrors: /style-src/ });
  await profile.tab(env.shop.origin);
  await eventually(() => env.shop.reports.length).toBe(1);
  await eventually(() => profile.expectedErrorsSeen.join()).toContain("violation of style-src");
});

it("makes one request before the click, and stores and connects nothing", async () => {
  const env = await Environment.start();
  const profile = await env.profile();
  const page = await profile.tab();
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("websocket", (socket) => requests.push(socket.url()));
  await page.goto(env.shop.origin);
  const visitor = new Visitor(page);
  await visitor.button.waitFor();
  await page.waitForLoadState("networkidle");
  expect(requests).toEqual([`${env.shop.origin}/`, `${env.server.origin}/widget.js`]);
  expect(await page.evaluate(storedData)).toEqual(NOTHING);
  expect(await profile.context.cookies()).toEqual([]);
  expect(await page.evaluate(() => document.cookie)).toBe("");

  await visitor.open();
  await visitor.begin();
  await visitor.waitUntilConnected();
  // The test is able to see what was not there before.
  expect(requests.filter((url) => url.startsWith("ws"))).toHaveLength(1);
  expect(await page.evaluate(storedData)).not.toEqual(NOTHING);
  expect(await profile.context.cookies(), "never a cookie").toEqual([]);
});

it("connects without a click for a visitor whose conversation is open, and for no other", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await visitor.expectMessages("Hello?");
  const sockets: string[] = [];
  visitor.page.on("websocket", (socket) => sockets.push(socket.url()));
  await visitor.page.reload();
  await eventually(() => sockets.length).toBe(1);

  await visitor.open();
  await visitor.dialog.getByRole("button", { name: "End conversation" }).click();
  await visitor.dialog.getByRole("button", { name: "Start a new conversation" }).waitFor();
  sockets.length = 0;
  await visitor.page.reload();
  await visitor.button.waitFor();
  await visitor.page.waitForLoadState("networkidle");
  expect(sockets).toEqual([]);
});

it("refuses a page of a foreign origin", async () => {
  const env = await Environment.start();
  const stranger = await env.profile({ expectedErrors: /blocked by CORS|net::ERR_FAILED/ });
  // The same shop under another host name is another origin, which is not allowed.
  const page = await stranger.tab(env.shop.origin.replace("localhost", "127.0.0.1"));
  const visitor = new Visitor(page);
  await visitor.open();
  await visitor.dialog.getByRole("button", { name: "Start chat" }).click();
  await eventually(() => stranger.expectedErrorsSeen.join()).toMatch(/blocked by CORS/);
  expect(await visitor.status.innerText()).not.toMatch(/^Real-time connected/i);
});
