import { it } from "vitest";
import { eventually } from "./browser";
import { PASSWORD, World } from "./environment";
import { Agent } from "./page-objects";

it("a conversation that the server refuses for a while is joined in the end, and rings until then", async () => {
  const world = await World.start();
  const customer = await world.customer();
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("first");
  await customer.sees("first");

  const person = await world.person({ permissions: ["notifications"] });
  await person.context.addInitScript(() => {
    const rung: string[] = [];
    Object.assign(window, { rung });
    window.Notification = class extends EventTarget {
      static permission = "granted";
      static requestPermission = async () => "granted";
      constructor(_: string, { body }: { body: string }) {
        super();
        rung.push(body);
      }
      close() {}
    } as never;
  });
  const page = await person.tab();
  let refuses = true;
  let refusals = 0;
  // The server itself does so when a room is in quarantine or its store is busy.
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
  await page.goto(`${world.server.origin}/admin/chat`);
  const agent = new Agent(page);
  await agent.signIn("ada", PASSWORD);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Browser notifications").check();
  await page.keyboard.press("Escape");
  await agent.opens("Bea");

  // It asks again and again, and does not pretend that what one sees is all there is.
  await eventually(() => refusals).toBeGreaterThan(2);
  await eventually(() => agent.status.innerText()).not.toMatch(/Real-time connected/);
  await customer.says("second");
  const rung = () => page.evaluate(() => (window as never as { rung: string[] }).rung);
  await eventually(rung).toContain("second");
  // Answers leave, one after another, whether it is joined or not.
  await agent.says("answer 1");
  await agent.says("answer 2");
  await customer.sees("first", "second", "answer 1", "answer 2");
  await eventually(() =>
    page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes(":out:"))),
  ).toEqual([]);

  refuses = false;
  await agent.sees("first", "second", "answer 1", "answer 2");
  await agent.isConnected();
  await customer.says("third");
  await agent.sees("first", "second", "answer 1", "answer 2", "third");
});
