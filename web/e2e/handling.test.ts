import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment, PASSWORD } from "./environment";
import { Agent } from "./page-objects";

/** Ada, and Bob in a browser of his own. */
async function twoAgents(env: Environment): Promise<[Agent, Agent]> {
  const ada = await env.agent();
  const added = await ada.page.evaluate(
    (password) =>
      fetch("/api/admin/agents/", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ username: "bob", display_name: "Bob", role: "agent", password }),
      }).then(({ status }) => status),
    PASSWORD,
  );
  expect(added).toBe(201);
  const profile = await env.profile();
  const bob = new Agent(await profile.tab(`${env.server.origin}/admin/chat`));
  await bob.signIn("bob", PASSWORD);
  return [ada, bob];
}

async function ask(env: Environment, name: string) {
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name });
  await visitor.send("Hello?");
  await visitor.expectMessages("Hello?");
}

const assignee = (agent: Agent) => agent.page.getByRole("combobox", { name: "Who answers" });
const chosen = (agent: Agent) =>
  assignee(agent).evaluate((select: HTMLSelectElement) => select.selectedOptions[0]?.text);

it("the first answer claims, and others see who answers and who looks", async () => {
  const env = await Environment.start();
  const [ada, bob] = await twoAgents(env);
  await ask(env, "Bea");
  await ada.openConversation("Bea");
  await bob.openConversation("Bea");
  await ada.page.getByText("Bob has this conversation open, too.").waitFor();
  expect(await chosen(ada)).toBe("Nobody");
  await bob.send("Good morning");
  await eventually(() => chosen(ada)).toBe("Bob");
  await bob.page.getByRole("button", { name: "Mine" }).click();
  await bob.item("Bea").waitFor();
  await ada.page.getByRole("button", { name: "Unassigned" }).click();
  await eventually(() => ada.item("Bea").count()).toBe(0);
  // By key: Ada takes it over, and gives it back.
  await ada.page.keyboard.press("Escape");
  await ada.page.locator("body").press("u");
  await ada.openConversation("Bea");
  await ada.page.keyboard.press("Escape");
  await ada.page.keyboard.press("c");
  await eventually(() => chosen(bob)).not.toBe("Bob");
  await eventually(() => bob.item("Bea").count()).toBe(0);
  await ada.page.keyboard.press("c");
  await eventually(() => chosen(bob)).toBe("Nobody");
});

it("a new agent signs in with the password that is told, and is given conversations at once", async () => {
  const env = await Environment.start();
  const ada = await env.agent();
  await ask(env, "Bea");
  const { page } = ada;
  await page.getByRole("button", { name: "Agents" }).click();
  const dialog = page.getByRole("dialog", { name: "Agents" });
  await dialog.getByRole("textbox", { name: "Username" }).fill("cleo");
  await dialog.getByRole("textbox", { name: "Display name" }).fill("Cleo");
  await dialog.getByRole("button", { name: "Add agent" }).click();
  const told = dialog.getByText("cleo can sign in now. Password: ");
  const password = (await told.innerText()).split(": ")[1]!;
  const profile = await env.profile();
  const cleo = new Agent(await profile.tab(`${env.server.origin}/admin/chat`));
  await cleo.signIn("cleo", password);
  await page.keyboard.press("Escape");
  await ada.openConversation("Bea");
  await assignee(ada).selectOption({ label: "Cleo" });
  await cleo.openConversation("Bea");
  await eventually(() => chosen(cleo)).toBe("Cleo");
});

it("tags are made, put on, shown, filtered by and deleted", async () => {
  const env = await Environment.start();
  const agent = await env.agent();
  const { page } = agent;
  await ask(env, "Bea");
  await ask(env, "Cem");
  await agent.item("Cem").waitFor();
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog", { name: "Commands" }).getByRole("combobox").fill("Tags");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Tags" });
  await dialog.getByRole("textbox", { name: "Name" }).fill("Returns");
  await dialog.getByRole("button", { name: "Add tag" }).click();
  await dialog.getByText("Saved.").waitFor();
  await page.keyboard.press("Escape");

  await agent.openConversation("Bea");
  const details = page.getByRole("complementary", { name: "Customer" });
  if (!(await details.isVisible())) await page.getByRole("button", { name: "Details" }).click();
  await details.getByRole("checkbox", { name: "Returns" }).check();
  await agent.item("Bea").getByText("Returns").waitFor();
  await page.getByRole("combobox", { name: "Tag" }).selectOption("Returns");
  await eventually(() => agent.item("Cem").count()).toBe(0);
  await agent.item("Bea").waitFor();
  await page.getByRole("combobox", { name: "Tag" }).selectOption("Any tag");
  await agent.item("Cem").waitFor();
});

