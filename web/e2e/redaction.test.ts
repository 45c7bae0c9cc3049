import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";

it("a removed message is gone on both sides, in the list and from the search", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  const { page } = agent;
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello there");
  await visitor.send("My card is zymurgist");
  await agent.openConversation("Bea");
  await agent.expectMessages("Hello there", "My card is zymurgist");
  await agent.searchUntil("zymurgist", /^1 conversation$/);
  await agent.search.fill("");

  // By keyboard: the palette makes the buttons of all messages visible.
  await page.locator("body").press("Control+k");
  await page.getByRole("dialog", { name: "Commands" }).waitFor();
  await page.keyboard.type("remove");
  await page.keyboard.press("Enter");
  const remove = agent.log.getByRole("button", { name: "Remove: My card is zymurgist" });
  await remove.focus();
  await page.keyboard.press("Enter");
  await agent.log.getByText("Remove this text for good, for the customer too?").waitFor();
  await agent.log.getByRole("button", { name: "Cancel" }).press("Enter");
  await agent.expectMessages("Hello there", "My card is zymurgist");
  await remove.press("Enter");
  await page.keyboard.press("Enter");
  await agent.expectMessages("Hello there", "Message removed");
  await visitor.expectMessages("Hello there", "Message removed");
  for (const text of [await agent.log.innerText(), await visitor.log.innerText()]) {
    expect(text).not.toContain("zymurgist");
  }
  await eventually(() => agent.item("Bea").innerText()).toContain("Message removed");
  await agent.search.fill("zymurgist");
  await agent.waitForResults();
  expect(await agent.found.innerText()).toMatch(/^Nothing found/);

  // Another page of the visitor resumes from nothing, and shows the same.
  await visitor.page.reload();
  await visitor.open();
  await visitor.expectMessages("Hello there", "Message removed");
  await visitor.send("Thanks");
  await agent.expectMessages("Hello there", "Message removed", "Thanks");
});

it("a message that was removed while the visitor was offline is removed when they are back", async () => {
  const env = await Environment.start({ proxyFor: "visitor", allowNetworkErrors: true });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("A secret");
  await agent.openConversation("Bea");
  await agent.expectMessages("A secret");
  await env.proxy!.refuse();
  await eventually(() => visitor.status.innerText()).toMatch(/^Offline/);
  await agent.log.getByText("A secret").hover();
  await agent.log.getByRole("button", { name: "Remove: A secret" }).click();
  await agent.log.getByRole("button", { name: "Remove", exact: true }).click();
  await agent.expectMessages("Message removed");
  await env.proxy!.restore();
  await visitor.expectMessages("Message removed");
});
