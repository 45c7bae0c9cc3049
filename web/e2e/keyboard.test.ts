import type { Locator, Page } from "playwright-core";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment, PASSWORD } from "./environment";
import { PHONE } from "./overflow";
import { Agent, expectFocus, expectMessages, hasFocus } from "./page-objects";

/** Presses Tab until an element has the focus. */
async function tabTo(page: Page, place: Locator, key = "Tab") {
  for (let presses = 0; presses < 40; presses++) {
    if ((await place.count()) && (await hasFocus(place))) return;
    await page.keyboard.press(key);
  }
  throw new Error(`forty presses of ${key} do not lead to ${place}`);
}

/** Whether a focused element looks focused. */
const showsFocus = (place: Locator) =>
  place.evaluate((node) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(node);
    return (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
  });

it("a whole conversation by keyboard alone, on both sides", async () => {
  const env = await Environment.start();
  const profile = await env.profile();
  const visitor = await env.visitor();
  const agent = new Agent(await profile.tab(`${env.server.origin}/admin/chat`));
  const [shop, desk] = [visitor.page, agent.page];
  const { dialog } = visitor;

  // The agent signs in.
  await expectFocus(desk.getByRole("textbox", { name: "Username" }));
  await desk.keyboard.type("ada");
  await desk.keyboard.press("Tab");
  await desk.keyboard.type(PASSWORD);
  await desk.keyboard.press("Enter");
  await agent.waitUntilConnected();

  // The visitor finds the button, fills in the form and asks.
  await visitor.button.waitFor();
  await tabTo(shop, visitor.button);
  expect(await showsFocus(visitor.button)).toBe(true);
  await shop.keyboard.press("Enter");
  const name = dialog.getByRole("textbox", { name: "Name" });
  await expectFocus(name);
  expect(await showsFocus(name)).toBe(true);
  await shop.keyboard.type("Bea");
  await shop.keyboard.press("Tab");
  await shop.keyboard.type("bea@example.com");
  await shop.keyboard.press("Enter");
  await expectFocus(visitor.message);
  await visitor.waitUntilConnected();
  await shop.keyboard.type("Do you ship");
  await shop.keyboard.press("Shift+Enter");
  await shop.keyboard.type("to Norway?");
  await shop.keyboard.press("Enter");
  await visitor.expectMessages("Do you ship", "to Norway?");
  await expectFocus(visitor.message);
  expect(await visitor.message.inputValue()).toBe("");

  // The agent opens the conversation waiting longest and replies.
  await agent.item("Bea").waitFor();
  await desk.keyboard.press("w");
  await expectFocus(agent.reply);
  await agent.expectMessages("Do you ship", "to Norway?");
  await desk.keyboard.type("We do.");
  await desk.keyboard.press("Enter");
  await visitor.expectMessages("to Norway?", "We do.");
  await expectFocus(agent.reply);

  // Escape closes the dialog and returns the focus; Enter opens it again.
  await shop.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await expectFocus(visitor.button);
  await shop.keyboard.press("Enter");
  await expectFocus(visitor.message);

  // Tab stays in the dialog, in both directions, and reaches everything.
  const stops = async (key: string) => {
    const seen: (string | null)[] = [];
    for (let presses = 0; presses < 12; presses++) {
      await shop.keyboard.press(key);
      const at = await shop.evaluate(() => {
        const root = document.querySelector("shoptalk-chat")?.shadowRoot;
        const node = root?.activeElement;
        return node?.closest("[role=dialog]")
          ? node.getAttribute("aria-label") || node.textContent || node.getAttribute("title")
          : "outside";
      });
      seen.push(at);
    }
    return seen;
  };
  for (const key of ["Tab", "Shift+Tab"]) {
    const seen = await stops(key);
    expect(seen).not.toContain("outside");
    expect(seen).toEqual(expect.arrayContaining(["Message", "Send", "End conversation"]));
  }

  // The agent leaves the field, closes the conversation and goes back to the list.
  await desk.keyboard.press("Escape");
  await desk.keyboard.press("e");
  await dialog.getByText("Conversation ended").waitFor();
  await desk.getByRole("button", { name: "Reopen conversation" }).waitFor();
  await desk.keyboard.press("e");
  await dialog.getByText("Conversation reopened").waitFor();
  await desk.getByRole("button", { name: "Close conversation" }).waitFor();
  await agent.item("Bea").waitFor();
  await desk.keyboard.press("Escape");
  await agent.reply.waitFor({ state: "hidden" });
  await expectFocus(agent.item("Bea").getByRole("button"));
  await desk.keyboard.press("Enter");
  await expectFocus(agent.reply);
  await desk.keyboard.press("Escape");

  // The search, the list of shortcuts and the palette.
  await desk.keyboard.press("/");
  await expectFocus(agent.search);
  // The index may be behind the messages for a while.
  await eventually(async () => {
    await desk.keyboard.press("Control+a");
    await desk.keyboard.type("norw");
    await agent.waitForResults();
    return agent.found.innerText();
  }).toBe("1 conversation");
  await tabTo(desk, agent.item("Bea").getByRole("button"));
  await desk.keyboard.press("Enter");
  await desk.keyboard.press("r");
  await expectFocus(agent.reply);
  await desk.keyboard.press("Escape");
  await desk.keyboard.press("?");
  const keys = desk.getByRole("dialog", { name: "Keyboard shortcuts" });
  await keys.waitFor();
  await desk.keyboard.press("Escape");
  await keys.waitFor({ state: "hidden" });
  await desk.keyboard.press("Control+k");
  await expectFocus(desk.getByRole("dialog").getByRole("combobox"));
  await desk.keyboard.type("write a reply");
  await desk.keyboard.press("Enter");
  await expectFocus(agent.reply);
  await desk.keyboard.type("Anything else?");
  await desk.keyboard.press("Enter");
  await expectMessages(visitor.log, "We do.", "Anything else?");

  // The visitor ends it.
  await tabTo(shop, dialog.getByRole("button", { name: "End conversation" }));
  await shop.keyboard.press("Space");
  await desk.getByRole("button", { name: "Reopen conversation" }).waitFor();
});

