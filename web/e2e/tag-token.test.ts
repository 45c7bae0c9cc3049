import { expect, it } from "vitest";
import { Environment } from "./environment";

/** A visitor with a conversation that this browser knows nothing of. */
async function knownVisitor(env: Environment) {
  const { token, room } = await env.postToRooms("", { customer_name: "Ann" });
  const message = { id: crypto.randomUUID(), content: "as before" };
  await env.postToRooms(`${room.id}/messages/`, message, token);
  return token as string;
}

it("a token in the tag brings an earlier conversation back without a form", async () => {
  const env = await Environment.start();
  env.shop.page = { attributes: `data-token="${await knownVisitor(env)}"` };
  const visitor = await env.visitor();
  await visitor.button.waitFor();
  const stored = () => visitor.page.evaluate(() => Object.keys(localStorage));
  expect(await stored()).toEqual([]);
  await visitor.open();
  await visitor.expectMessages("as before");
  await visitor.send("and now");
  await visitor.expectMessages("as before", "and now");
});

it("a sign-out before the chat was opened ends the token in the tag", async () => {
  const env = await Environment.start();
  const token = await knownVisitor(env);
  env.shop.page = { attributes: `data-token="${token}"` };
  const visitor = await env.visitor();
  await visitor.button.waitFor();
  await visitor.page.evaluate(() => window.shoptalk?.reset());
  await visitor.open();
  await visitor.begin({ name: "Bob" });
  await visitor.send("somebody else");
  await visitor.expectMessages("somebody else");
  expect(await visitor.dialog.innerText()).not.toContain("as before");
  const response = await fetch(`${env.server.origin}/api/chat/rooms/`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(401);
});
