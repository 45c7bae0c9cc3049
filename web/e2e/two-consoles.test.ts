import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";
import type { Agent } from "./page-objects";

const chosen = ({ page }: Agent) =>
  page
    .getByRole("combobox", { name: "Who answers" })
    .evaluate((select: HTMLSelectElement) => select.selectedOptions[0]?.text);

/** A call of the console's own. */
const call = ({ page }: Agent, method: string, path: string, body: object) =>
  page.evaluate(
    async ([method, path, body]) => {
      const response = await fetch(`/api/admin/${path}`, {
        method,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      return response.status;
    },
    [method, path, body] as const,
  );

it("two consoles of one agent show the same of a conversation, whichever of them changes it", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Where is my parcel?");
  const first = await env.agent();
  expect(await call(first, "POST", "tags/", { name: "Returns", color: "#112233" })).toBe(201);
  await first.page.reload();
  await first.waitUntilConnected();
  const second = await env.agent();
  for (const agent of [first, second]) {
    await agent.openConversation("Bea");
    await agent.expectMessages("Where is my parcel?");
    const details = agent.page.getByRole("complementary", { name: "Customer" });
    if (!(await details.isVisible())) {
      await agent.page.getByRole("button", { name: "Details" }).click();
    }
    // The agent is nobody else, in whatever console.
    expect(await agent.page.getByText("has this conversation open, too").count()).toBe(0);
  }

  // Who answers.
  await first.page.keyboard.press("Escape");
  await first.page.keyboard.press("c");
  for (const agent of [first, second]) await eventually(() => chosen(agent)).toBe("ada");
  await second.page.keyboard.press("Escape");
  await second.page.keyboard.press("c");
  for (const agent of [first, second]) await eventually(() => chosen(agent)).toBe("Nobody");

  // A note.
  await first.page.keyboard.press("n");
  await first.page.keyboard.type("She is a regular");
  await first.page.keyboard.press("Enter");
  for (const agent of [first, second]) {
    await agent.expectMessages("Where is my parcel?", "She is a regular");
    await eventually(() => agent.log.getByRole("note").locator("time").count()).toBe(1);
  }

  // A tag.
  const tag = ({ page }: Agent) => page.getByRole("checkbox", { name: "Returns" });
  await second.page.getByRole("checkbox", { name: "Returns" }).check();
  for (const agent of [first, second]) {
    await agent.item("Bea").getByText("Returns").waitFor();
    await eventually(() => tag(agent).isChecked()).toBe(true);
  }

  // A suggestion, which one of them dismisses.
  const room = /#room=(.+)/.exec(first.page.url())![1];
  const draft = { after_seq: 1, content: "It comes today", by: "Robot" };
  expect(await call(first, "PUT", `rooms/${room}/draft/`, draft)).toBe(200);
  const suggestion = ({ page }: Agent) => page.getByRole("region", { name: "Suggestion" });
  for (const agent of [first, second])
    await suggestion(agent).getByText("It comes today").waitFor();
  await second.page.getByRole("button", { name: "Dismiss" }).click();
  for (const agent of [first, second]) await suggestion(agent).waitFor({ state: "hidden" });

  // An answer.
  await second.send("It comes today.");
  for (const agent of [first, second]) {
    await agent.expectMessages("Where is my parcel?", "She is a regular", "It comes today.");
    await eventually(() => chosen(agent)).toBe("ada");
  }
});
