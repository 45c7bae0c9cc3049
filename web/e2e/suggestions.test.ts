import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";

it("an agent takes a program's suggestion at the caret, and dismisses another one", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  const agent = await env.agent();
  const { page, reply } = agent;
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Where is my parcel?");
  await agent.openConversation("Bea");
  const suggest = async (after_seq: number, content: string) => {
    const status = await page.evaluate(
      async ([after_seq, content]) => {
        const room = /#room=(.+)/.exec(location.href)![1];
        const response = await fetch(`/api/admin/rooms/${room}/draft/`, {
          method: "PUT",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ after_seq, content, by: "Robot" }),
        });
        return response.status;
      },
      [after_seq, content] as const,
    );
    expect(status).toBe(200);
  };
  await suggest(1, "it comes today");
  const suggestion = page.getByRole("region", { name: "Suggestion" });
  await suggestion.getByText("Robot suggests").waitFor();
  await reply.fill("Hello, bye");
  for (let steps = 0; steps < " bye".length; steps++) await page.keyboard.press("ArrowLeft");
  await page.keyboard.type(" ");
  await suggestion.getByRole("button", { name: "Take" }).click();
  await eventually(() => reply.inputValue()).toBe("Hello, it comes today bye");
  await suggestion.waitFor({ state: "hidden" });
  await page.keyboard.press("Control+z");
  await eventually(() => reply.inputValue()).toBe("Hello,  bye");

  await suggest(1, "it is lost");
  await suggestion.getByText("it is lost").waitFor();
  await visitor.send("Hello?");
  await suggestion.getByText("The customer has written since.").waitFor();
  await suggestion.getByRole("button", { name: "Dismiss" }).click();
  await suggestion.waitFor({ state: "hidden" });
  await page.reload();
  await agent.expectMessages("Where is my parcel?", "Hello?");
  expect(await suggestion.count()).toBe(0);

  await suggest(2, "sorry");
  await suggestion.getByText("sorry").waitFor();
  await agent.send("It comes today.");
  await suggestion.waitFor({ state: "hidden" });
  expect(await visitor.page.getByText("it is lost").count()).toBe(0);
});
