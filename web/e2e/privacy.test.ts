import { expect, it } from "vitest";
import { eventually, type Person } from "./browser";
import { World } from "./environment";
import { identity } from "./identity";
import { Customer, valuesOf } from "./page-objects";

const SECRET = "a secret of at least thirty-two bytes";
const SIGNED = { SHOPTALK_IDENTITY__SECRETS: SECRET };
const QUICK = { SHOPTALK_SOCKET__RECONNECT_WINDOW_MS: "200" };
const ANN = identity(SECRET, { sub: "ann", name: "Ann" });
const BOB = identity(SECRET, { sub: "bob", name: "Bob" });

const kept = ({ page }: Customer) => page.evaluate(() => Object.keys(localStorage));
const reset = ({ page }: Customer) => page.evaluate(() => window.shoptalk?.reset());
const identify = ({ page }: Customer, jwt: string) =>
  page.evaluate((jwt) => window.shoptalk?.identify(jwt), jwt);
const textOf = ({ dialog }: Customer) => dialog.innerText();

/**
 * A tab that is told nothing of what other tabs do, as one that was frozen or in the back-forward
 * cache meanwhile.
 */
async function deafTab(world: World, person: Person): Promise<Customer> {
  const page = await person.tab();
  await page.addInitScript(() => {
    addEventListener("storage", (event) => event.stopImmediatePropagation(), true);
    window.BroadcastChannel = class extends EventTarget {
      postMessage() {}
    } as never;
  });
  await page.goto(world.shop.origin);
  const customer = new Customer(page);
  await customer.button.waitFor();
  return customer;
}

/** A customer who talks, in a tab of their browser. */
async function talks(customer: Customer, text = "a private matter") {
  await customer.open();
  await customer.begin({ name: "Ann", email: "ann@example.com", phone: "+49 30 123" });
  await customer.says(text);
  await customer.sees(text);
}

it("a tab that heard nothing of the sign-out shows and writes nothing of the former person", async () => {
  const world = await World.start();
  const person = await world.person();
  const first = await world.customerOf(person);
  await talks(first);
  const frozen = await deafTab(world, person);
  await frozen.open();
  await frozen.sees("a private matter");
  await frozen.message.fill("half a sent");
  await reset(first);
  expect(await kept(first)).toEqual([]);

  // The server ends its socket; that alone must not bring the session back.
  await frozen.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  expect(await textOf(frozen)).not.toContain("a private matter");
  expect(await valuesOf(frozen.dialog)).toEqual(["", "", "", ""]);
  expect(await kept(first)).toEqual([]);
  await frozen.page.reload();
  await frozen.open();
  expect(await valuesOf(frozen.dialog)).toEqual(["", "", "", ""]);
});

it("what is typed in such a tab after the sign-out is the next person’s alone", async () => {
  const world = await World.start({ env: QUICK, badNetwork: true });
  const person = await world.person();
  const first = await world.customerOf(person);
  await talks(first);
  const frozen = await deafTab(world, person);
  await frozen.open();
  await frozen.sees("a private matter");
  // Nothing comes from the server either.
  await world.server.kill();
  await frozen.message.fill("half a sent");
  await reset(first);

  await frozen.message.press("x");
  await frozen.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  expect(await textOf(frozen)).not.toContain("a private matter");
  expect(await valuesOf(frozen.dialog)).toEqual(["", "", "", ""]);
  expect(await kept(first)).toEqual([]);
});

it("a click in another tab does not sign the former person in again", async () => {
  const world = await World.start({ env: SIGNED });
  const agent = await world.agent();
  const person = await world.person();
  const first = await world.customerOf(person);
  await first.button.waitFor();
  await identify(first, ANN);
  await first.open();
  await first.isConnected();
  await first.says("a private matter");
  await agent.opens("Ann");
  await agent.sees("a private matter");
  // One with the chat, one in which nobody has opened it.
  const second = await world.customerOf(person);
  await second.button.waitFor();
  await identify(second, ANN);
  await second.open();
  await second.sees("a private matter");
  const third = await world.customerOf(person);
  await third.button.waitFor();
  await identify(third, ANN);

  await reset(first);
  await second.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  await third.open();
  await third.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  await second.begin({ name: "Bob" });
  // It is one browser: what is begun in one tab goes on in the other.
  for (const one of [second, third]) {
    await one.isConnected();
    expect(await textOf(one)).not.toContain("a private matter");
  }
  await second.says("from the next person");
  await third.sees("from the next person");
  await agent.opens("Bob");
  await agent.sees("from the next person");
  expect(await agent.log.innerText()).not.toContain("a private matter");
});

