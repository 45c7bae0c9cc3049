import type { Locator } from "playwright-core";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment, PASSWORD, UNLIMITED } from "./environment";
import type { Agent } from "./page-objects";

/** More than the server gives by default, and at most, in one page. */
const [SOME, MANY] = [60, 205];

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

async function open(agent: Agent, title: string): Promise<Locator> {
  const settings = agent.page.getByRole("dialog", { name: "Settings" });
  await agent.page.getByRole("button", { name: "Settings", exact: true }).click();
  await settings.getByRole("button", { name: `Open ${title}`, exact: true }).click();
  return agent.page.getByRole("dialog", { name: title });
}

it("the console shows all entries of lists that have several pages", async () => {
  const env = await Environment.start({ settings: UNLIMITED });
  const admin = await env.admin();
  for (const number of numbers(MANY)) {
    const reply = { shortcut: `r${number}`, title: "", content: "Yes", shared: true };
    await admin("POST", "replies/", reply);
    const { room, token } = await env.postToRooms("", { customer_name: `Bea ${number}` });
    const message = { id: crypto.randomUUID(), content: "Buy pills" };
    await env.postToRooms(`${room.id}/messages/`, message, token);
    await admin("PATCH", `rooms/${room.id}/`, { blocked: true });
  }
  for (const number of numbers(SOME)) {
    await admin("POST", "tags/", { name: `tag ${number}`, color: "#aa0000" });
    await admin("POST", "agents/", { username: `agent${number}`, password: PASSWORD });
  }

  const agent = await env.agent();
  for (const [title, entry, count] of [
    ["Blocked visitors", /^Unblock: Bea \d+$/, MANY],
    ["Canned replies", /^Edit \/r\d+$/, MANY],
    ["Tags", /^Delete/, SOME],
  ] as const) {
    const dialog = await open(agent, title);
    await eventually(() => dialog.getByRole("button", { name: entry }).count()).toBe(count);
    await dialog.getByRole("button", { name: "Close dialog" }).click();
  }
  await agent.page.getByRole("button", { name: "Agents", exact: true }).click();
  const agents = agent.page.getByRole("dialog", { name: "Agents" });
  await eventually(() => agents.getByRole("combobox", { name: /^Role of agent/ }).count()).toBe(
    SOME,
  );
  await agent.page.keyboard.press("Escape");
  const tag = agent.page.getByRole("combobox", { name: "Tag", exact: true });
  expect(await tag.locator("option").count()).toBe(SOME + 1);
});
