import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment, PASSWORD } from "./environment";
import { PHONE } from "./overflow";
import { expectFocus } from "./page-objects";

it("an agent who is no admin inserts the hours of the shop", async () => {
  const env = await Environment.start();
  await env.server.addAgent("otto", PASSWORD, "agent");
  const admin = await env.admin();
  const hours = ["mon", "tue", "wed"].map((day) => ({ day, from: "09:00", to: "17:00" }));
  await admin("PATCH", "settings/", { version: 0, shop: { hours } });
  const content = "We are open {{hours}}.";
  await admin("POST", "replies/", { shortcut: "hours", content, shared: true });
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("When can I come?");
  const agent = await env.agentIn(await env.profile({ locale: "en-GB" }), "otto");
  await agent.openConversation("Bea");
  await agent.reply.pressSequentially("/hours");
  await agent.page.getByRole("listbox", { name: "Canned replies" }).waitFor();
  await agent.page.keyboard.press("Enter");
  await eventually(() => agent.reply.inputValue()).toBe("We are open Mon–Wed 09:00–17:00.");
});

it("a canned reply is written, inserted at the caret by keyboard alone, and undone", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  const agent = await env.agent({ expectedErrors: /409 .*\/replies\// });
  const { page, reply } = agent;
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");

  // The dialog is found in the palette, and saves one.
  await page.locator("body").press("t");
  const dialog = page.getByRole("dialog", { name: "Canned replies" });
  await dialog.getByRole("textbox", { name: "Shortcut" }).fill("hi");
  await dialog.getByRole("textbox", { name: "Text" }).fill("Hello {{customer_name|there}}!");
  await dialog.getByRole("button", { name: "Save reply" }).click();
  await dialog.getByText("/hi is saved.").waitFor();
  await dialog.getByRole("textbox", { name: "Shortcut" }).fill("hours");
  await dialog.getByRole("textbox", { name: "Text" }).fill("We are open {{hours}}.");
  await dialog.getByRole("button", { name: "Save reply" }).click();
  await dialog.getByText("/hours is saved.").waitFor();
  await dialog.getByRole("textbox", { name: "Shortcut" }).fill("HI");
  await dialog.getByRole("textbox", { name: "Text" }).fill("Twice");
  await dialog.getByRole("button", { name: "Save reply" }).click();
  await dialog.getByText(/shortcut is taken/).waitFor();
  await page.keyboard.press("Escape");

  // A slash opens the list; Enter inserts and sends nothing.
  await agent.openConversation("Bea");
  await expectFocus(reply);
  await page.keyboard.type("Well, and more");
  for (let steps = 0; steps < " and more".length; steps++) await page.keyboard.press("ArrowLeft");
  await page.keyboard.type(" /h");
  const list = page.getByRole("listbox", { name: "Canned replies" });
  await list.getByRole("option", { name: "/hi", exact: false }).waitFor();
  await page.keyboard.press("ArrowDown");
  const marked = list.getByRole("option", { selected: true });
  expect(await marked.innerText()).toContain("/hours");
  expect(await reply.getAttribute("aria-activedescendant")).toBe(await marked.getAttribute("id"));
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await list.waitFor({ state: "hidden" });
  expect(await reply.inputValue()).toBe("Well, Hello Bea! and more");
  await agent.expectMessages("Hello?");
  await page.keyboard.press("Control+z");
  await eventually(() => reply.inputValue()).toContain("/h");

  // Escape closes the list alone; a place without a value is not sent.
  await reply.fill("");
  await page.keyboard.type("/ho");
  await list.waitFor();
  await page.keyboard.press("Escape");
  await list.waitFor({ state: "hidden" });
  await expectFocus(reply);
  await page.keyboard.type("u");
  await page.keyboard.press("Enter");
  expect(await reply.inputValue()).toBe("We are open {{hours}}.");
  await page.keyboard.press("Enter");
  await page.getByText("Fill in {{hours}} before you send it.").waitFor();
  await agent.expectMessages("Hello?");
  await reply.fill("We are open today.");
  await page.keyboard.press("Enter");
  await visitor.expectMessages("Hello?", "We are open today.");
});

it("replies, blocked visitors and tags are opened by tapping alone, on a phone", async () => {
  const env = await Environment.start();
  await env.server.addAgent("otto", PASSWORD, "agent");
  for (const [username, titles] of [
    ["ada", ["Canned replies", "Blocked visitors", "Tags"]],
    ["otto", ["Canned replies", "Blocked visitors"]],
  ] as const) {
    const { page } = await env.agentIn(await env.profile(PHONE), username);
    const settings = page.getByRole("dialog", { name: "Settings" });
    for (const title of titles) {
      await page.getByRole("button", { name: "Settings", exact: true }).tap();
      await settings.getByRole("button", { name: `Open ${title}` }).tap();
      const dialog = page.getByRole("dialog", { name: title });
      await dialog.getByRole("button", { name: "Close dialog" }).tap();
      await dialog.waitFor({ state: "detached" });
    }
    await page.getByRole("button", { name: "Settings", exact: true }).tap();
    const tags = settings.getByRole("button", { name: "Open Tags" });
    expect(await tags.count(), username).toBe(titles.length - 2);
  }
});
