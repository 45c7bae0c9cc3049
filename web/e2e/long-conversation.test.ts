import type { Locator } from "playwright-core";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment, UNLIMITED } from "./environment";

const TEXTS = Array.from({ length: 130 }, (_, index) => `message number ${index}`);
const [FIRST, LAST] = [TEXTS[0]!, TEXTS.at(-1)!];

/** Whether a text is visible: within the box of its log. */
const expectVisible = (log: Locator, text: string) =>
  eventually(async () => {
    const [box, line] = [await log.boundingBox(), log.getByText(text, { exact: true })];
    const place = (await line.count()) ? await line.boundingBox() : null;
    return (
      !!box && !!place && place.y >= box.y - 1 && place.y + place.height <= box.y + box.height + 1
    );
  });

/** Scrolls back to the beginning with the wheel, and finds every message once. */
async function scrollBack(log: Locator) {
  await log.hover();
  await eventually(async () => {
    await log.page().mouse.wheel(0, -3_000);
    return log.getByText(FIRST, { exact: true }).count();
  }).toBe(1);
  await log.page().mouse.wheel(0, -100_000);
  await expectVisible(log, FIRST).toBe(true);
  const lines = (await log.innerText()).split("\n").filter((line) => TEXTS.includes(line));
  expect(lines).toEqual(TEXTS);
}

it("a long conversation opens at its end, and scrolls back to its beginning", async () => {
  const env = await Environment.start({ settings: UNLIMITED });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await agent.openConversation("Bea");
  await agent.postAll(TEXTS);
  await expectVisible(visitor.log, LAST).toBe(true);
  await expectVisible(agent.log, LAST).toBe(true);

  await agent.page.reload();
  await agent.openConversation("Bea");
  await expectVisible(agent.log, LAST).toBe(true);
  await scrollBack(agent.log);

  await visitor.page.reload();
  await visitor.open();
  await expectVisible(visitor.log, LAST).toBe(true);
  await scrollBack(visitor.log);

  // A new message does not scroll away from older ones; a button shows that there is one.
  await agent.send("a new answer");
  await visitor.dialog.getByRole("button", { name: "New messages" }).waitFor();
  await expectVisible(visitor.log, FIRST).toBe(true);
  await visitor.dialog.getByRole("button", { name: "New messages" }).click();
  await expectVisible(visitor.log, "a new answer").toBe(true);
});
