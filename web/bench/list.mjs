/**
 * Measures the console's list with 10,000 conversations that have tags and assignees, where an agent
 * meets it: `npm run bench:list`, after `cargo build --release`.
 *
 * The server is the real one, the browser Chromium. A time ends when the frame is painted that shows
 * what is waited for. The environment's CONVERSATIONS is their number, SHOPTALK_BIN the server.
 */
import { createWriteStream } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { launchBrowser, makePlace, quantile, setPassword, signIn } from "../measured-server.mjs";
import { exportLines, listLengths, roomId } from "./conversations.mjs";

const CONVERSATIONS = Number(process.env.CONVERSATIONS ?? 10_000);
const LOADS = 9;
const ROUNDS = 5;
const GOALS_MS = { list: 300, frame: 16.7, filter: 50 };
/** Frames of a screen with 60 Hz differ by this much. */
const JITTER_MS = 0.2;
/** How far a frame scrolls: a fast turn of the wheel. */
const SCROLL_PX = 450;
const CHANGES_PER_SECOND = 20;
const CHANGES_MS = 8_000;

const rows = [];
/** Adds a figure in ms; with a goal, whether it is met as far as it is shown. */
function addRow(figure, ms, goal, tolerance = 0) {
  const shown = ms.toFixed(1);
  const met = goal && (Number(shown) <= goal + tolerance ? "met" : "MISSED");
  rows.push({ figure, ms: shown, goal: goal ?? "", met: met ?? "" });
}

function addFrames(what, frames) {
  addRow(`${what}: a frame, p50 of ${frames.length}`, quantile(frames, 0.5));
  addRow(`${what}: a frame, p95`, quantile(frames, 0.95), GOALS_MS.frame, JITTER_MS);
  addRow(`${what}: a frame, longest`, quantile(frames, 1));
  const late = frames.filter((ms) => ms > 1.5 * GOALS_MS.frame).length;
  rows.push({ figure: `${what}: frames that came late`, ms: `${late} of them`, goal: "", met: "" });
}

async function fill(place) {
  const path = join(place.directory, "conversations.jsonl");
  const file = createWriteStream(path);
  for (const line of exportLines(CONVERSATIONS, Date.now())) {
    file.write(`${JSON.stringify(line)}\n`);
  }
  file.end();
  await finished(file);
  await place.run(["import", path]);
  await setPassword(place);
}

/** Runs before each page. */
function installMeasures() {
  /** Resolves with the time of the first painted frame in which `isThere`. */
  window.painted = (isThere) =>
    new Promise((done) => {
      const look = () =>
        requestAnimationFrame(() => {
          // A message that is sent in a frame arrives when the frame has been painted.
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => (isThere() ? done(performance.now()) : look());
          port2.postMessage(undefined);
        });
      look();
    });
  window.listPainted = window.painted(() => document.querySelector(".row"));
}

async function measureFirstList(context, url) {
  const lists = [];
  for (let load = 0; load < LOADS; load++) {
    const page = await context.newPage();
    await page.goto(`${url}/admin/chat`, { waitUntil: "commit" });
    lists.push(await page.evaluate(() => window.listPainted));
    await page.close();
  }
  addRow(`first list after navigation, median of ${LOADS}`, quantile(lists, 0.5), GOALS_MS.list);
  addRow("first list after navigation, slowest", quantile(lists, 1));
}

/** What the server alone takes for a page of the list. */
async function measurePages(page) {
  for (const query of [
    "status=active",
    "status=active&assignee=me",
    "status=waiting&order=waiting",
  ]) {
    const times = await page.evaluate(async (query) => {
      const times = [];
      for (let i = 0; i < 20; i++) {
        const begun = performance.now();
        await (await fetch(`/api/admin/rooms/?limit=200&${query}`)).text();
        times.push(performance.now() - begun);
      }
      return times;
    }, query);
    addRow(`the server's page of 200, ${query}, median of 20`, quantile(times, 0.5));
  }
}

/** From the click to the painted list, in ms. */
async function changeFilter(page, name) {
  const button = page.locator(".filters button").filter({ hasText: new RegExp(`^${name}\\b`) });
  await page.evaluate((name) => {
    let clickedAt;
    addEventListener("click", ({ timeStamp }) => (clickedAt = timeStamp), {
      capture: true,
      once: true,
    });
    const isPressed = (button) =>
      button.ariaPressed === "true" && button.textContent.startsWith(name);
    window.filtered = window
      .painted(
        () =>
          clickedAt &&
          [...document.querySelectorAll(".filters button")].some(isPressed) &&
          document.querySelector(".row"),
      )
      .then((at) => at - clickedAt);
  }, name);
  await button.click();
  return page.evaluate(() => window.filtered);
}

