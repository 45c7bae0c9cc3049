import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";
import type { Visitor } from "./page-objects";

const QUESTION = "How was this conversation?";

const ratingOf = (visitor: Visitor) => visitor.dialog.getByRole("group", { name: QUESTION });

const end = (visitor: Visitor) =>
  visitor.dialog.getByRole("button", { name: "End conversation" }).click();

it("a visitor rates a closed conversation, changes that, and agents see it at once", async () => {
  const env = await Environment.start();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Where is my parcel?");
  await agent.openConversation("Bea");
  await agent.expectMessages("Where is my parcel?");
  const rating = ratingOf(visitor);
  expect(await rating.count(), "an open conversation").toBe(0);
  await end(visitor);

  await rating.getByRole("button", { name: "4 of 5" }).click();
  await rating.getByText("Thank you for your rating").waitFor();
  await agent.log.getByText("Bea rated the conversation 4 of 5").waitFor();
  const comment = rating.getByRole("textbox", { name: "Comment (optional)" });
  await comment.fill("Quick\nand kind");
  await rating.getByRole("button", { name: "5 of 5" }).click();
  await agent.log.getByText("Bea rated the conversation 5 of 5").waitFor();
  await agent.log.getByText("Quick").waitFor();
  expect(await agent.log.getByText("4 of 5").count()).toBe(0);
  const details = agent.page.getByRole("complementary", { name: "Customer" });
  if (!(await details.isVisible())) {
    await agent.page.getByRole("button", { name: "Details" }).click();
  }
  await eventually(() => details.innerText()).toContain("5 of 5");
  const pressed = rating.getByRole("button", { pressed: true });
  expect(await pressed.getAttribute("title")).toBe("5 of 5");

  // What comes next is rated anew.
  await visitor.send("One more thing");
  await rating.waitFor({ state: "detached" });
  await end(visitor);
  await rating.waitFor();
  expect(await pressed.count()).toBe(0);
  expect(await comment.isVisible()).toBe(false);
});

it("the keyboard reaches the five buttons, and a refusal is told", async () => {
  const env = await Environment.start({
    page: { attributes: 'data-locale="de"' },
    allowNetworkErrors: true,
  });
  const visitor = await env.visitor();
  await visitor.open();
  const { dialog } = visitor;
  await dialog.getByRole("button", { name: "Chat starten" }).waitFor();
  await dialog.getByRole("textbox", { name: "Name" }).fill("Bea");
  await dialog.getByRole("button", { name: "Chat starten" }).click();
  await dialog.getByRole("textbox", { name: "Nachricht" }).fill("Hallo");
  await dialog.press("Enter");
  await dialog.getByRole("button", { name: "Unterhaltung beenden" }).click();
  const rating = dialog.getByRole("group", { name: "Wie war diese Unterhaltung?" });
  await rating.getByRole("button", { name: "1 von 5" }).focus();
  for (let step = 0; step < 2; step += 1) await visitor.page.keyboard.press("Tab");
  await visitor.page.keyboard.press("Enter");
  await rating.getByText("Danke für Ihre Bewertung").waitFor();
  const pressed = rating.getByRole("button", { pressed: true });
  expect(await pressed.getAttribute("title")).toBe("3 von 5");

  await env.server.kill();
  await rating.getByRole("button", { name: "5 von 5" }).click();
  await rating.getByText("Das hat nicht geklappt.").waitFor();
  expect(await pressed.getAttribute("title"), "the one that is stored").toBe("3 von 5");
});
