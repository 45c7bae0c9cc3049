import type { Locator } from "playwright-core";
import { expect, it } from "vitest";
import { Environment } from "./environment";
import { expectMessages } from "./page-objects";

/** Puts text into a field as a paste does; Playwright's `fill` would replace the half emoji. */
const paste = (field: Locator, codes: number[]) =>
  field.evaluate((node: HTMLTextAreaElement, codes) => {
    const { set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(node), "value")!;
    set!.call(node, String.fromCharCode(...codes));
    node.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }, codes);

/** `a`, half an emoji, `b`. */
const HALF = [0x61, 0xd83d, 0x62];
const REPLACED = "a\ufffdb";
/** Zero-width characters, blanks of several scripts, an empty Braille pattern. */
const INVISIBLE = [0x200b, 0x200d, 0x2060, 0xfeff, 0x20, 0x3164, 0x2800];

it("half an emoji is replaced on both sides, and later messages arrive", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await paste(visitor.message, HALF);
  await visitor.message.press("Enter");
  await visitor.send("after it");
  await agent.openConversation("Bea");
  await agent.expectMessages(REPLACED, "after it");
  await paste(agent.reply, [...HALF, 0x63]);
  await agent.reply.press("Enter");
  await agent.send("the answer");
  await visitor.expectMessages(REPLACED, "after it", `${REPLACED}c`, "the answer");
  await visitor.expectRead("after it");
  await agent.expectRead("the answer");
});

it("half an emoji in a stored message is refused, can be edited, and holds up nothing", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("before");
  await visitor.expectMessages("before");
  await agent.openConversation("Bea");
  await agent.expectMessages("before");
  await visitor.page.evaluate(() => {
    const session = Object.keys(localStorage).find((key) => key.endsWith(":session"))!;
    const { room } = JSON.parse(localStorage[session]) as { room: string };
    const id = "00000000-0000-7000-8000-000000000000";
    localStorage[session.replace(/session$/, `out:${id}`)] = JSON.stringify({
      room,
      content: "half \ud83d",
      at: Date.now(),
    });
  });
  await visitor.page.reload();
  await visitor.open();
  const edit = visitor.dialog.getByRole("button", { name: "Edit" });
  await edit.waitFor();
  const mark = edit.locator("..");
  expect(await mark.textContent(), "the reason, apart from the time").toMatch(/^ · \S/);
  await visitor.send("after");
  await agent.expectMessages("before", "after");
  await edit.click();
  await visitor.dialog.getByRole("button", { name: "Send", exact: true }).click();
  await agent.expectMessages("before", "after", "half \ufffd");
});

it("half an emoji is replaced in a name and in a search", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await paste(visitor.dialog.getByRole("textbox", { name: "Name" }), HALF);
  await visitor.begin();
  await visitor.send("Hello?");
  await agent.openConversation(REPLACED);
  await agent.expectMessages("Hello?");
  await paste(agent.search, HALF);
  await agent.waitForResults();
  expect(await agent.found.innerText()).not.toMatch(/cannot be reached/i);
});

it("a text that shows nothing is not sent", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await paste(visitor.message, INVISIBLE);
  await visitor.message.press("Enter");
  await visitor.message.fill("");
  // Zero-width joiners in an emoji do not make it blank.
  await visitor.send("👩‍👩‍👧");
  await agent.openConversation("Bea");
  await expectMessages(agent.log, "👩‍👩‍👧");
  expect(await agent.log.locator(".message").count()).toBe(1);
  await paste(agent.reply, INVISIBLE);
  expect(await agent.page.getByRole("button", { name: "Send", exact: true }).isDisabled()).toBe(
    true,
  );
});
