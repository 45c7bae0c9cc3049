import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { freePort } from "./server";

/** A TCP proxy between browsers and the server: the network that fails. */
export class TcpProxy {
  readonly origin: string;
  /** How many connections browsers have opened. */
  connections = 0;
  readonly #port: number;
  readonly #to: number;
  readonly #pairs = new Map<Socket, Socket | undefined>();
  #listener: Server | undefined;
  #isStalled = false;

  private constructor(port: number, to: number) {
    this.#port = port;
    this.#to = to;
    this.origin = `http://127.0.0.1:${port}`;
  }

  /** Starts a proxy to the server of an origin; it ends with the test. */
  static async start(origin: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(await freePort(), Number(new URL(origin).port));
    onTestFinished(() => proxy.refuse());
    await proxy.#listen();
    return proxy;
  }

  /** Holds everything up, in both directions, without closing a connection: a pulled cable. */
  stall() {
    this.#isStalled = true;
    for (const [browser, server] of this.#pairs) {
      browser.pause();
      server?.pause();
    }
  }

  /** Refuses connections, and closes the open ones. */
  async refuse() {
    const listener = this.#listener;
    this.#listener = undefined;
    const closed = listener && once(listener, "close");
    listener?.close();
    this.closeAll();
    await closed;
  }

  /** Closes all connections; new ones are accepted. */
  closeAll() {
    for (const [browser, server] of this.#pairs) {
      browser.destroy();
      server?.destroy();
    }
  }

  /** Ends any failure; what was held up arrives. */
  async restore() {
    this.#isStalled = false;
    for (const [browser, server] of this.#pairs) {
      if (server) {
        browser.resume();
        server.resume();
      } else this.#connectToServer(browser);
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
      if (!this.#isStalled) this.#connectToServer(browser);
    });
    this.#listener = listener.listen(this.#port, "127.0.0.1");
    await once(listener, "listening");
  }

  #connectToServer(browser: Socket) {
    const server = connect({ port: this.#to, host: "127.0.0.1", allowHalfOpen: true });
    this.#pairs.set(browser, server);
    server.on("error", () => browser.destroy());
    server.on("close", () => browser.destroy());
    // Not by `pipe`, which would resume a stalled socket as soon as there is room.
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
