/** A server and a browser for what is measured: `figures.mjs` and `bench/list.mjs`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const BINARY = process.env.SHOPTALK_BIN ?? "../target/release/shoptalk";
const AGENT = { username: "mia", password: "correct horse" };

/** A data directory that is deleted at the end, and the commands on it. */
export function makePlace() {
  const directory = mkdtempSync(join(tmpdir(), "shoptalk-measured-"));
  const data = ["--data-dir", directory];
  let server;
  return {
    directory,

    /** Runs a command to its end. `input` is its standard input. */
    async run(args, input = "") {
      const child = spawn(BINARY, [...args, ...data], { stdio: ["pipe", "ignore", "pipe"] });
      let log = "";
      child.stderr.on("data", (text) => {
        log += text;
      });
      child.stdin.end(input);
      const [code] = await once(child, "close");
      if (code) throw new Error(`shoptalk ${args.join(" ")} ended with ${code}: ${log}`);
    },

    /** Starts the server without rate limits, and returns its address. */
    async serve(settings = {}) {
      const env = { ...process.env, SHOPTALK_LIMITS__ENABLED: "false", ...settings };
      const args = ["serve", "--listen", "127.0.0.1:0", ...data];
      server = spawn(BINARY, args, { env, stdio: ["ignore", "pipe", "ignore"] });
      const [line] = await once(server.stdout, "data");
      return /http\S+/.exec(String(line))[0];
    },

    async end() {
      if (server?.kill()) await once(server, "exit");
      rmSync(directory, { recursive: true });
    },
  };
}

export const launchBrowser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });

/** Adds the agent whom `signIn` signs in. */
export const addAgent = (place) =>
  place.run(
    ["agent", "add", AGENT.username, "--role", "admin", "--password-stdin"],
    `${AGENT.password}\n`,
  );

/** Gives the agent a password whom an import has brought. */
export const setPassword = (place) =>
  place.run(["agent", "passwd", AGENT.username, "--password-stdin"], `${AGENT.password}\n`);

/** A console in a new tab. */
export async function signIn(context, url) {
  const page = await context.newPage();
  await page.goto(`${url}/admin/chat`);
  await page.getByRole("textbox", { name: "Username" }).fill(AGENT.username);
  await page.getByLabel("Password").fill(AGENT.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Real-time connected").waitFor();
  return page;
}

export const quantile = (values, q) =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * q) - 1];