/** The buttons, each of which changes the list; "All" ends a scope. */
const FILTERS = [
  "Waiting",
  "Active",
  "Closed",
  "Open",
  "Mine",
  "All",
  "Unassigned",
  "All",
  "Spam",
  "All",
];

async function measureFilters(page, what, rounds) {
  const times = [];
  for (let round = 0; round < rounds; round++) {
    for (const name of FILTERS) times.push({ name, ms: await changeFilter(page, name) });
  }
  const all = times.map(({ ms }) => ms);
  const slowest = quantile(all, 1);
  const { name } = times.find(({ ms }) => ms === slowest);
  addRow(`${what}: a change of the filter, p50 of ${all.length}`, quantile(all, 0.5));
  addRow(`${what}: a change of the filter, slowest ("${name}")`, slowest, GOALS_MS.filter);
}

/** The processor time of the page's main thread until now, in ms. It does not depend on what else runs. */
async function processorTime(devtools) {
  const { metrics } = await devtools.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration").value * 1_000;
}

/** Scrolls to the end, loading what is missing. */
async function measureScrolling(page) {
  const total = listLengths(CONVERSATIONS).open;
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const before = await processorTime(devtools);
  const frames = await page.evaluate(
    async ([step, total]) => {
      const box = document.querySelector(".virtual");
      const isAtEnd = () =>
        Number(box.querySelector("li").ariaSetSize) >= total &&
        box.scrollTop + box.clientHeight >= box.scrollHeight;
      const frames = [];
      let last = await new Promise(requestAnimationFrame);
      while (!isAtEnd()) {
        box.scrollTop += step;
        const now = await new Promise(requestAnimationFrame);
        frames.push(now - last);
        last = now;
      }
      return frames;
    },
    [SCROLL_PX, total],
  );
  const own = ((await processorTime(devtools)) - before) / frames.length;
  addFrames("scrolling the whole list", frames);
  addRow(
    "scrolling the whole list: the page's own processor time in a frame, mean",
    own,
    GOALS_MS.frame,
  );
}

/** Frames while conversations change. */
async function measureChanges(page, url) {
  const token = await page.evaluate(async () => {
    const body = JSON.stringify({ username: "mia", password: "correct horse" });
    const headers = { "content-type": "application/json" };
    const reply = await fetch("/api/admin/login/", { method: "POST", headers, body });
    return (await reply.json()).token;
  });
  const frames = page.evaluate(async (ms) => {
    const frames = [];
    const begun = await new Promise(requestAnimationFrame);
    for (let last = begun; last - begun < ms; ) {
      const now = await new Promise(requestAnimationFrame);
      frames.push(now - last);
      last = now;
    }
    return frames;
  }, CHANGES_MS);
  let sent = 0;
  const timer = setInterval(() => {
    fetch(`${url}/api/admin/rooms/${roomId((sent++ * 37) % CONVERSATIONS)}/messages/`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ id: crypto.randomUUID(), content: `An answer, number ${sent}` }),
    });
  }, 1_000 / CHANGES_PER_SECOND);
  addFrames(`${CHANGES_PER_SECOND} messages a second`, await frames);
  clearInterval(timer);
}

const load = loadavg()[0].toFixed(2);
console.log(
  `${CONVERSATIONS} conversations; ${cpus().length} cores, load before the start ${load}`,
);
const place = makePlace();
const browser = await launchBrowser();
try {
  await fill(place);
  const url = await place.serve();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  await context.addInitScript(installMeasures);
  await (await signIn(context, url)).close();
  await measureFirstList(context, url);
  const page = await context.newPage();
  await page.goto(`${url}/admin/chat`);
  await page.getByRole("listitem").first().waitFor();
  await measurePages(page);
  await measureFilters(page, "just loaded", 1);
  await measureScrolling(page);
  await measureFilters(page, "all in memory", ROUNDS);
  await measureChanges(page, url);
  console.table(rows);
} finally {
  await browser.close();
  await place.end();
}