it("an identity that only a page knew is forgotten in every tab, also where nothing was stored", async () => {
  const world = await World.start({ env: SIGNED });
  const person = await world.person();
  const [first, second] = [await world.customerOf(person), await world.customerOf(person)];
  for (const one of [first, second]) {
    await one.button.waitFor();
    await identify(one, ANN);
    expect(await kept(one), "an identity stores nothing").toEqual([]);
  }
  await reset(first);
  await second.open();
  await second.dialog.getByRole("button", { name: "Start chat" }).waitFor();
});

it("unsent text goes into nobody else’s conversation, though no session was stored", async () => {
  const world = await World.start({
    env: { ...SIGNED, ...QUICK },
    page: { attributes: 'data-prechat="off"' },
    badNetwork: true,
  });
  const agent = await world.agent();
  const person = await world.person();
  // Only the chat's own files arrive: no conversation can begin.
  await person.context.route("**/api/chat/**", (route) => route.abort());
  const customer = await world.customerOf(person);
  await customer.open();
  await customer.says("a private matter");
  await customer.sees("a private matter");
  await customer.message.fill("half a sent");
  await customer.page.close();

  // The next page knows of it by the storage alone.
  const next = await world.customerOf(person);
  await next.button.waitFor();
  await reset(next);
  expect(await kept(next)).toEqual([]);
  await person.context.unroute("**/api/chat/**");
  await next.open();
  await next.says("from the next person");
  await agent.item("Visitor").waitFor();
  await agent.opens("Visitor");
  await agent.sees("from the next person");
  expect(await agent.log.innerText()).not.toContain("a private matter");
  expect(await next.message.inputValue()).toBe("");
});

it("another user finds nothing of the one before, whose unsent text has no session either", async () => {
  const world = await World.start({ env: { ...SIGNED, ...QUICK }, badNetwork: true });
  const agent = await world.agent();
  const person = await world.person();
  const customer = await world.customerOf(person);
  await customer.button.waitFor();
  await customer.page.route("**/api/chat/**", (route) => route.abort());
  await identify(customer, ANN).catch(() => {});
  await customer.open();
  await customer.says("a private matter");
  await customer.message.fill("half a sent");
  await customer.page.unroute("**/api/chat/**");
  await customer.page.close();

  const next = await deafTab(world, person);
  await identify(next, BOB);
  await next.open();
  await next.isConnected();
  await next.says("from Bob");
  await agent.opens("Bob");
  await agent.sees("from Bob");
  expect(await agent.log.innerText()).not.toContain("a private matter");
  expect(await textOf(next)).not.toContain("a private matter");
  expect(await next.message.inputValue()).toBe("");
});

it("the list of earlier conversations goes with whoever had them", async () => {
  const world = await World.start();
  const person = await world.person();
  const first = await world.customerOf(person);
  await talks(first);
  const second = await world.customerOf(person);
  await second.open();
  await second.sees("a private matter");
  const earlier = () => second.dialog.getByRole("button", { name: "Earlier conversations" });
  await earlier().click();
  await second.dialog.getByRole("button", { name: "Back" }).waitFor();
  await eventually(() => second.dialog.locator("button.room").count()).toBe(1);
  await reset(first);
  await second.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  expect(await second.dialog.locator("button.room").count()).toBe(0);
});

it("signing out works when the server cannot be reached", async () => {
  const world = await World.start({ badNetwork: true });
  const person = await world.person();
  const customer = await world.customerOf(person);
  await talks(customer);
  await customer.dialog.getByRole("button", { name: "End conversation" }).click();
  await customer.dialog.getByRole("button", { name: "Start a new conversation" }).waitFor();
  await customer.page.reload();
  await customer.button.waitFor();
  await customer.page.route("**/*", (route) => route.abort());
  await reset(customer);
  expect(await kept(customer)).toEqual([]);
});
