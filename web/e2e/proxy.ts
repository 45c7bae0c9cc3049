import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { freePort } from "./server";

/** Stands between a browser and the server, and is the network that fails. */
export class Relay {
  readonly origin: string;
  /** How many connections browsers have opened. */
  connections = 0;
  readonly #port: number;
  readonly #to: number;
  readonly #pairs = new Map<Socket, Socket | undefined>();
  #listener: Server | undefined;
  #isCut = false;

  private constructor(port: number, to: number) {
    this.#port = port;
    this.#to = to;
    this.origin = `http://127.0.0.1:${port}`;
  }

  /** Starts one before the server of an origin; it ends with the test. */
  static async start(before: string): Promise<Relay> {
    const proxy = new Relay(await freePort(), Number(new URL(before).port));
    onTestFinished(() => proxy.refuse());
    await proxy.#listen();
    return proxy;
  }

  /** Nothing passes any more, in either direction, and nobody is told: the cable is out. */
  cut() {
    this.#isCut = true;
    for (const [browser, server] of this.#pairs) {
      browser.pause();
      server?.pause();
    }
  }

  /** Nobody listens, and what was open is closed. */
  async refuse() {
    const listener = this.#listener;
    this.#listener = undefined;
    const closed = listener && once(listener, "close");
    listener?.close();
    this.closeAll();
    await closed;
  }

  /** Ends all connections, and lets new ones through. */
  closeAll() {
    for (const [browser, server] of this.#pairs) {
      browser.destroy();
      server?.destroy();
    }
  }

  /** All is well again; what was held up arrives. */
  async heal() {
    this.#isCut = false;
    for (const [browser, server] of this.#pairs) {
      if (server) {
        browser.resume();
        server.resume();
      } else this.#join(browser);
    }
    if (!this.#listener) await this.#listen();
  }

  async #listen() {
    const listener = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (browser) => {
      this.connections++;
      this.#pairs.set(browser, undefined);
      browser.on("error", () => browser.destroy());
      browser.on("close", () => {
        this.#pairs.get(browser)?.destroy();
        this.#pairs.delete(browser);
      });
      if (!this.#isCut) this.#join(browser);
    });
    this.#listener = listener.listen(this.#port, "127.0.0.1");
    await once(listener, "listening");
  }

  #join(browser: Socket) {
    const server = connect({ port: this.#to, host: "127.0.0.1", allowHalfOpen: true });
    this.#pairs.set(browser, server);
    server.on("error", () => browser.destroy());
    server.on("close", () => browser.destroy());
    // By hand, since `pipe` would resume what was cut as soon as there is room.
    for (const [from, to] of [
      [browser, server],
      [server, browser],
    ] as const) {
      from.on("data", (bytes) => to.write(bytes));
      from.on("end", () => to.end());
    }
    browser.resume();
  }
}
