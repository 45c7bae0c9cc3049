import { expect, it } from "vitest";
import { audit } from "./audit";
import { BrowserProfile, eventually } from "./browser";
import { Environment, PASSWORD } from "./environment";
import { Agent } from "./page-objects";
import { Server } from "./server";

const WIDGET = "shoptalk-chat";

it("no view of the widget has a serious problem", async () => {
  const env = await Environment.start({ page: { attributes: 'data-require="name"' } });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  const { page, dialog } = visitor;
  const views: Record<string, string[]> = {};
  await visitor.button.waitFor();
  views["the button"] = await audit(page, WIDGET);
  await visitor.open();
  views["the form"] = await audit(page, WIDGET);
  await dialog.getByRole("textbox", { name: "Email" }).fill("nothing");
  await dialog.getByRole("button", { name: "Start chat" }).click();
  views["the form with mistakes"] = await audit(page, WIDGET);
  await dialog.getByRole("textbox", { name: "Email" }).fill("bea@example.com");
  await visitor.begin({ name: "Bea" });
  views["an empty conversation"] = await audit(page, WIDGET);
  await visitor.send("A question, see https://example.com/");
  await agent.openConversation("Bea");
  await agent.send("An answer, see https://example.com/");
  await visitor.expectMessages(
    "A question, see https://example.com/",
    "An answer, see https://example.com/",
  );
  await visitor.send("x".repeat(8_001));
  views["a conversation"] = await audit(page, WIDGET);
  await visitor.message.fill("");
  await agent.page.getByRole("button", { name: "Close conversation" }).click();
  await dialog.getByRole("button", { name: "Start a new conversation" }).waitFor();
  const rating = dialog.getByRole("group", { name: "How was this conversation?" });
  await rating.waitFor();
  views["a closed conversation"] = await audit(page, WIDGET);
  await rating.getByRole("button", { name: "4 of 5" }).click();
  await dialog.getByText("Thank you for your rating").waitFor();
  views["a rated conversation"] = await audit(page, WIDGET);
  await dialog.getByRole("button", { name: "Earlier conversations" }).click();
  await dialog.getByRole("heading").waitFor();
  views["the earlier conversations"] = await audit(page, WIDGET);
  await dialog.press("Escape");
  await visitor.message.waitFor();
  await dialog.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await agent.send("One more");
  await eventually(() => page.title()).toMatch(/^\(1\)/);
  views["the button with a count"] = await audit(page, WIDGET);
  const found = Object.entries(views).filter(([, problems]) => problems.length);
  expect(found).toEqual([]);
});

it("an offline widget and console have no serious problem", async () => {
  const env = await Environment.start({ allowNetworkErrors: true });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await agent.openConversation("Bea");
  await env.server.kill();
  await eventually(() => visitor.status.innerText()).toMatch(/^Offline/i);
  await eventually(() => agent.status.innerText()).toMatch(/^Offline/i);
  await visitor.send("Unsent");
  await agent.send("Unsent, too");
  expect(await audit(visitor.page, WIDGET)).toEqual([]);
  expect(await audit(agent.page, "html")).toEqual([]);
});

