/**
 * Measures the front ends in a real browser against a real server: `make figures`.
 *
 * Bytes and requests before and after the click, main-thread time of the launcher, the time
 * from Enter to the message on the other side. Bytes are those that Chromium reports as received;
 * times are by its own clock. `bench/list.mjs` measures the console's list.
 */
import { createServer } from "node:http";
import { addAgent, launchBrowser, makePlace, quantile, signIn } from "./measured-server.mjs";

const MESSAGES = 100;
const LOADS = 20;

/** A shop on an origin of its own, whose page has only the tag. */
const shop = createServer((_, response) => {
  response.setHeader("content-type", "text/html");
  response.end(
    `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><body><script async src="${url}/widget.js"></script>`,
  );
});
await new Promise((ready) => shop.listen(0, "127.0.0.1", ready));
const shopUrl = `http://127.0.0.1:${shop.address().port}/`;

const place = makePlace();
await addAgent(place);
const url = await place.serve({ SHOPTALK_SERVER__ALLOWED_ORIGINS: shopUrl.slice(0, -1) });
const browser = await launchBrowser();

const rows = [];
const addRow = (figure, value, goal) => rows.push({ figure, value, goal });

async function measureBytes() {
  const context = await browser.newContext();
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  let loads = [];
  const names = new Map();
  devtools.on("Network.requestWillBeSent", ({ requestId, request }) =>
    names.set(requestId, request.url),
  );
  devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) =>
    loads.push({ url: names.get(requestId), bytes: encodedDataLength }),
  );
  await page.goto(shopUrl);
  await page.getByRole("button", { name: "Chat", exact: true }).waitFor();
  const before = loads.filter(({ url }) => url !== shopUrl);
  loads = [];
  await page.getByRole("button", { name: "Chat", exact: true }).click();
  await page.getByRole("button", { name: "Start chat" }).waitFor();
  const bytes = (list) => list.reduce((sum, { bytes }) => sum + bytes, 0);
  addRow("requests before the click", before.length, "1");
  addRow("bytes before the click, headers included", bytes(before), "");
  addRow("requests at the click", loads.length, "");
  addRow("bytes at the click, headers included", bytes(loads), "");
  const stored = await page.evaluate(() => localStorage.length + sessionStorage.length);
  addRow('values stored before "Start chat"', stored, "0");
  await context.close();
}

async function measureLauncher() {
  const times = [];
  for (let load = 0; load < LOADS; load++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    await devtools.send("Profiler.enable");
    await devtools.send("Profiler.setSamplingInterval", { interval: 100 });
    await devtools.send("Profiler.start");
    await page.goto(shopUrl);
    await page.getByRole("button", { name: "Chat", exact: true }).waitFor();
    const { profile } = await devtools.send("Profiler.stop");
    const ours = new Set();
    // Includes what the script calls.
    const visit = (node, inside) => {
      const isOurs = inside || node.callFrame.url.endsWith("/widget.js");
      if (isOurs) ours.add(node.id);
      for (const id of node.children ?? []) visit(profile.nodes[id - 1], isOurs);
    };
    const byId = new Map(profile.nodes.map((node) => [node.id, node]));
    profile.nodes = Array.from({ length: Math.max(...byId.keys()) }, (_, i) => byId.get(i + 1));
    visit(byId.get(1) ?? [...byId.values()][0], false);
    const micros = profile.samples.reduce(
      (sum, id, i) => sum + (ours.has(id) ? profile.timeDeltas[i] : 0),
      0,
    );
    times.push(micros / 1_000);
    await context.close();
  }
  addRow(
    `main-thread time of the launcher, median of ${LOADS} loads, ms`,
    quantile(times, 0.5).toFixed(1),
    "≤ 10",
  );
  addRow("main-thread time of the launcher, slowest, ms", quantile(times, 1).toFixed(1), "");
}

/** Run in a page: records when each text first appears in the log. */
const recordTexts = () => {
  window.seen = {};
  const roots = [document, document.querySelector("shoptalk-chat")?.shadowRoot].filter(Boolean);
  const record = () => {
    for (const root of roots) {
      for (const { textContent } of root.querySelectorAll("[role=log] .text")) {
        window.seen[textContent] ??= Date.now();
      }
    }
  };
  for (const root of roots)
    new MutationObserver(record).observe(root, { childList: true, subtree: true });
};

async function measureMessages() {
  const [customers, agents] = [await browser.newContext(), await browser.newContext()];
  const customer = await customers.newPage();
  await customer.goto(shopUrl);
  await customer.getByRole("button", { name: "Chat", exact: true }).click();
  await customer.getByRole("textbox", { name: "Name" }).fill("Ann");
  await customer.getByRole("button", { name: "Start chat" }).click();
  await customer.getByRole("textbox", { name: "Message" }).fill("Hello");
  await customer.keyboard.press("Enter");
  const agent = await signIn(agents, url);
  await agent.getByRole("listitem", { name: "Ann" }).click();
  await agent.getByRole("log").getByText("Hello").waitFor();
  for (const [from, field, to, what] of [
    [customer, "Message", agent, "from the customer's Enter to the console"],
    [agent, "Reply", customer, "from the agent's Enter to the widget"],
  ]) {
    await to.evaluate(recordTexts);
    await from.evaluate(() => {
      const press = () => {
        window.pressed = Date.now();
      };
      addEventListener("keydown", press, { capture: true });
    });
    const times = [];
    for (let i = 0; i < MESSAGES; i++) {
      const text = `${what} ${i}`;
      await from.getByRole("textbox", { name: field }).fill(text);
      await from.keyboard.press("Enter");
      const seen = await to.waitForFunction((text) => window.seen[text], text, { polling: 20 });
      times.push((await seen.jsonValue()) - (await from.evaluate(() => window.pressed)));
    }
    addRow(`${what}, p50 of ${MESSAGES}, ms`, quantile(times, 0.5), "");
    addRow(`${what}, p95, ms`, quantile(times, 0.95), "≤ 50");
  }
  await customers.close();
  await agents.close();
}

try {
  await measureBytes();
  await measureLauncher();
  await measureMessages();
  console.table(rows);
} finally {
  await browser.close();
  shop.close();
  await place.end();
}