it("spam is a folder of its own, and several rows are changed at once by key", async () => {
  const env = await Environment.start();
  const agent = await env.agent();
  const { page } = agent;
  for (const name of ["Bea", "Cem", "Dan"]) await ask(env, name);
  await agent.item("Dan").waitFor();
  await agent.openConversation("Dan");
  await page.keyboard.press("Escape");
  await page.keyboard.press("!");
  await eventually(() => agent.item("Dan").count()).toBe(0);
  await page.getByRole("button", { name: "Spam", exact: true }).first().click();
  await agent.item("Dan").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "All", exact: true }).click();

  for (const name of ["Bea", "Cem"]) {
    await agent.item(name).getByRole("button").focus();
    await page.keyboard.press("x");
  }
  const bar = page.getByRole("region", { name: "2 conversations marked" });
  await bar.getByRole("button", { name: "Close" }).click();
  await eventually(() => agent.item("Bea").count()).toBe(0);
  // What is closed, and spam that waits, is there after a reload, too.
  await page.reload();
  await agent.waitUntilConnected();
  await page.getByRole("button", { name: "Spam", exact: true }).first().click();
  await agent.item("Dan").waitFor();
  await page.getByRole("button", { name: "All", exact: true }).click();
  await page.getByRole("button", { name: /^Closed/ }).click();
  await agent.item("Bea").waitFor();
  await agent.item("Cem").waitFor();

  // Reopened from the palette, closed by key, reopened by key.
  const markBoth = async () => {
    for (const name of ["Bea", "Cem"]) {
      await agent.item(name).getByRole("button").focus();
      await page.keyboard.press("x");
    }
    await bar.waitFor();
  };
  const areGone = () => eventually(() => agent.item("Bea").or(agent.item("Cem")).count()).toBe(0);
  await markBoth();
  expect(await bar.getByRole("button", { name: "Close" }).count()).toBe(0);
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog", { name: "Commands" }).getByRole("combobox").fill("reopen marked");
  await page.keyboard.press("Enter");
  await areGone();
  await page.getByRole("button", { name: /^Active/ }).click();
  await markBoth();
  expect(await bar.getByRole("button", { name: "Reopen" }).count()).toBe(0);
  await page.keyboard.press("Shift+E");
  await areGone();
  await page.getByRole("button", { name: /^Closed/ }).click();
  await markBoth();
  await page.keyboard.press("Shift+O");
  await areGone();
  await bar.waitFor({ state: "hidden" });
});

it("a visitor is blocked for some days, and the list of blocks lifts it", async () => {
  const env = await Environment.start();
  const agent = await env.agent();
  const { page } = agent;
  await ask(env, "Bea");
  await agent.openConversation("Bea");
  const details = page.getByRole("complementary", { name: "Customer" });
  if (!(await details.isVisible())) await page.getByRole("button", { name: "Details" }).click();
  // The question of the browser.
  await page.evaluate(() => {
    window.confirm = (question = "") => {
      document.body.dataset.asked = question;
      return true;
    };
  });
  await details.getByRole("combobox", { name: "Block for some days" }).selectOption("7 days");
  await eventually(() => page.locator("body").getAttribute("data-asked")).toBe(
    "Block Bea for 7 days? They cannot write until then.",
  );
  await agent.item("Bea").getByText("blocked").waitFor();
  // It is what a phone shows of the line first.
  await page.getByText(/^blocked · Waiting for an answer/).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog", { name: "Commands" }).getByRole("combobox").fill("Blocked");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Blocked visitors" });
  await dialog.getByText(/^until /).waitFor();
  await dialog.getByRole("button", { name: "Unblock: Bea" }).click();
  await dialog.getByText("Nobody is blocked.").waitFor();
  await page.keyboard.press("Escape");
  await eventually(() => agent.item("Bea").getByText("blocked").count()).toBe(0);
});