it("no view of the console has a serious problem", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  const profile = await env.profile({ expectedErrors: /401 .*\/login\// });
  const agent = new Agent(await profile.tab(`${env.server.origin}/admin/chat`));
  const { page } = agent;
  const views: Record<string, string[]> = {};
  const check = async (view: string) => {
    views[view] = await audit(page, "html");
  };
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await check("the sign-in");
  await agent.signIn("ada", PASSWORD);
  await check("an empty console");

  await visitor.open();
  await visitor.begin({ name: "Bea", email: "bea@example.com" });
  await visitor.send("A question, see https://example.com/");
  await agent.item("Bea").waitFor();
  await check("the list");
  await agent.openConversation("Bea");
  await agent.send("An answer, see https://example.com/");
  await visitor.expectMessages("An answer, see https://example.com/");
  await check("a conversation");
  const details = page.getByRole("complementary", { name: "Customer" });
  if (!(await details.isVisible())) await page.getByRole("button", { name: "Details" }).click();
  await details.waitFor();
  await check("the details");
  await page.getByRole("button", { name: "Close conversation" }).click();
  await page.getByRole("button", { name: "Reopen conversation" }).waitFor();
  const rating = visitor.dialog.getByRole("group", { name: "How was this conversation?" });
  await rating.getByRole("button", { name: "2 of 5" }).click();
  await agent.log.getByText("Bea rated the conversation 2 of 5").waitFor();
  await check("a closed conversation");
  await agent.searchUntil("question", /^1 conversation$/);
  await check("a search");
  await agent.search.fill("nothing like that");
  await page.getByText("Nothing found").waitFor();
  await check("a search without a result");
  await agent.search.fill("");
  for (const [name, view] of [
    ["Settings", "Settings"],
    ["Agents", "Agents"],
    ["Keyboard shortcuts", "Keyboard shortcuts"],
    ["Commands (Ctrl+K)", "Commands"],
  ] as const) {
    await page.getByRole("button", { name, exact: true }).click();
    const dialog = page.getByRole("dialog", { name: view });
    await dialog.waitFor();
    await check(view);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  }
  await page.keyboard.press("h");
  const shop = page.getByRole("dialog", { name: "Shop settings" });
  await shop.getByRole("radio", { name: "Open at these times" }).click();
  await shop.getByRole("button", { name: "Add days" }).click();
  await shop.getByLabel("Time zone").fill("Nowhere");
  await check("Shop settings");
  await page.keyboard.press("Escape");
  await page.keyboard.press("p");
  const reports = page.getByRole("dialog", { name: "Reports" });
  await reports.getByRole("table").waitFor();
  await check("Reports");
  await page.keyboard.press("Escape");
  await page.keyboard.press("d");
  const data = page.getByRole("dialog", { name: "Data" });
  await data.getByRole("button", { name: "Back up now" }).click();
  await data.getByRole("link", { name: /^Download: Backup/ }).waitFor();
  await data.getByRole("textbox", { name: "Their email" }).fill("bea@example.com");
  await data.getByRole("button", { name: "Show what would go" }).click();
  await data.getByRole("button", { name: "Erase for good" }).waitFor();
  await data.getByRole("button", { name: "Rewrite now" }).click();
  await check("Data");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("textbox", { name: "Username" }).fill("ada");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Wrong username or password").waitFor();
  await check("a refused sign-in");
  const found = Object.entries(views).filter(([, problems]) => problems.length);
  expect(found).toEqual([]);
});

/** What the browser says of a set-up page that looks at its link. */
const SETUP_REFUSED = /status of 4(00|10) .*\/api\/admin\/setup\/$/;

it("the demo's shop and the set-up page have no serious problem", async () => {
  const demo = await Server.start({ demo: true });
  const fresh = await Server.start();
  const profile = await BrowserProfile.create({ expectedErrors: SETUP_REFUSED });
  const page = await profile.tab(demo.origin);
  await page.getByRole("button", { name: "Chat" }).waitFor();
  expect(await audit(page, "html")).toEqual([]);
  const setup = await profile.tab(await fresh.setupLink());
  await setup.getByRole("button", { name: "Create account" }).waitFor();
  expect(await audit(setup, "html")).toEqual([]);
  const used = await profile.tab(`${demo.origin}/admin/setup#a-code`);
  await used.getByText("This link has been used or has expired.").waitFor();
  expect(await audit(used, "html")).toEqual([]);
});

it("the audit finds a problem that is there", async () => {
  const env = await Environment.start();
  const profile = await env.profile();
  const page = await profile.tab("about:blank");
  await page.setContent("<html lang=en><title>x</title><main><h1>x</h1><img src='data:,'>");
  expect((await audit(page, "html")).join()).toContain("image-alt");
});
