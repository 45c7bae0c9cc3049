import type { Locator, Page } from "playwright-core";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { PASSWORD, World } from "./environment";
import { Agent, focused, hasFocus, sees } from "./page-objects";

/** Goes there with the Tab key, as far as a person would. */
async function tabTo(page: Page, place: Locator, key = "Tab") {
  for (let presses = 0; presses < 40; presses++) {
    if ((await place.count()) && (await focused(place))) return;
    await page.keyboard.press(key);
  }
  throw new Error(`forty presses of ${key} do not lead to ${place}`);
}

/** Whether what has the focus shows that it has. */
const showsFocus = (place: Locator) =>
  place.evaluate((node) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(node);
    return (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
  });

it("the whole story by keyboard alone, on both sides", async () => {
  const world = await World.start();
  const person = await world.person();
  const customer = await world.customer();
  const agent = new Agent(await person.tab(`${world.server.origin}/admin/chat`));
  const [shop, desk] = [customer.page, agent.page];
  const { dialog } = customer;

  // The agent signs in.
  await hasFocus(desk.getByRole("textbox", { name: "Username" }));
  await desk.keyboard.type("ada");
  await desk.keyboard.press("Tab");
  await desk.keyboard.type(PASSWORD);
  await desk.keyboard.press("Enter");
  await agent.isConnected();

  // The customer finds the button, fills in the form and asks.
  await customer.button.waitFor();
  await tabTo(shop, customer.button);
  expect(await showsFocus(customer.button)).toBe(true);
  await shop.keyboard.press("Enter");
  const name = dialog.getByRole("textbox", { name: "Name" });
  await hasFocus(name);
  expect(await showsFocus(name)).toBe(true);
  await shop.keyboard.type("Bea");
  await shop.keyboard.press("Tab");
  await shop.keyboard.type("bea@example.com");
  await shop.keyboard.press("Enter");
  await hasFocus(customer.message);
  await customer.isConnected();
  await shop.keyboard.type("Do you ship");
  await shop.keyboard.press("Shift+Enter");
  await shop.keyboard.type("to Norway?");
  await shop.keyboard.press("Enter");
  await customer.sees("Do you ship", "to Norway?");
  await hasFocus(customer.message);
  expect(await customer.message.inputValue()).toBe("");

  // The agent goes to who waits longest and answers.
  await agent.item("Bea").waitFor();
  await desk.keyboard.press("w");
  await hasFocus(agent.reply);
  await agent.sees("Do you ship", "to Norway?");
  await desk.keyboard.type("We do.");
  await desk.keyboard.press("Enter");
  await customer.sees("to Norway?", "We do.");
  await hasFocus(agent.reply);

  // Escape puts the chat away, and the focus where it was; Enter brings it back.
  await shop.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await hasFocus(customer.button);
  await shop.keyboard.press("Enter");
  await hasFocus(customer.message);

  // Tab stays in the dialog, in both directions, and comes by everything.
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
  await hasFocus(agent.item("Bea").getByRole("button"));
  await desk.keyboard.press("Enter");
  await hasFocus(agent.reply);
  await desk.keyboard.press("Escape");

  // Search, the keys, and all commands behind one field.
  await desk.keyboard.press("/");
  await hasFocus(agent.search);
  // The index may be a moment behind the messages.
  await eventually(async () => {
    await desk.keyboard.press("Control+a");
    await desk.keyboard.type("norw");
    await agent.hasSearched();
    return agent.found.innerText();
  }).toBe("1 conversation");
  await tabTo(desk, agent.item("Bea").getByRole("button"));
  await desk.keyboard.press("Enter");
  await desk.keyboard.press("r");
  await hasFocus(agent.reply);
  await desk.keyboard.press("Escape");
  await desk.keyboard.press("?");
  const keys = desk.getByRole("dialog", { name: "Keyboard shortcuts" });
  await keys.waitFor();
  await desk.keyboard.press("Escape");
  await keys.waitFor({ state: "hidden" });
  await desk.keyboard.press("Control+k");
  await hasFocus(desk.getByRole("combobox"));
  await desk.keyboard.type("write a reply");
  await desk.keyboard.press("Enter");
  await hasFocus(agent.reply);
  await desk.keyboard.type("Anything else?");
  await desk.keyboard.press("Enter");
  await sees(customer.log, "We do.", "Anything else?");

  // The customer ends it.
  await tabTo(shop, dialog.getByRole("button", { name: "End conversation" }));
  await shop.keyboard.press("Space");
  await desk.getByRole("button", { name: "Reopen conversation" }).waitFor();
});

it("letters are letters while one writes, and commands otherwise", async () => {
  const world = await World.start();
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("Hello?");
  await agent.opens("Bea");
  await hasFocus(agent.reply);
  const words = "we jump over 1 quick key? see /r";
  await agent.page.keyboard.type(words);
  expect(await agent.reply.inputValue()).toBe(words);
  await agent.page.getByRole("button", { name: "Close conversation" }).waitFor();
});

it("a form that lacks something puts the caret there", async () => {
  const world = await World.start({ page: { attributes: 'data-require="name email"' } });
  const customer = await world.customer();
  const { page, dialog } = customer;
  const name = dialog.getByRole("textbox", { name: "Name", exact: true });
  const email = dialog.getByRole("textbox", { name: "Email", exact: true });
  const isValid = (field: Locator) =>
    field.evaluate((input) => (input as HTMLInputElement).validity.valid);
  await customer.button.waitFor();
  await tabTo(page, customer.button);
  await page.keyboard.press("Enter");
  await hasFocus(name);
  await page.keyboard.press("Tab");
  await hasFocus(email);
  await page.keyboard.press("Enter");
  await hasFocus(name);
  expect(await isValid(name)).toBe(false);
  await page.keyboard.type("Bea");
  await page.keyboard.press("Enter");
  await hasFocus(email);
  await page.keyboard.type("no address");
  await page.keyboard.press("Enter");
  expect([await isValid(name), await isValid(email)]).toEqual([true, false]);
  await hasFocus(email);
  await email.fill("bea@example.com");
  await page.keyboard.press("Enter");
  await hasFocus(customer.message);
});
