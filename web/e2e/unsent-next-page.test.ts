import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment, FAST_RECONNECT } from "./environment";

it("a first message that did not reach the server is sent by the next page, without a click", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const agent = await env.agent();
  const visitor = await env.visitor();
  // The chat's files load, but no conversation can begin.
  await visitor.page.route("**/api/chat/**", (route) => route.abort());
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await eventually(() => visitor.status.innerText()).toMatch(/kept and sent later/i);
  await visitor.page.unroute("**/api/chat/**");
  await visitor.page.goto("about:blank");
  expect(await agent.item("Bea").count()).toBe(0);

  await visitor.page.goto(env.shop.origin);
  await agent.item("Bea").waitFor();
  await agent.openConversation("Bea");
  await agent.expectMessages("Hello?");
  await agent.send("Yes?");
  await eventually(() => visitor.page.title()).toMatch(/^\(1\)/);
});

it("a message that was unsent when the token ended is sent by the next page, without a click", async () => {
  const env = await Environment.start({ settings: FAST_RECONNECT, allowNetworkErrors: true });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("before");
  await agent.openConversation("Bea");
  await agent.expectMessages("before");
  await agent.page.goto("about:blank");
  // From now on nothing reaches the server. Then the token ends.
  await visitor.page.context().setOffline(true);
  await visitor.send("unsent");
  const ended = await visitor.page.evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.endsWith(":session"))!;
    return (JSON.parse(localStorage[key]) as { token: string }).token;
  });
  const response = await fetch(`${env.server.origin}/api/chat/logout/`, {
    method: "POST",
    headers: { authorization: `Bearer ${ended}` },
  });
  expect(response.status).toBe(204);
  // The socket is closed because its token has ended; no new conversation can begin yet.
  await visitor.page.route("**/api/chat/**", (route) => route.abort());
  await visitor.page.context().setOffline(false);
  await eventually(() =>
    visitor.page.evaluate(() => {
      const key = Object.keys(localStorage).find((name) => name.endsWith(":session"))!;
      return (JSON.parse(localStorage[key]) as { room?: string }).room ?? "none";
    }),
  ).toBe("none");
  await visitor.page.unroute("**/api/chat/**");

  await visitor.page.goto("about:blank");
  await visitor.page.goto(env.shop.origin);
  const next = await env.agent();
  await eventually(() => next.item("Bea").count()).toBe(2);
  await next.item("Bea").filter({ hasText: "unsent" }).getByRole("button").click();
  await next.expectMessages("unsent");
});
