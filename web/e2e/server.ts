import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { onTestFailed, onTestFinished } from "vitest";
import { DEADLINE_MS, eventually } from "./browser";

const BINARY =
  process.env.SHOPTALK_BIN ??
  resolve(
    process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../target"),
    "debug/shoptalk",
  );

/** Each process takes its ports from a slice of its own, so that two suites do not meet. */
const SLICE_PORTS = 100;
const SLICES = 200;
const given = new Set<number>();

/**
 * A port that nothing listens on, another one at each call. It is outside of the range for outgoing
 * connections: otherwise one of those might have taken it before a restarted server listens again.
 */
export async function freePort(): Promise<number> {
  const first = 10_000 + (process.pid % SLICES) * SLICE_PORTS;
  for (;;) {
    if (given.size === SLICE_PORTS) given.clear();
    const port = first + Math.floor(Math.random() * SLICE_PORTS);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await Promise.race([
      once(server, "listening").then(() => true),
      once(server, "error").then(() => false),
    ]);
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

export interface ServerOptions {
  /** `demo` instead of `serve`: with a shop, conversations and admin/admin123. */
  demo?: boolean;
  /** Settings as environment variables, `SHOPTALK_SECTION__KEY`. */
  settings?: Record<string, string>;
}

/** The real server; it keeps its data and its port when it is started again. */
export class Server {
  readonly origin: string;
  /** The standard error of the server and of the command line. */
  log = "";
  readonly #options: ServerOptions;
  readonly #port: number;
  readonly #dir = mkdtempSync(join(tmpdir(), "shoptalk-e2e-"));
  #child: ChildProcessByStdio<null, Readable, Readable> | undefined;

  private constructor(options: ServerOptions, port: number) {
    this.#options = options;
    this.#port = port;
    this.origin = `http://127.0.0.1:${port}`;
  }

  /** Starts one that ends with the test; its log is printed when the test fails. */
  static async start(options: ServerOptions = {}): Promise<Server> {
    const server = new Server(options, await freePort());
    onTestFailed(() => console.error(`the server's log:\n${server.log}`));
    onTestFinished(async () => {
      await server.kill();
      rmSync(server.#dir, { recursive: true, force: true });
    });
    await server.start();
    return server;
  }

  get wsOrigin() {
    return this.origin.replace("http", "ws");
  }

  /** Starts the program, and waits until it accepts connections. */
  async start() {
    const listen = ["--listen", `127.0.0.1:${this.#port}`];
    const args = this.#options.demo
      ? ["demo", ...listen]
      : ["serve", ...listen, "--data-dir", this.#dir];
    const child = spawn(BINARY, args, { env: this.#env(), stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    // A test run that is stopped leaves nothing behind.
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    child.stderr.on("data", (text) => {
      this.log += text;
    });
    let line = "";
    const listening = new Promise<void>((done) => {
      child.stdout.on("data", (text) => {
        line += text;
        if (line.includes("\n")) done();
      });
    });
    let timer: NodeJS.Timeout | undefined;
    const failed = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new Error("the server does not start")), DEADLINE_MS);
      child.once("error", fail);
      child.once("exit", (code) => fail(new Error(`the server ended with ${code}\n${this.log}`)));
    });
    await Promise.race([listening, failed]);
    clearTimeout(timer);
    // From here on it ends only when the test ends it.
    failed.catch(() => {});
    const origin = /^listening on (\S+)\n$/.exec(line)?.[1];
    if (origin !== this.origin) throw new Error(`the server printed ${JSON.stringify(line)}`);
  }

  /** The link at which the first admin is made, which it prints at its start. */
  async setupLink(): Promise<string> {
    await eventually(() => this.log).toContain("/admin/setup#");
    return /http\S+\/admin\/setup#\S+/.exec(this.log)![0];
  }

  /** Kills it at once. */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** Asks it to end, as a service manager does. */
  async stop() {
    await this.#end("SIGTERM");
  }

  async #end(signal: NodeJS.Signals) {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  /** Adds an agent by the command line. */
  async addAgent(name: string, password: string, role: "admin" | "agent" = "admin") {
    const args = ["agent", "add", name, "--role", role, "--password-stdin"];
    await new Promise<void>((done, fail) => {
      const child = execFile(
        BINARY,
        [...args, "--data-dir", this.#dir],
        { env: this.#env() },
        (error, _, stderr) => {
          this.log += stderr;
          if (error) fail(error);
          else done();
        },
      );
      child.stdin?.end(`${password}\n`);
    });
  }

  #env() {
    return { ...process.env, ...this.#options.settings };
  }
}
