import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { PASSWORD, World } from "./environment";
import { Agent } from "./page-objects";

const QUICK = { SHOPTALK_SOCKET__RECONNECT_WINDOW_MS: "200" };

/** Leaves no byte of room in the storage of a page. */
const fill = (page: Page) =>
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

it("a storage that is full keeps nobody from talking", async () => {
  const world = await World.start();
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.button.waitFor();
  await fill(customer.page);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.isConnected();
  await customer.says("Hello?");
  await agent.opens("Bea");
  await agent.sees("Hello?");
  await agent.says("Yes?");
  await customer.sees("Hello?", "Yes?");
  await customer.says("another one");
  await agent.sees("Hello?", "Yes?", "another one");
});

it("a storage that fills up while the server is away holds up nothing", async () => {
  const world = await World.start({ env: QUICK, badNetwork: true });
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.page.route("**/api/chat/**", (route) => route.abort());
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("before it was full");
  await fill(customer.page);
  await customer.says("when it was full");
  await customer.page.unroute("**/api/chat/**");
  await agent.item("Bea").waitFor();
  await agent.opens("Bea");
  await agent.sees("before it was full", "when it was full");
  await customer.isConnected();
});

it("an agent whose browser is full signs in and answers", async () => {
  const world = await World.start();
  const customer = await world.customer();
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("Hello?");
  const person = await world.person();
  const agent = new Agent(await person.tab(`${world.server.origin}/admin/chat`));
  await agent.page.getByRole("textbox", { name: "Username" }).waitFor();
  await fill(agent.page);
  await agent.signIn("ada", PASSWORD);
  await agent.opens("Bea");
  await agent.says("Yes?");
  await customer.sees("Hello?", "Yes?");
});

it.each(["{", "null", "7", '{"room":{},"token":7}'])(
  "%j where the chat keeps its things ends nothing for good",
  async (rubbish) => {
    const world = await World.start();
    const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
    await customer.button.waitFor();
    await customer.page.evaluate(
      ([server, rubbish]) => {
        for (const key of ["session", "draft", "out:1", "out:00000000-0000-7000-8000-000000000000"])
          localStorage[`shoptalk:${server}:${key}`] = rubbish;
      },
      [world.server.origin, rubbish] as const,
    );
    await customer.page.reload();
    await customer.open();
    await customer.begin({ name: "Bea" });
    await customer.isConnected();
    await customer.says("Hello?");
    await agent.opens("Bea");
    await agent.sees("Hello?");
    // In the console, too.
    await agent.page.evaluate((rubbish) => {
      for (const key of Object.keys(localStorage)) localStorage[key] = rubbish;
      localStorage["shoptalk:console:agent"] = rubbish;
    }, rubbish);
    await agent.page.reload();
    await agent.isConnected();
    await agent.says("Yes?");
    await customer.sees("Hello?", "Yes?");
  },
);

it("a refused message can be mended also when the storage is full", async () => {
  const world = await World.start();
  const customer = await world.customer();
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.isConnected();
  await customer.page.evaluate(() => {
    const session = Object.keys(localStorage).find((key) => key.endsWith(":session"))!;
    const { room } = JSON.parse(localStorage[session]) as { room: string };
    localStorage[session.replace(/session$/, "out:no-uuid")] = JSON.stringify({
      room,
      content: "of a stranger",
      at: Date.now(),
    });
  });
  await fill(customer.page);
  await customer.page.reload();
  await customer.open();
  const edit = customer.dialog.getByRole("button", { name: "Edit" });
  await edit.click();
  await eventually(() => customer.message.inputValue()).toBe("of a stranger");
  expect(await edit.count()).toBe(0);
});
