import { expect, it } from "vitest";
import { audit } from "./audit";
import { eventually } from "./browser";
import { Environment, PASSWORD } from "./environment";
import { expectFocus } from "./page-objects";

it("a note is written for agents alone, and its mode and draft stay with the conversation", async () => {
  const env = await Environment.start();
  await env.server.addAgent("tom", PASSWORD, "agent");
  const [visitor, other] = await Promise.all([env.visitor(), env.visitor()]);
  const [agent, colleague] = await Promise.all([env.agent(), env.agent()]);
  const { page, reply } = agent;
  const note = page.getByRole("textbox", { name: "Note", exact: true });
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Where is my parcel?");
  await other.open();
  await other.begin({ name: "Cleo" });
  await other.send("Hello?");

  // A key begins a note, and the field says so.
  await agent.openConversation("Bea");
  await reply.fill("Dear Bea");
  await page.keyboard.press("Escape");
  await page.keyboard.press("n");
  await expectFocus(note);
  await page.getByText("A note: only agents see it.").waitFor();
  expect(await note.inputValue()).toBe("");
  // `@` opens the list of colleagues; who is nobody's name stays plain.
  await page.keyboard.type("It is lost, ask @to");
  const colleagues = page.getByRole("listbox", { name: "Colleagues" });
  await colleagues.getByRole("option", { name: "tom", selected: true }).waitFor();
  await page.keyboard.press("Enter");
  await colleagues.waitFor({ state: "hidden" });
  expect(await note.inputValue()).toBe("It is lost, ask @tom ");
  await page.keyboard.type("or @nobody");
  await page.keyboard.press("Enter");
  const shown = agent.log.getByRole("note").filter({ hasText: "It is lost, ask @tom or @nobody" });
  await eventually(() => shown.innerText()).toMatch(/^Note ·\s+ada/i);
  expect(await shown.locator(".mention").allInnerTexts()).toEqual(["@tom"]);

  // Others see it among the messages.
  await colleague.openConversation("Bea");
  await colleague.expectMessages("Where is my parcel?", "It is lost, ask @tom or @nobody");

  // The mode and both drafts stay with the conversation, over others and a reload.
  await page.keyboard.type("half a note");
  await page.keyboard.press("Escape");
  await agent.openConversation("Cleo");
  await expectFocus(reply);
  expect(await reply.inputValue()).toBe("");
  await agent.send("Hello Cleo");
  await other.expectMessages("Hello?", "Hello Cleo");
  await page.reload();
  await agent.waitUntilConnected();
  await agent.item("Bea").getByRole("button").click();
  await note.waitFor();
  expect(await note.inputValue()).toBe("half a note");
  await note.press("Control+k");
  await page.keyboard.type("write a reply");
  await page.keyboard.press("Enter");
  await expectFocus(reply);
  expect(await reply.inputValue()).toBe("Dear Bea");
  await page.keyboard.press("Control+z");
  expect(await reply.inputValue()).not.toContain("note");
  await reply.fill("Dear Bea, we look for it");
  await page.keyboard.press("Enter");
  await visitor.expectMessages("Where is my parcel?", "Dear Bea, we look for it");

  // The button switches back to the draft, and Enter sends it as a note.
  await page.getByRole("button", { name: "Write a note" }).click();
  await expectFocus(note);
  expect(await note.inputValue()).toBe("half a note");
  await page.getByRole("button", { name: "Add note" }).click();
  await colleague.expectMessages(
    "It is lost, ask @tom or @nobody",
    "Dear Bea, we look for it",
    "half a note",
  );

  // The visitor has got two texts, and was never shown that somebody writes a note.
  const texts = await visitor.log.innerText();
  expect(texts).not.toContain("lost");
  expect(texts).not.toContain("half a note");
  await visitor.page.reload();
  await visitor.open();
  await visitor.expectMessages("Where is my parcel?", "Dear Bea, we look for it");
  expect(await visitor.page.content()).not.toContain("It is lost");
});

it("a note that is written offline arrives as one, once", async () => {
  const env = await Environment.start({ allowNetworkErrors: true });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await agent.openConversation("Bea");
  await env.server.kill();
  await eventually(() => agent.status.innerText()).toMatch(/^Offline/i);
  await agent.page.getByRole("button", { name: "Write a note" }).click();
  await agent.page.getByRole("textbox", { name: "Note", exact: true }).fill("She is a regular");
  await agent.page.keyboard.press("Enter");
  await agent.page.getByText("Waiting to be sent").waitFor();
  await env.server.start();
  await agent.waitUntilConnected();
  const notes = agent.log.getByRole("note");
  await eventually(() => notes.locator("time").count()).toBe(1);
  await agent.expectMessages("Hello?", "She is a regular");
  await visitor.waitUntilConnected();
  await visitor.expectMessages("Hello?");
  expect(await visitor.log.innerText()).not.toContain("regular");
});

it("notes have no serious problem", async () => {
  const env = await Environment.start();
  await env.server.addAgent("tom", PASSWORD, "agent");
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await agent.openConversation("Bea");
  await agent.page.getByRole("button", { name: "Write a note" }).click();
  const note = agent.page.getByRole("textbox", { name: "Note", exact: true });
  await note.fill("See https://example.com/, @tom");
  await note.press("Enter");
  await agent.log.getByRole("note").locator("time").waitFor();
  await note.fill("The next one for @");
  await agent.page.getByRole("listbox", { name: "Colleagues" }).waitFor();
  expect(await audit(agent.page, "html")).toEqual([]);
});