it("letters are text in a field, and commands elsewhere", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await agent.openConversation("Bea");
  await expectFocus(agent.reply);
  const words = "we jump over 1 quick key? see /r";
  await agent.page.keyboard.type(words);
  expect(await agent.reply.inputValue()).toBe(words);
  await agent.page.getByRole("button", { name: "Close conversation" }).waitFor();
});

it("an incomplete form focuses the field that is missing", async () => {
  const env = await Environment.start({ page: { attributes: 'data-require="name email"' } });
  const visitor = await env.visitor();
  const { page, dialog } = visitor;
  const name = dialog.getByRole("textbox", { name: "Name", exact: true });
  const email = dialog.getByRole("textbox", { name: "Email", exact: true });
  const isValid = (field: Locator) =>
    field.evaluate((input) => (input as HTMLInputElement).validity.valid);
  await visitor.button.waitFor();
  await tabTo(page, visitor.button);
  await page.keyboard.press("Enter");
  await expectFocus(name);
  await page.keyboard.press("Tab");
  await expectFocus(email);
  await page.keyboard.press("Enter");
  await expectFocus(name);
  expect(await isValid(name)).toBe(false);
  await page.keyboard.type("Bea");
  await page.keyboard.press("Enter");
  await expectFocus(email);
  await page.keyboard.type("no address");
  await page.keyboard.press("Enter");
  expect([await isValid(name), await isValid(email)]).toEqual([true, false]);
  await expectFocus(email);
  await email.fill("bea@example.com");
  await page.keyboard.press("Enter");
  await expectFocus(visitor.message);
});

it("a dialog that Escape has closed is gone for the next key, before the browser's next frame", async () => {
  const env = await Environment.start();
  const { page } = await env.agent();
  // As if the next frame, in which the browser says that a dialog is closed, did not come.
  await page.evaluate(() => {
    addEventListener("close", (event) => event.stopImmediatePropagation(), true);
  });
  const dialog = (name: string) => page.getByRole("dialog", { name });
  const settings = page.getByRole("button", { name: "Settings", exact: true });
  await settings.focus();
  await page.keyboard.press("Enter");
  await dialog("Settings").waitFor();
  await page.keyboard.press("Escape");
  await dialog("Settings").waitFor({ state: "hidden" });
  await expectFocus(settings);
  await page.keyboard.press("?");
  await dialog("Keyboard shortcuts").waitFor();
  await dialog("Keyboard shortcuts").getByRole("button", { name: "Close dialog" }).click();
  await expectFocus(settings);
  // A chooser of files that is left without one closes nothing.
  await page.keyboard.press("t");
  await dialog("Canned replies")
    .getByLabel("Import")
    .evaluate((field) => field.dispatchEvent(new Event("cancel", { bubbles: true })));
  await dialog("Canned replies").getByRole("textbox", { name: "Shortcut" }).fill("hi");
  expect(await dialog("Canned replies").isVisible()).toBe(true);
});

it("the button for shortcuts is hidden on a phone, which has no keyboard", async () => {
  const env = await Environment.start();
  const button = (agent: Agent) => agent.page.getByRole("button", { name: "Keyboard shortcuts" });
  const desk = await env.agent();
  expect(await button(desk).isVisible()).toBe(true);
  const phone = await env.agent(PHONE);
  await phone.page.getByRole("button", { name: "Settings", exact: true }).waitFor();
  expect(await button(phone).isVisible()).toBe(false);
});
