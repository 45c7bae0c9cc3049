import { expect, it } from "vitest";
import { eventually } from "./browser";
import { World } from "./environment";

/** What a page elsewhere gets when it tries the server with this browser's cookies. */
interface Loot {
  sockets: string[];
  answers: string[];
}

/** What a browser says of all that a raid tries in vain. */
const REFUSED = /WebSocket connection to|blocked by CORS|net::ERR_FAILED|status of 4\d\d/;

/** A page that wants into the server: sockets of both sides, and the console's calls. */
async function raid([http, room, token]: [string, string, string]): Promise<Loot> {
  const ws = http.replace("http", "ws");
  const socket = (path: string, hello: object) =>
    new Promise<string>((resolve) => {
      const line = new WebSocket(ws + path);
      line.onopen = () => line.send(JSON.stringify({ type: "hello", ...hello }));
      line.onmessage = ({ data }) => resolve(`heard ${data}`);
      line.onclose = () => resolve("nothing");
    });
  const ask = (method: string, path: string, body?: string) =>
    fetch(http + path, { method, credentials: "include", ...(body && { body }) }).then(
      async (answer) => `read ${await answer.text()}`,
      () => "nothing",
    );
  return {
    sockets: await Promise.all([
      socket("/ws/admin/chat/", {}),
      socket(`/ws/chat/${room}/`, { token }),
    ]),
    answers: await Promise.all([
      ask("GET", "/api/admin/me/"),
      ask("GET", "/api/admin/rooms/"),
      // What a form could send without asking first.
      ask("POST", "/api/admin/logout/", "{}"),
      ask("POST", `/api/admin/rooms/${room}/messages/`, '{"id":"x","content":"from elsewhere"}'),
    ]),
  };
}

it("a page elsewhere gets no socket and no answer, though the agent is signed in", async () => {
  const world = await World.start({});
  const visitor = await world.customer();
  await visitor.open();
  const [opened] = await Promise.all([
    visitor.page.waitForResponse(/\/api\/chat\/rooms\/$/),
    visitor.begin({ name: "Bea" }),
  ]);
  const { room, token } = (await opened.json()) as { room: { id: string }; token: string };
  await visitor.says("Hello?");

  const person = await world.person({ complains: REFUSED });
  const agent = await world.agentOf(person);
  await agent.opens("Bea");
  // The same site under another port: SameSite alone does not keep the cookie back.
  const elsewhere = await person.tab(world.shop.origin.replace("localhost", "127.0.0.1"));
  const args: [string, string, string] = [world.server.origin, room.id, token];
  expect(await elsewhere.evaluate(raid, args)).toEqual({
    sockets: ["nothing", "nothing"],
    answers: ["nothing", "nothing", "nothing", "nothing"],
  });

  // Nothing was done either: the session stands, and the log has what was written in it.
  await agent.page.reload();
  await agent.opens("Bea");
  await eventually(() => agent.status.innerText()).toBe("Real-time connected");
  await agent.sees("Hello?");
  await agent.says("Yes?");
  await visitor.sees("Hello?", "Yes?");
  // The test can see: from the own origin the same page hears and reads.
  const own = await person.tab(`${world.server.origin}/admin/chat`);
  const loot = await own.evaluate(raid, args);
  expect(loot.sockets[0]).toMatch(/^heard .*welcome/);
  expect(loot.answers[0]).toMatch(/^read .*"username"/);
});
