import type { Locator } from "playwright-core";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { World } from "./environment";

const UNLIMITED = { SHOPTALK_LIMITS__ENABLED: "false" };
const TEXTS = Array.from({ length: 130 }, (_, index) => `message number ${index}`);
const [FIRST, LAST] = [TEXTS[0]!, TEXTS.at(-1)!];

/** Whether a text is where one sees it: within the box of its log. */
const inSight = (log: Locator, text: string) =>
  eventually(async () => {
    const [box, line] = [await log.boundingBox(), log.getByText(text, { exact: true })];
    const place = (await line.count()) ? await line.boundingBox() : null;
    return (
      !!box && !!place && place.y >= box.y - 1 && place.y + place.height <= box.y + box.height + 1
    );
  });

/** Reads back to the beginning, as one does with the wheel, and finds every message once. */
async function readsBack(log: Locator) {
  await log.hover();
  await eventually(async () => {
    await log.page().mouse.wheel(0, -3_000);
    return log.getByText(FIRST, { exact: true }).count();
  }).toBe(1);
  await log.page().mouse.wheel(0, -100_000);
  await inSight(log, FIRST).toBe(true);
  const lines = (await log.innerText()).split("\n").filter((line) => TEXTS.includes(line));
  expect(lines).toEqual(TEXTS);
}

it("a long conversation opens at its end, and can be read back to its beginning", async () => {
  const world = await World.start({ env: UNLIMITED });
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("Hello?");
  await agent.opens("Bea");
  await agent.posts(TEXTS);
  await inSight(customer.log, LAST).toBe(true);
  await inSight(agent.log, LAST).toBe(true);

  await agent.page.reload();
  await agent.opens("Bea");
  await inSight(agent.log, LAST).toBe(true);
  await readsBack(agent.log);

  await customer.page.reload();
  await customer.open();
  await inSight(customer.log, LAST).toBe(true);
  await readsBack(customer.log);

  // Who reads further up is not pulled down, and is told that there is something new.
  await agent.says("a new answer");
  await customer.dialog.getByRole("button", { name: "New messages" }).waitFor();
  await inSight(customer.log, FIRST).toBe(true);
  await customer.dialog.getByRole("button", { name: "New messages" }).click();
  await inSight(customer.log, "a new answer").toBe(true);
});
