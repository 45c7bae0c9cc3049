import { it } from "vitest";
import { eventually } from "./browser";
import { Environment, PASSWORD } from "./environment";
import { Agent } from "./page-objects";

it("a conversation whose join is refused is joined later, and alerts until then", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("first");
  await visitor.expectMessages("first");

  const profile = await env.profile({ permissions: ["notifications"] });
  await profile.context.addInitScript(() => {
    const alerted: string[] = [];
    Object.assign(window, { alerted });
    window.Notification = class extends EventTarget {
      static permission = "granted";
      static requestPermission = async () => "granted";
      constructor(_: string, { body }: { body: string }) {
        super();
        alerted.push(body);
      }
      close() {}
    } as never;
  });
  const page = await profile.tab();
  let refuses = true;
  let refusals = 0;
  // As the server does when a room is in quarantine or the store is busy.
  await page.routeWebSocket(/\/ws\/admin\/chat\//, (console) => {
    const server = console.connectToServer();
    console.onMessage((text) => {
      const frame = JSON.parse(`${text}`) as { type: string; room_id?: string };
      if (frame.type !== "join" || !refuses) return server.send(text);
      refusals++;
      console.send(
        JSON.stringify({
          type: "error",
          room_id: frame.room_id,
          code: "busy",
          message: "the room does not answer; try again",
          retryable: true,
          retry_after_ms: 100,
        }),
      );
    });
  });
  await page.goto(`${env.server.origin}/admin/chat`);
  const agent = new Agent(page);
  await agent.signIn("ada", PASSWORD);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Browser notifications").check();
  await page.keyboard.press("Escape");
  await agent.openConversation("Bea");

  // It keeps trying, and does not claim to be up to date.
  await eventually(() => refusals).toBeGreaterThan(2);
  await eventually(() => agent.status.innerText()).not.toMatch(/Real-time connected/);
  await visitor.send("second");
  const alerted = () => page.evaluate(() => (window as never as { alerted: string[] }).alerted);
  await eventually(alerted).toContain("second");
  // Replies are sent one after another, joined or not.
  await agent.send("answer 1");
  await agent.send("answer 2");
  await visitor.expectMessages("first", "second", "answer 1", "answer 2");
  await eventually(() =>
    page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes(":out:"))),
  ).toEqual([]);

  refuses = false;
  await agent.expectMessages("first", "second", "answer 1", "answer 2");
  await agent.waitUntilConnected();
  await visitor.send("third");
  await agent.expectMessages("first", "second", "answer 1", "answer 2", "third");
});
