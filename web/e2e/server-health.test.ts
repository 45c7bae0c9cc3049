import { expect, it } from "vitest";
import { eventually } from "./browser";
import { World } from "./environment";

it("a server that is connected but cannot save says so in the console's status line", async () => {
  const world = await World.start({});
  // A refusal is an error to the browser, and here the only one.
  const person = await world.person({ complains: /503 .*readyz/ });
  const agent = await world.agentOf(person);
  await eventually(() => agent.status.innerText()).toBe("Real-time connected");
  await agent.page.route("**/readyz", (route) =>
    route.fulfill({
      status: 503,
      contentType: "application/problem+json",
      body: JSON.stringify({
        code: "storage_unavailable",
        detail: "the disk is full; free some space",
      }),
    }),
  );
  await agent.page.reload();
  await eventually(() => agent.status.innerText()).toBe(
    "Real-time connected, but the server does not work: the disk is full; free some space",
  );
  await agent.page.unroute("**/readyz");
  await agent.page.reload();
  await eventually(() => agent.status.innerText()).toBe("Real-time connected");
  expect(await agent.page.getByRole("alert").count()).toBe(0);
});
