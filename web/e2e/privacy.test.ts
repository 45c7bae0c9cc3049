import { expect, it } from "vitest";
import { type BrowserProfile, eventually } from "./browser";
import { Environment, FAST_RECONNECT } from "./environment";
import { identity } from "./identity";
import { Visitor, valuesOf } from "./page-objects";

const SECRET = "a secret of at least thirty-two bytes";
const SIGNED = { SHOPTALK_IDENTITY__SECRETS: SECRET };
const ANN = identity(SECRET, { sub: "ann", name: "Ann" });
const BOB = identity(SECRET, { sub: "bob", name: "Bob" });

const storageKeys = ({ page }: Visitor) => page.evaluate(() => Object.keys(localStorage));
const reset = ({ page }: Visitor) => page.evaluate(() => window.shoptalk?.reset());
const identify = ({ page }: Visitor, jwt: string) =>
  page.evaluate((jwt) => window.shoptalk?.identify(jwt), jwt);
const textOf = ({ dialog }: Visitor) => dialog.innerText();

/**
 * A tab that gets no event of other tabs, like one that was frozen or in the back-forward cache
 * meanwhile.
 */
async function frozenTab(env: Environment, profile: BrowserProfile): Promise<Visitor> {
  const page = await profile.tab();
  await page.addInitScript(() => {
    addEventListener("storage", (event) => event.stopImmediatePropagation(), true);
    window.BroadcastChannel = class extends EventTarget {
      postMessage() {}
    } as never;
  });
  await page.goto(env.shop.origin);
  const visitor = new Visitor(page);
  await visitor.button.waitFor();
  return visitor;
}

/** Begins a conversation. */
async function startConversation(visitor: Visitor, text = "a private matter") {
  await visitor.open();
  await visitor.begin({ name: "Ann", email: "ann@example.com", phone: "+49 30 123" });
  await visitor.send(text);
  await visitor.expectMessages(text);
}

it("a tab that got no event of the sign-out shows and stores nothing of the former visitor", async () => {
  const env = await Environment.start();
  const profile = await env.profile();
  const first = await env.visitorIn(profile);
  await startConversation(first);
  const frozen = await frozenTab(env, profile);
  await frozen.open();
  await frozen.expectMessages("a private matter");
  await frozen.message.fill("half a sent");
  await reset(first);
  expect(await storageKeys(first)).toEqual([]);

  // The server closes its socket; that must not store the chat again.
  await frozen.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  expect(await textOf(frozen)).not.toContain("a private matter");
  expect(await valuesOf(frozen.dialog)).toEqual(["", "", "", ""]);
  expect(await storageKeys(first)).toEqual([]);
  await frozen.page.reload();
  await frozen.open();
  expect(await valuesOf(frozen.dialog)).toEqual(["", "", "", ""]);
});

it("typing in such a tab after the sign-out shows nothing of the former visitor", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const profile = await env.profile();
  const first = await env.visitorIn(profile);
  await startConversation(first);
  const frozen = await frozenTab(env, profile);
  await frozen.open();
  await frozen.expectMessages("a private matter");
  // Nothing comes from the server either.
  await env.server.kill();
  await frozen.message.fill("half a sent");
  await reset(first);

  await frozen.message.press("x");
  await frozen.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  expect(await textOf(frozen)).not.toContain("a private matter");
  expect(await valuesOf(frozen.dialog)).toEqual(["", "", "", ""]);
  expect(await storageKeys(first)).toEqual([]);
});

it("a click in another tab does not sign the former visitor in again", async () => {
  const env = await Environment.start({ settings: SIGNED });
  const agent = await env.agent();
  const profile = await env.profile();
  const first = await env.visitorIn(profile);
  await first.button.waitFor();
  await identify(first, ANN);
  await first.open();
  await first.waitUntilConnected();
  await first.send("a private matter");
  await agent.openConversation("Ann");
  await agent.expectMessages("a private matter");
  // One with the chat open, one where it is not opened.
  const second = await env.visitorIn(profile);
  await second.button.waitFor();
  await identify(second, ANN);
  await second.open();
  await second.expectMessages("a private matter");
  const third = await env.visitorIn(profile);
  await third.button.waitFor();
  await identify(third, ANN);

  await reset(first);
  await second.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  await third.open();
  await third.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  await second.begin({ name: "Bob" });
  // It is one browser: both tabs show the new conversation.
  for (const one of [second, third]) {
    await one.waitUntilConnected();
    expect(await textOf(one)).not.toContain("a private matter");
  }
  await second.send("from the next person");
  await third.expectMessages("from the next person");
  await agent.openConversation("Bob");
  await agent.expectMessages("from the next person");
  expect(await agent.log.innerText()).not.toContain("a private matter");
});

