import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment, FAST_RECONNECT } from "./environment";
import { Agent, valuesOf } from "./page-objects";

/** A visitor with a conversation, in two tabs of one browser. */
async function twoTabs(env: Environment) {
  const profile = await env.profile();
  const first = await env.visitorIn(profile);
  await first.open();
  await first.begin({ name: "Bea" });
  await first.send("from the first tab");
  await first.expectMessages("from the first tab");
  const second = await env.visitorIn(profile);
  await second.open();
  await second.expectMessages("from the first tab");
  return { profile, first, second };
}

it("two tabs of one visitor show the same conversation, each message once", async () => {
  const env = await Environment.start();
  const agent = await env.agent();
  const { first, second } = await twoTabs(env);
  await agent.openConversation("Bea");

  await second.send("from the second tab");
  await first.expectMessages("from the first tab", "from the second tab");
  await agent.send("to both");
  const all = ["from the first tab", "from the second tab", "to both"];
  for (const one of [first, second, agent]) await one.expectMessages(...all);
  expect(await agent.list.getByRole("listitem").count(), "one conversation").toBe(1);

  // Once it is read in one tab, it is read in both.
  await eventually(() => first.page.title()).not.toMatch(/^\(/);
  await eventually(() => second.page.title()).not.toMatch(/^\(/);
});

it("unsent messages are shown in both tabs and arrive once", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const agent = await env.agent();
  const { first, second } = await twoTabs(env);
  await env.server.kill();
  await first.send("unsent in the first");
  await second.expectMessages("unsent in the first");
  await second.send("unsent in the second");
  await first.expectMessages("unsent in the first", "unsent in the second");

  await env.server.start();
  await agent.openConversation("Bea");
  const all = ["from the first tab", "unsent in the first", "unsent in the second"];
  for (const one of [agent, first, second]) await one.expectMessages(...all);
  await agent.send("all there");
  for (const one of [agent, first, second]) await one.expectMessages(...all, "all there");
});

it("unsent messages of a closed tab are sent by the other tab", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const agent = await env.agent();
  const { first, second } = await twoTabs(env);
  await env.server.kill();
  await second.send("left behind 1");
  await second.send("left behind 2");
  await second.page.close();
  await env.server.start();
  await agent.openConversation("Bea");
  await agent.expectMessages("from the first tab", "left behind 1", "left behind 2");
  await first.expectMessages("from the first tab", "left behind 1", "left behind 2");
});

it("two tabs that begin at the same time share one conversation", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT });
  const agent = await env.agent();
  const profile = await env.profile();
  const [first, second] = [await env.visitorIn(profile), await env.visitorIn(profile)];
  // Each requests a conversation before the other has one, and both get the response at once.
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
  await first.send("one");
  await second.send("two");

  await agent.item("Bea").first().waitFor();
  await agent.item("Bea").first().getByRole("button").click();
  for (const one of [agent, first, second]) await one.expectMessages("one", "two");
  expect(await agent.item("Bea").count(), "conversations").toBe(1);
});

it("signing out in one tab signs the other out, and leaves nothing in either", async () => {
  const env = await Environment.start();
  const { first, second } = await twoTabs(env);
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

  // What was filled in but not sent does not stay either.
  await name.fill("Bea");
  expect(await valuesOf(first.dialog)).toContain("Bea");
  await reset();
  await first.open();
  expect(await valuesOf(first.dialog)).toEqual(["", "", "", ""]);
});

/** Keys are removed one by one, and another process of the browser may see the draft last. */
it("a tab that sees only the stored chat removed empties its fields", async () => {
  const env = await Environment.start();
  const { first, second } = await twoTabs(env);
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

it("an agent's two tabs show the same, and unsent messages arrive once", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await agent.openConversation("Bea");
  const page = await agent.page.context().newPage();
  await page.goto(new URL("/admin/chat", agent.page.url()).href);
  const other = new Agent(page);
  await other.openConversation("Bea");
  await other.expectMessages("Hello?");

  await env.server.kill();
  await agent.send("from the first tab");
  await other.expectMessages("from the first tab");
  await other.send("from the second tab");
  await env.server.start();
  const all = ["Hello?", "from the first tab", "from the second tab"];
  for (const one of [visitor, agent, other]) await one.expectMessages(...all);
});
