import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment, FAST_RECONNECT, PASSWORD } from "./environment";
import { Agent } from "./page-objects";

/** Fills the storage of a page to the last byte. */
const fillStorage = (page: Page) =>
  page.evaluate(() => {
    for (let length = 2 ** 23; length >= 1; length /= 2) {
      for (let n = 0; ; n++) {
        try {
          localStorage.setItem(`filled ${length} ${n}`, "x".repeat(length));
        } catch {
          break;
        }
      }
    }
    for (let n = 0; ; n++) {
      try {
        localStorage.setItem(`${n}`, "");
      } catch {
        return;
      }
    }
  });

it("a conversation works with a full storage", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.button.waitFor();
  await fillStorage(visitor.page);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.waitUntilConnected();
  await visitor.send("Hello?");
  await agent.openConversation("Bea");
  await agent.expectMessages("Hello?");
  await agent.send("Yes?");
  await visitor.expectMessages("Hello?", "Yes?");
  await visitor.send("another one");
  await agent.expectMessages("Hello?", "Yes?", "another one");
});

it("messages are sent when the storage has filled up while the server was away", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.page.route("**/api/chat/**", (route) => route.abort());
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("before it was full");
  await fillStorage(visitor.page);
  await visitor.send("when it was full");
  await visitor.page.unroute("**/api/chat/**");
  await agent.item("Bea").waitFor();
  await agent.openConversation("Bea");
  await agent.expectMessages("before it was full", "when it was full");
  await visitor.waitUntilConnected();
});

it("an agent can sign in and reply with a full storage", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  const profile = await env.profile();
  const agent = new Agent(await profile.tab(`${env.server.origin}/admin/chat`));
  await agent.page.getByRole("textbox", { name: "Username" }).waitFor();
  await fillStorage(agent.page);
  await agent.signIn("ada", PASSWORD);
  await agent.openConversation("Bea");
  await agent.send("Yes?");
  await visitor.expectMessages("Hello?", "Yes?");
});

it.each(["{", "null", "7", '{"room":{},"token":7}'])(
  "%j under the keys of the chat is ignored",
  async (value) => {
    const env = await Environment.start();
    const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
    await visitor.button.waitFor();
    await visitor.page.evaluate(
      ([server, value]) => {
        for (const key of ["session", "draft", "out:1", "out:00000000-0000-7000-8000-000000000000"])
          localStorage[`shoptalk:${server}:${key}`] = value;
      },
      [env.server.origin, value] as const,
    );
    await visitor.page.reload();
    await visitor.open();
    await visitor.begin({ name: "Bea" });
    await visitor.waitUntilConnected();
    await visitor.send("Hello?");
    await agent.openConversation("Bea");
    await agent.expectMessages("Hello?");
    // The same in the console.
    await agent.page.evaluate((value) => {
      for (const key of Object.keys(localStorage)) localStorage[key] = value;
      localStorage["shoptalk:console:agent"] = value;
    }, value);
    await agent.page.reload();
    await agent.waitUntilConnected();
    await agent.send("Yes?");
    await visitor.expectMessages("Hello?", "Yes?");
  },
);

it("a refused message can be edited with a full storage", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.waitUntilConnected();
  await visitor.page.evaluate(() => {
    const session = Object.keys(localStorage).find((key) => key.endsWith(":session"))!;
    const { room } = JSON.parse(localStorage[session]) as { room: string };
    localStorage[session.replace(/session$/, "out:no-uuid")] = JSON.stringify({
      room,
      content: "of another script",
      at: Date.now(),
    });
  });
  await fillStorage(visitor.page);
  await visitor.page.reload();
  await visitor.open();
  const edit = visitor.dialog.getByRole("button", { name: "Edit" });
  await edit.click();
  await eventually(() => visitor.message.inputValue()).toBe("of another script");
  expect(await edit.count()).toBe(0);
});
