import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from "playwright-core";
import { afterAll, expect, onTestFinished } from "vitest";

let browser: Promise<Browser> | undefined;

afterAll(async () => (await browser)?.close());

/** How long anything is waited for: a loaded machine is slow, and what never comes is an error. */
export const DEADLINE_MS = 60_000;

/** One Chromium for a file of tests. */
function launch(): Promise<Browser> {
  browser ??= chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    timeout: DEADLINE_MS,
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      "--disable-gpu",
    ],
  });
  return browser;
}

export interface PersonOptions extends BrowserContextOptions {
  /** The network fails in this test: a browser's words about that are not a page's mistake. */
  badNetwork?: boolean;
  /** What else the browser will complain about here; a test in which it does not fails. */
  complains?: RegExp;
}

/** How a console finds out that nobody is signed in. */
const SIGNED_OUT = /status of 401 .*\/api\/admin\/me\/$/;
/** What a browser says of a network that fails. */
const NETWORK = /net::ERR_|WebSocket connection to|WebSocket is closed/;

/**
 * Somebody's browser, with storage of their own. Every error of a page, every message of its
 * console that is an error, and every breach of a policy fails the test when it is over.
 */
export class Person {
  readonly #problems: string[] = [];
  /** What the browser was to complain about, and did. */
  readonly complaints: string[] = [];
  readonly #context;
  readonly #options: PersonOptions;

  private constructor(context: Awaited<ReturnType<Browser["newContext"]>>, options: PersonOptions) {
    this.#context = context;
    this.#options = options;
  }

  static async arrives(options: PersonOptions = {}): Promise<Person> {
    const { badNetwork, complains, ...rest } = options;
    const context = await (await launch()).newContext({ reducedMotion: "reduce", ...rest });
    const person = new Person(context, options);
    onTestFinished(async () => {
      if (complains) await eventually(() => person.complaints.length).toBeGreaterThan(0);
      await context.close();
      expect(person.#problems, "what the browser complained about").toEqual([]);
    }, 2 * DEADLINE_MS);
    context.setDefaultTimeout(DEADLINE_MS);
    context.on("page", (page) => person.#watch(page));
    await context.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        console.error(`breach of ${event.effectiveDirective} by ${event.blockedURI}`);
      });
    });
    return person;
  }

  /** A new tab. */
  async tab(url?: string): Promise<Page> {
    const page = await this.#context.newPage();
    if (url) await page.goto(url);
    return page;
  }

  /** The browser is told that the network is gone, or back. */
  async setOffline(offline: boolean) {
    await this.#context.setOffline(offline);
  }

  get context() {
    return this.#context;
  }

  #watch(page: Page) {
    page.on("pageerror", (error) => {
      const text = `${error.stack ?? error}`;
      if (this.#options.complains?.test(text)) this.complaints.push(text);
      else this.#problems.push(text);
    });
    page.on("dialog", (dialog) => {
      this.#problems.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    page.on("console", (message) => {
      if (message.type() !== "error") return;
      const text = `${message.text()} ${message.location().url}`;
      if (SIGNED_OUT.test(text)) return;
      if (this.#options.badNetwork && NETWORK.test(text)) return;
      if (this.#options.complains?.test(text)) this.complaints.push(text);
      else this.#problems.push(text);
    });
  }
}

/** Waits for a value: `await eventually(() => …).toBe(…)`. */
export const eventually = <T>(look: () => Promise<T> | T) =>
  expect.poll(look, { timeout: DEADLINE_MS, interval: 50 });

/**
 * Types letter by letter until the other side shows it. The server passes on that somebody types
 * every two seconds at most, so one letter may be too few.
 */
export async function typesUntil(field: Locator, seen: Locator) {
  await eventually(async () => {
    await field.press("x");
    return seen.isVisible();
  }).toBe(true);
}
