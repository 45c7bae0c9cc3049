import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";
import { eventually } from "./browser";

/** Whether an element has the focus, in the page or in a shadow root. */
export const hasFocus = (place: Locator) =>
  place.evaluate((node) => (node.getRootNode() as Document | ShadowRoot).activeElement === node);

/** Waits until an element has the focus. */
export const expectFocus = (place: Locator) =>
  eventually(async () => (await place.count()) === 1 && hasFocus(place)).toBe(true);

/** The values of all fields in an element, which its text does not contain. */
export const valuesOf = (place: Locator) =>
  place
    .locator("input, textarea")
    .evaluateAll((all) => (all as HTMLInputElement[]).map(({ value }) => value));

/** The lines of a log that are among the given texts, in the log's order. */
async function linesOf(log: Locator, texts: readonly string[]): Promise<string[]> {
  const lines = (await log.innerText()).split("\n").map((line) => line.trim());
  return lines.filter((line) => texts.includes(line));
}

/** Waits until a log has these texts, each once, in this order. */
export async function expectMessages(log: Locator, ...texts: string[]) {
  await eventually(() => linesOf(log, texts)).toEqual(texts);
}

/** Waits until a message, found by its text, has a mark such as "Read" below it. */
async function expectMark(log: Locator, text: string, mark: string) {
  await eventually(async () => {
    const lines = (await log.innerText()).split("\n").map((line) => line.trim());
    return lines
      .slice(lines.indexOf(text) + 1)
      .filter(Boolean)
      .slice(0, 2);
  }).toContain(mark);
}

/** A visitor on the shop's page: uses the widget by the names that the contract fixes. */
export class Visitor {
  readonly button: Locator;
  readonly dialog: Locator;
  readonly log: Locator;
  readonly message: Locator;
  readonly status: Locator;

  constructor(
    readonly page: Page,
    /** The tag's data-title, or "Chat". */
    title = "Chat",
  ) {
    this.button = page.getByRole("button", { name: title, exact: true });
    this.dialog = page.getByRole("dialog", { name: title });
    this.log = this.dialog.getByRole("log");
    this.message = this.dialog.getByRole("textbox", { name: "Message" });
    this.status = this.dialog.getByRole("status");
  }

  async open() {
    await this.button.click();
    await this.dialog.waitFor();
  }

  /** Fills in and submits the form before the chat. */
  async begin(details: { name?: string; email?: string; phone?: string } = {}) {
    const fields = { Name: details.name, Email: details.email, "Phone (optional)": details.phone };
    for (const [name, value] of Object.entries(fields)) {
      if (value) await this.dialog.getByRole("textbox", { name, exact: true }).fill(value);
    }
    await this.dialog.getByRole("button", { name: "Start chat" }).click();
    await this.message.waitFor();
  }

  async send(text: string) {
    await this.message.fill(text);
    await this.dialog.getByRole("button", { name: "Send", exact: true }).click();
  }

  async expectMessages(...texts: string[]) {
    await expectMessages(this.log, ...texts);
  }

  async waitUntilConnected() {
    await eventually(() => this.status.innerText()).toMatch(/^Real-time connected/i);
  }

  /** Waits until the message is marked as read by the shop. */
  async expectRead(text: string) {
    await expectMark(this.log, text, "Read");
  }
}

/** An agent at the console: uses it by the names that the contract fixes. */
export class Agent {
  readonly log: Locator;
  readonly reply: Locator;
  readonly status: Locator;
  readonly search: Locator;
  readonly list: Locator;
  /** How many conversations the search has found. */
  readonly found: Locator;

  constructor(readonly page: Page) {
    this.log = page.getByRole("log");
    this.reply = page.getByRole("textbox", { name: "Reply", exact: true });
    this.status = page.getByRole("status").first();
    this.search = page.getByRole("searchbox", { name: "Search" });
    this.list = page.getByRole("list", { name: "Conversations" });
    this.found = page.locator(".found");
  }

  async signIn(username: string, password: string) {
    await this.page.getByRole("textbox", { name: "Username" }).fill(username);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.waitUntilConnected();
  }

  /** A visitor's conversation in the list. */
  item(visitor: string) {
    return this.list.getByRole("listitem", { name: visitor, exact: true });
  }

  async openConversation(visitor: string) {
    await this.item(visitor).getByRole("button").click();
    await this.page.waitForURL(/#room=/);
    await this.reply.waitFor();
  }

  /** Searches until the result is as expected; the index may be behind the messages for a while. */
  async searchUntil(words: string, expected: RegExp) {
    await eventually(async () => {
      await this.search.fill("");
      await this.search.fill(words);
      await this.waitForResults();
      return this.found.innerText();
    }).toMatch(expected);
  }

  /** Waits until the list shows the results of the current query. */
  async waitForResults() {
    await eventually(() => this.found.innerText()).not.toMatch(/^Searching/);
  }

  async send(text: string) {
    await this.reply.fill(text);
    await this.page.getByRole("button", { name: "Send", exact: true }).click();
  }

  /** Posts many replies in the open conversation by the API, faster than typing. */
  async postAll(texts: readonly string[]) {
    const room = /#room=(.+)/.exec(this.page.url())![1];
    const statuses = await this.page.evaluate(
      async ([room, texts]) => {
        const statuses: number[] = [];
        for (const content of texts) {
          const response = await fetch(`/api/admin/rooms/${room}/messages/`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ id: crypto.randomUUID(), content }),
          });
          statuses.push(response.status);
        }
        return statuses;
      },
      [room, texts] as const,
    );
    expect(statuses).toEqual(texts.map(() => 201));
  }

  async expectMessages(...texts: string[]) {
    await expectMessages(this.log, ...texts);
  }

  /** Waits until the reply is marked as read by the visitor. */
  async expectRead(text: string) {
    await expectMark(this.log, text, "Read");
  }

  async waitUntilConnected() {
    await eventually(() => this.status.innerText()).toMatch(/^Real-time connected/i);
  }
}
