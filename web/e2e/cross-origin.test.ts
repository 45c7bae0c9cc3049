import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";

/** What a page of another origin gets from the server with this browser's cookies. */
interface Results {
  sockets: string[];
  responses: string[];
}

/** The browser's errors about the attempts that are refused. */
const REFUSED = /WebSocket connection to|blocked by CORS|net::ERR_FAILED|status of 4\d\d/;

/** Tries the sockets of both sides and the console's calls. */
async function attack([http, room, token]: [string, string, string]): Promise<Results> {
  const ws = http.replace("http", "ws");
  const socket = (path: string, hello: object) =>
    new Promise<string>((resolve) => {
      const webSocket = new WebSocket(ws + path);
      webSocket.onopen = () => webSocket.send(JSON.stringify({ type: "hello", ...hello }));
      webSocket.onmessage = ({ data }) => resolve(`received ${data}`);
      webSocket.onclose = () => resolve("nothing");
    });
  const request = (method: string, path: string, body?: string) =>
    fetch(http + path, { method, credentials: "include", ...(body && { body }) }).then(
      async (response) => `read ${await response.text()}`,
      () => "nothing",
    );
  return {
    sockets: await Promise.all([
      socket("/ws/admin/chat/", {}),
      socket(`/ws/chat/${room}/`, { token }),
    ]),
    // One after the other, since the last one ends the session.
    responses: [
      await request("GET", "/api/admin/me/"),
      await request("GET", "/api/admin/rooms/"),
      // Requests that need no CORS preflight.
      await request(
        "POST",
        `/api/admin/rooms/${room}/messages/`,
        '{"id":"x","content":"from elsewhere"}',
      ),
      await request("POST", "/api/admin/logout/", "{}"),
    ],
  };
}

it("a page of another origin gets no socket and no response while the agent is signed in", async () => {
  const env = await Environment.start({});
  const visitor = await env.visitor();
  await visitor.open();
  const [opened] = await Promise.all([
    visitor.page.waitForResponse(/\/api\/chat\/rooms\/$/),
    visitor.begin({ name: "Bea" }),
  ]);
  const { room, token } = (await opened.json()) as { room: { id: string }; token: string };
  await visitor.send("Hello?");

  const profile = await env.profile({ expectedErrors: REFUSED });
  const agent = await env.agentIn(profile);
  await agent.openConversation("Bea");
  // The same site on another port: SameSite alone does not withhold the cookie.
  const elsewhere = await profile.tab(env.shop.origin.replace("localhost", "127.0.0.1"));
  const args: [string, string, string] = [env.server.origin, room.id, token];
  expect(await elsewhere.evaluate(attack, args)).toEqual({
    sockets: ["nothing", "nothing"],
    responses: ["nothing", "nothing", "nothing", "nothing"],
  });

  // Nothing has changed: the session is valid, and the log has only what was written there.
  await agent.page.reload();
  await agent.openConversation("Bea");
  await eventually(() => agent.status.innerText()).toBe("Real-time connected");
  await agent.expectMessages("Hello?");
  await agent.send("Yes?");
  await visitor.expectMessages("Hello?", "Yes?");
  // The attempts work from the server's own origin.
  const own = await profile.tab(`${env.server.origin}/admin/chat`);
  const results = await own.evaluate(attack, args);
  expect(results.sockets[0]).toMatch(/^received .*welcome/);
  expect(results.responses[0]).toMatch(/^read .*"username"/);
});
