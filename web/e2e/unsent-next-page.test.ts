import { expect, it } from "vitest";
import { eventually } from "./browser";
import { World } from "./environment";

const QUICK = { SHOPTALK_SOCKET__RECONNECT_WINDOW_MS: "200" };

it("a first message that found no server is sent by the next page, without a click", async () => {
  const world = await World.start({ env: QUICK, badNetwork: true });
  const agent = await world.agent();
  const customer = await world.customer();
  // The chat's own files arrive, and no conversation can begin.
  await customer.page.route("**/api/chat/**", (route) => route.abort());
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("Hello?");
  await eventually(() => customer.status.innerText()).toMatch(/kept and sent later/i);
  await customer.page.unroute("**/api/chat/**");
  await customer.page.goto("about:blank");
  expect(await agent.item("Bea").count()).toBe(0);

  await customer.page.goto(world.shop.origin);
  await agent.item("Bea").waitFor();
  await agent.opens("Bea");
  await agent.sees("Hello?");
  await agent.says("Yes?");
  await eventually(() => customer.page.title()).toMatch(/^\(1\)/);
});

it("what was unsent when the token ended is sent by the next page, without a click", async () => {
  const world = await World.start({ env: QUICK, badNetwork: true });
  const [customer, agent] = await Promise.all([world.customer(), world.agent()]);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("before");
  await agent.opens("Bea");
  await agent.sees("before");
  await agent.page.goto("about:blank");
  // From now on nothing reaches the server, which then ends the token.
  await customer.page.context().setOffline(true);
  await customer.says("unsent");
  const ended = await customer.page.evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.endsWith(":session"))!;
    return (JSON.parse(localStorage[key]) as { token: string }).token;
  });
  const answer = await fetch(`${world.server.origin}/api/chat/logout/`, {
    method: "POST",
    headers: { authorization: `Bearer ${ended}` },
  });
  expect(answer.status).toBe(204);
  // The socket is told that its token has ended; the new conversation cannot begin yet.
  await customer.page.route("**/api/chat/**", (route) => route.abort());
  await customer.page.context().setOffline(false);
  await eventually(() =>
    customer.page.evaluate(() => {
      const key = Object.keys(localStorage).find((name) => name.endsWith(":session"))!;
      return (JSON.parse(localStorage[key]) as { room?: string }).room ?? "none";
    }),
  ).toBe("none");
  await customer.page.unroute("**/api/chat/**");

  await customer.page.goto("about:blank");
  await customer.page.goto(world.shop.origin);
  const next = await world.agent();
  await eventually(() => next.item("Bea").count()).toBe(2);
  await next.item("Bea").filter({ hasText: "unsent" }).getByRole("button").click();
  await next.sees("unsent");
});
