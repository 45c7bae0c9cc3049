import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";

it("the console's status shows that a connected server cannot save", async () => {
  const env = await Environment.start({});
  // A 503 is an error for the browser.
  const profile = await env.profile({ expectedErrors: /503 .*readyz/ });
  const agent = await env.agentIn(profile);
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
