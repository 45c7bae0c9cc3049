import type { Locator } from "playwright-core";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";

const UNLIMITED = { SHOPTALK_LIMITS__ENABLED: "false" };
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
  const [customer, agent] = await Promise.all([env.customer(), env.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.send("Hello?");
  await agent.openConversation("Bea");
  await agent.postAll(TEXTS);
  await expectVisible(customer.log, LAST).toBe(true);
  await expectVisible(agent.log, LAST).toBe(true);

  await agent.page.reload();
  await agent.openConversation("Bea");
  await expectVisible(agent.log, LAST).toBe(true);
  await scrollBack(agent.log);

  await customer.page.reload();
  await customer.open();
  await expectVisible(customer.log, LAST).toBe(true);
  await scrollBack(customer.log);

  // A new message does not scroll away from older ones; a button shows that there is one.
  await agent.send("a new answer");
  await customer.dialog.getByRole("button", { name: "New messages" }).waitFor();
  await expectVisible(customer.log, FIRST).toBe(true);
  await customer.dialog.getByRole("button", { name: "New messages" }).click();
  await expectVisible(customer.log, "a new answer").toBe(true);
});
