import type { Locator } from "playwright-core";
import { expect, it } from "vitest";
import { World } from "./environment";
import { sees } from "./page-objects";

/** Puts text into a field as a paste does: a driver of browsers would mend it on the way. */
const pastes = (field: Locator, codes: number[]) =>
  field.evaluate((node: HTMLTextAreaElement, codes) => {
    const { set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(node), "value")!;
    set!.call(node, String.fromCharCode(...codes));
    node.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }, codes);

/** `a`, half an emoji, `b`. */
const HALF = [0x61, 0xd83d, 0x62];
const MENDED = "a\ufffdb";
/** Zero-width characters, blanks of several scripts, a pattern of Braille without a dot. */
const NOTHING = [0x200b, 0x200d, 0x2060, 0xfeff, 0x20, 0x3164, 0x2800];

it("half an emoji is mended on both sides, and holds up nothing after it", async () => {
  const world = await World.start();
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await pastes(customer.message, HALF);
  await customer.message.press("Enter");
  await customer.says("after it");
  await agent.opens("Bea");
  await agent.sees(MENDED, "after it");
  await pastes(agent.reply, [...HALF, 0x63]);
  await agent.reply.press("Enter");
  await agent.says("the answer");
  await customer.sees(MENDED, "after it", `${MENDED}c`, "the answer");
  await customer.hasBeenRead("after it");
  await agent.hasBeenRead("the answer");
});

it("half an emoji that an older version has kept is refused alone, and can be mended", async () => {
  const world = await World.start();
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("before");
  await customer.sees("before");
  await agent.opens("Bea");
  await agent.sees("before");
  await customer.page.evaluate(() => {
    const session = Object.keys(localStorage).find((key) => key.endsWith(":session"))!;
    const { room } = JSON.parse(localStorage[session]) as { room: string };
    const id = "00000000-0000-7000-8000-000000000000";
    localStorage[session.replace(/session$/, `out:${id}`)] = JSON.stringify({
      room,
      content: "half \ud83d",
      at: Date.now(),
    });
  });
  await customer.page.reload();
  await customer.open();
  const edit = customer.dialog.getByRole("button", { name: "Edit" });
  await edit.waitFor();
  await customer.says("after");
  await agent.sees("before", "after");
  await edit.click();
  await customer.dialog.getByRole("button", { name: "Send", exact: true }).click();
  await agent.sees("before", "after", "half \ufffd");
});

it("half an emoji in a name, a search or a customer’s details is mended, too", async () => {
  const world = await World.start();
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await pastes(customer.dialog.getByRole("textbox", { name: "Name" }), HALF);
  await customer.begin();
  await customer.says("Hello?");
  await agent.opens(MENDED);
  await agent.sees("Hello?");
  await pastes(agent.search, HALF);
  await agent.hasSearched();
  expect(await agent.found.innerText()).not.toMatch(/cannot be reached/i);
});

it("what cannot be seen is no message", async () => {
  const world = await World.start();
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await pastes(customer.message, NOTHING);
  await customer.message.press("Enter");
  await customer.message.fill("");
  // An emoji that is held together by what cannot be seen is one.
  await customer.says("👩‍👩‍👧");
  await agent.opens("Bea");
  await sees(agent.log, "👩‍👩‍👧");
  expect(await agent.log.locator(".message").count()).toBe(1);
  await pastes(agent.reply, NOTHING);
  expect(await agent.page.getByRole("button", { name: "Send", exact: true }).isDisabled()).toBe(
    true,
  );
});
