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

/** The deadline of every wait: generous, since a loaded machine is slow. */
export const DEADLINE_MS = 60_000;

/** How long a failed test waits for what a tab shows. */
const SNAPSHOT_TIMEOUT_MS = 5_000;

/** How often Chromium is started before its crash counts as a failure. */
const LAUNCH_ATTEMPTS = 3;

/** One Chromium per test file. */
function sharedBrowser(): Promise<Browser> {
  browser ??= launch();
  return browser;
}

/** Starts Chromium; once more when it crashes at the start, as it does now and then under load. */
async function launch(attempt = 1): Promise<Browser> {
  try {
    return await chromium.launch({
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
  } catch (error) {
    if (attempt === LAUNCH_ATTEMPTS) throw error;
    return launch(attempt + 1);
  }
}

export interface ProfileOptions extends BrowserContextOptions {
  /** The browser's errors about a failing network do not fail the test. */
  allowNetworkErrors?: boolean;
  /** Other errors that must occur; the test fails if none does. */
  expectedErrors?: RegExp;
}

/** The console asks for the agent who is signed in; for nobody, that is an error to the browser. */
const SIGNED_OUT = /status of 401 .*\/api\/admin\/me\/$/;
/** The browser's errors about a failing network. */
const NETWORK_ERROR = /net::ERR_|WebSocket connection to|WebSocket is closed/;

/**
 * A browser with a storage of its own, as one person uses it. Errors of its pages, errors in their
 * consoles, dialogs and violations of a policy fail the test when it ends.
 */
export class BrowserProfile {
  readonly #errors: string[] = [];
  /** Errors that were expected and have occurred. */
  readonly expectedErrorsSeen: string[] = [];
  readonly #context;
  readonly #options: ProfileOptions;

  private constructor(
    context: Awaited<ReturnType<Browser["newContext"]>>,
    options: ProfileOptions,
  ) {
    this.#context = context;
    this.#options = options;
  }

  static async create(options: ProfileOptions = {}): Promise<BrowserProfile> {
    const { allowNetworkErrors, expectedErrors, ...rest } = options;
    const context = await (await sharedBrowser()).newContext({ reducedMotion: "reduce", ...rest });
    const profile = new BrowserProfile(context, options);
    onTestFinished(async ({ task }) => {
      const hasFailed = task.result?.state === "fail";
      if (hasFailed) await profile.#printPages();
      // A test that has failed before its expected error shows its own failure, at once.
      if (expectedErrors && !hasFailed)
        await eventually(() => profile.expectedErrorsSeen.length).toBeGreaterThan(0);
      await context.close();
      expect(profile.#errors, "errors in the browser").toEqual([]);
    }, 2 * DEADLINE_MS);
    context.setDefaultTimeout(DEADLINE_MS);
    context.on("page", (page) => profile.#watch(page));
    await context.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        console.error(`violation of ${event.effectiveDirective} by ${event.blockedURI}`);
      });
    });
    return profile;
  }

  /** A new tab. */
  async tab(url?: string): Promise<Page> {
    const page = await this.#context.newPage();
    if (url) await page.goto(url);
    return page;
  }

  /** Lets the browser know that the network is gone, or back. */
  async setOffline(offline: boolean) {
    await this.#context.setOffline(offline);
  }

  get context() {
    return this.#context;
  }

  /** Prints what the tabs show, to find out why a test has failed. */
  async #printPages() {
    for (const page of this.#context.pages()) {
      const shown = page.locator("body").ariaSnapshot({ timeout: SNAPSHOT_TIMEOUT_MS });
      console.error(`${page.url()} shows:\n${await shown.catch((error) => `nothing: ${error}`)}`);
    }
  }

  #watch(page: Page) {
    page.on("pageerror", (error) => {
      const text = `${error.stack ?? error}`;
      if (this.#options.expectedErrors?.test(text)) this.expectedErrorsSeen.push(text);
      else this.#errors.push(text);
    });
    page.on("dialog", (dialog) => {
      this.#errors.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    page.on("console", (message) => {
      if (message.type() !== "error") return;
      const text = `${message.text()} ${message.location().url}`;
      if (SIGNED_OUT.test(text)) return;
      if (this.#options.allowNetworkErrors && NETWORK_ERROR.test(text)) return;
      if (this.#options.expectedErrors?.test(text)) this.expectedErrorsSeen.push(text);
      else this.#errors.push(text);
    });
  }
}

/** Waits for a value: `await eventually(() => …).toBe(…)`. */
export const eventually = <T>(read: () => Promise<T> | T) =>
  expect.poll(read, { timeout: DEADLINE_MS, interval: 50 });

/**
 * Types letter by letter until the other side shows it. One letter may not be enough: the server
 * passes typing on every two seconds at most.
 */
export async function typeUntil(field: Locator, shown: Locator) {
  await eventually(async () => {
    await field.press("x");
    return shown.isVisible();
  }).toBe(true);
}