it("an identity that is in no storage is forgotten in every tab", async () => {
  const env = await Environment.start({ settings: SIGNED });
  const profile = await env.profile();
  const [first, second] = [await env.visitorIn(profile), await env.visitorIn(profile)];
  for (const one of [first, second]) {
    await one.button.waitFor();
    await identify(one, ANN);
    expect(await storageKeys(one), "an identity stores nothing").toEqual([]);
  }
  await reset(first);
  await second.open();
  await second.dialog.getByRole("button", { name: "Start chat" }).waitFor();
});

it("unsent text does not go into the next visitor's conversation, even without a stored chat", async () => {
  const env = await Environment.start({
    settings: { ...SIGNED, ...FAST_RECONNECT },
    page: { attributes: 'data-prechat="off"' },
    allowNetworkErrors: true,
  });
  const agent = await env.agent();
  const profile = await env.profile();
  // The chat's files load, but no conversation can begin.
  await profile.context.route("**/api/chat/**", (route) => route.abort());
  const visitor = await env.visitorIn(profile);
  await visitor.open();
  await visitor.send("a private matter");
  await visitor.expectMessages("a private matter");
  await visitor.message.fill("half a sent");
  await visitor.page.close();

  // The next page knows it from the storage alone.
  const next = await env.visitorIn(profile);
  await next.button.waitFor();
  await reset(next);
  expect(await storageKeys(next)).toEqual([]);
  await profile.context.unroute("**/api/chat/**");
  await next.open();
  await next.send("from the next person");
  await agent.item("Visitor").waitFor();
  await agent.openConversation("Visitor");
  await agent.expectMessages("from the next person");
  expect(await agent.log.innerText()).not.toContain("a private matter");
  expect(await next.message.inputValue()).toBe("");
});

it("another user gets nothing of the former one, even without a stored chat", async () => {
  const env = await Environment.start({
    settings: { ...SIGNED, ...FAST_RECONNECT },
    allowNetworkErrors: true,
  });
  const agent = await env.agent();
  const profile = await env.profile();
  const visitor = await env.visitorIn(profile);
  await visitor.button.waitFor();
  await visitor.page.route("**/api/chat/**", (route) => route.abort());
  await identify(visitor, ANN).catch(() => {});
  await visitor.open();
  await visitor.send("a private matter");
  await visitor.message.fill("half a sent");
  await visitor.page.unroute("**/api/chat/**");
  await visitor.page.close();

  const next = await frozenTab(env, profile);
  await identify(next, BOB);
  await next.open();
  await next.waitUntilConnected();
  await next.send("from Bob");
  await agent.openConversation("Bob");
  await agent.expectMessages("from Bob");
  expect(await agent.log.innerText()).not.toContain("a private matter");
  expect(await textOf(next)).not.toContain("a private matter");
  expect(await next.message.inputValue()).toBe("");
});

it("signing out in another tab removes the list of earlier conversations", async () => {
  const env = await Environment.start();
  const profile = await env.profile();
  const first = await env.visitorIn(profile);
  await startConversation(first);
  const second = await env.visitorIn(profile);
  await second.open();
  await second.expectMessages("a private matter");
  const earlier = () => second.dialog.getByRole("button", { name: "Earlier conversations" });
  await earlier().click();
  await second.dialog.getByRole("button", { name: "Back" }).waitFor();
  await eventually(() => second.dialog.locator("button.room").count()).toBe(1);
  await reset(first);
  await second.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  expect(await second.dialog.locator("button.room").count()).toBe(0);
});

it("signing out works while the server cannot be reached", async () => {
  const env = await Environment.start({ allowNetworkErrors: true });
  const profile = await env.profile();
  const visitor = await env.visitorIn(profile);
  await startConversation(visitor);
  await visitor.dialog.getByRole("button", { name: "End conversation" }).click();
  await visitor.dialog.getByRole("button", { name: "Start a new conversation" }).waitFor();
  await visitor.page.reload();
  await visitor.button.waitFor();
  await visitor.page.route("**/*", (route) => route.abort());
  await reset(visitor);
  expect(await storageKeys(visitor)).toEqual([]);
});
