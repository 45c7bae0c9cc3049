import { expect, it } from "vitest";
import { eventually } from "./browser";
import { World } from "./environment";
import { Agent, valuesOf } from "./page-objects";

const QUICK = { SHOPTALK_SOCKET__RECONNECT_WINDOW_MS: "200" };

/** A customer with a conversation, in two tabs of one browser. */
async function twoTabs(world: World) {
  const person = await world.person();
  const first = await world.customerOf(person);
  await first.open();
  await first.begin({ name: "Bea" });
  await first.says("from the first tab");
  await first.sees("from the first tab");
  const second = await world.customerOf(person);
  await second.open();
  await second.sees("from the first tab");
  return { person, first, second };
}

it("two tabs of one customer show the same conversation, each message once", async () => {
  const world = await World.start();
  const agent = await world.agent();
  const { first, second } = await twoTabs(world);
  await agent.opens("Bea");

  await second.says("from the second tab");
  await first.sees("from the first tab", "from the second tab");
  await agent.says("to both");
  const all = ["from the first tab", "from the second tab", "to both"];
  for (const one of [first, second, agent]) await one.sees(...all);
  expect(await agent.list.getByRole("listitem").count(), "one conversation").toBe(1);

  // One looks at it, and it is read in both.
  await eventually(() => first.page.title()).not.toMatch(/^\(/);
  await eventually(() => second.page.title()).not.toMatch(/^\(/);
});

it("what is unsent is seen in both tabs and arrives once", async () => {
  const world = await World.start({ env: QUICK, badNetwork: true });
  const agent = await world.agent();
  const { first, second } = await twoTabs(world);
  await world.server.kill();
  await first.says("unsent in the first");
  await second.sees("unsent in the first");
  await second.says("unsent in the second");
  await first.sees("unsent in the first", "unsent in the second");

  await world.server.start();
  await agent.opens("Bea");
  const all = ["from the first tab", "unsent in the first", "unsent in the second"];
  for (const one of [agent, first, second]) await one.sees(...all);
  await agent.says("all there");
  for (const one of [agent, first, second]) await one.sees(...all, "all there");
});

it("what a closed tab left unsent is sent by the other", async () => {
  const world = await World.start({ env: QUICK, badNetwork: true });
  const agent = await world.agent();
  const { first, second } = await twoTabs(world);
  await world.server.kill();
  await second.says("left behind 1");
  await second.says("left behind 2");
  await second.page.close();
  await world.server.start();
  await agent.opens("Bea");
  await agent.sees("from the first tab", "left behind 1", "left behind 2");
  await first.sees("from the first tab", "left behind 1", "left behind 2");
});

it("two tabs that begin at the same time talk in one conversation", async () => {
  const world = await World.start({ env: QUICK });
  const agent = await world.agent();
  const person = await world.person();
  const [first, second] = [await world.customerOf(person), await world.customerOf(person)];
  // Each asks for a conversation before the other has one, and both have their answer at once.
  let answered = 0;
  let go = () => {};
  const both = new Promise<void>((done) => {
    go = done;
  });
  for (const { page } of [first, second]) {
    await page.route("**/api/chat/rooms/", async (route) => {
      const response = await route.fetch();
      if (route.request().method() === "POST" && ++answered === 2) go();
      await both;
      await route.fulfill({ response });
    });
  }
  await first.open();
  await second.open();
  await Promise.all([first.begin({ name: "Bea" }), second.begin({ name: "Bea" })]);
  await first.says("one");
  await second.says("two");

  await agent.item("Bea").first().waitFor();
  await agent.item("Bea").first().getByRole("button").click();
  for (const one of [agent, first, second]) await one.sees("one", "two");
  expect(await agent.item("Bea").count(), "conversations").toBe(1);
});

it("signing out in one tab signs the other out, and leaves nothing in either", async () => {
  const world = await World.start();
  const { first, second } = await twoTabs(world);
  await first.message.fill("a draft in the first");
  await second.message.fill("a draft in the second");
  const reset = () => first.page.evaluate(() => window.shoptalk?.reset());
  await reset();
  await first.open();
  const name = first.dialog.getByRole("textbox", { name: "Name" });
  await name.waitFor();
  await second.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  for (const { dialog } of [first, second]) {
    expect(await dialog.innerText()).not.toContain("from the first tab");
    // Name, email, phone and message.
    expect(await valuesOf(dialog)).toEqual(["", "", "", ""]);
  }
  expect(await second.page.evaluate(() => Object.keys(localStorage))).toEqual([]);

  // Nor does what was filled in and never sent stay for the next person.
  await name.fill("Bea");
  expect(await valuesOf(first.dialog)).toContain("Bea");
  await reset();
  await first.open();
  expect(await valuesOf(first.dialog)).toEqual(["", "", "", ""]);
});

/** Keys go one by one, and another process of the browser may see the draft last. */
it("a tab that sees only the session gone empties its fields", async () => {
  const world = await World.start();
  const { first, second } = await twoTabs(world);
  await second.message.fill("a draft in the second");
  const keys = () => second.page.evaluate(() => Object.keys(localStorage));
  await eventually(async () => (await keys()).some((key) => key.endsWith(":draft"))).toBe(true);
  await first.page.evaluate(() => {
    for (const key of Object.keys(localStorage)) {
      if (key.endsWith(":session")) localStorage.removeItem(key);
    }
  });
  await second.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  expect(await valuesOf(second.dialog)).toEqual(["", "", "", ""]);
});

it("an agent’s two tabs show the same, and what is unsent arrives once", async () => {
  const world = await World.start({ env: QUICK, badNetwork: true });
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("Hello?");
  await agent.opens("Bea");
  const page = await agent.page.context().newPage();
  await page.goto(new URL("/admin/chat", agent.page.url()).href);
  const other = new Agent(page);
  await other.opens("Bea");
  await other.sees("Hello?");

  await world.server.kill();
  await agent.says("from the first tab");
  await other.sees("from the first tab");
  await other.says("from the second tab");
  await world.server.start();
  const all = ["Hello?", "from the first tab", "from the second tab"];
  for (const one of [customer, agent, other]) await one.sees(...all);
});
