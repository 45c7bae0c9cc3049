import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";
import { eventually } from "./browser";

/** Whether something has the focus, in the page or in a shadow root. */
export const focused = (place: Locator) =>
  place.evaluate((node) => (node.getRootNode() as Document | ShadowRoot).activeElement === node);

/** Waits until it has. */
export const hasFocus = (place: Locator) =>
  eventually(async () => (await place.count()) === 1 && focused(place)).toBe(true);

/** What stands in all fields of a place: words that its text does not show. */
export const valuesOf = (place: Locator) =>
  place
    .locator("input, textarea")
    .evaluateAll((all) => (all as HTMLInputElement[]).map(({ value }) => value));

/** The texts of a log that are among those given, in its order, each as often as it is there. */
export async function linesOf(log: Locator, texts: readonly string[]): Promise<string[]> {
  const lines = (await log.innerText()).split("\n").map((line) => line.trim());
  return lines.filter((line) => texts.includes(line));
}

/** Waits until a log has these texts, each once, in this order. */
export async function sees(log: Locator, ...texts: string[]) {
  await eventually(() => linesOf(log, texts)).toEqual(texts);
}

/** Waits until a word stands below the message of that text, before the next message. */
async function marked(log: Locator, text: string, mark: string) {
  await eventually(async () => {
    const lines = (await log.innerText()).split("\n").map((line) => line.trim());
    return lines
      .slice(lines.indexOf(text) + 1)
      .filter(Boolean)
      .slice(0, 2);
  }).toContain(mark);
}

/** A customer on a shop's page, who uses the widget by its names. */
export class Customer {
  readonly button: Locator;
  readonly dialog: Locator;
  readonly log: Locator;
  readonly message: Locator;
  readonly status: Locator;

  constructor(
    readonly page: Page,
    /** What the tag's data-title says, or «Chat». */
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

  /** Fills in the form before the chat. */
  async begin(details: { name?: string; email?: string; phone?: string } = {}) {
    const fields = { Name: details.name, Email: details.email, "Phone (optional)": details.phone };
    for (const [name, value] of Object.entries(fields)) {
      if (value) await this.dialog.getByRole("textbox", { name, exact: true }).fill(value);
    }
    await this.dialog.getByRole("button", { name: "Start chat" }).click();
    await this.message.waitFor();
  }

  /** Types and sends. */
  async says(text: string) {
    await this.message.fill(text);
    await this.dialog.getByRole("button", { name: "Send", exact: true }).click();
  }

  async sees(...texts: string[]) {
    await sees(this.log, ...texts);
  }

  async isConnected() {
    await eventually(() => this.status.innerText()).toMatch(/^Real-time connected/i);
  }

  /** Whether the shop has read one's message, as a screen reader says it. */
  async hasBeenRead(text: string) {
    await marked(this.log, text, "Read");
  }
}

/** An agent of the shop, who uses the console by its names. */
export class Agent {
  readonly log: Locator;
  readonly reply: Locator;
  readonly status: Locator;
  readonly search: Locator;
  readonly list: Locator;
  /** How much a search has found. */
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
    await this.isConnected();
  }

  /** The conversation of a customer in the list. */
  item(customer: string) {
    return this.list.getByRole("listitem", { name: customer, exact: true });
  }

  /** Opens the conversation of a customer. */
  async opens(customer: string) {
    await this.item(customer).getByRole("button").click();
    await this.page.waitForURL(/#room=/);
    await this.reply.waitFor();
  }

  /** Searches until it finds what is expected; the index may be a moment behind the messages. */
  async finds(words: string, expected: RegExp) {
    await eventually(async () => {
      await this.search.fill("");
      await this.search.fill(words);
      await this.hasSearched();
      return this.found.innerText();
    }).toMatch(expected);
  }

  /** Waits until the list shows what the present search found. */
  async hasSearched() {
    await eventually(() => this.found.innerText()).not.toMatch(/^Searching/);
  }

  async says(text: string) {
    await this.reply.fill(text);
    await this.page.getByRole("button", { name: "Send", exact: true }).click();
  }

  /** Answers in the open conversation with many texts, faster than anybody types. */
  async posts(texts: readonly string[]) {
    const room = /#room=(.+)/.exec(this.page.url())![1];
    const statuses = await this.page.evaluate(
      async ([room, texts]) => {
        const statuses: number[] = [];
        for (const content of texts) {
          const answer = await fetch(`/api/admin/rooms/${room}/messages/`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ id: crypto.randomUUID(), content }),
          });
          statuses.push(answer.status);
        }
        return statuses;
      },
      [room, texts] as const,
    );
    expect(statuses).toEqual(texts.map(() => 201));
  }

  async sees(...texts: string[]) {
    await sees(this.log, ...texts);
  }

  /** Whether the customer has read one's answer. */
  async hasBeenRead(text: string) {
    await marked(this.log, text, "Read");
  }

  async isConnected() {
    await eventually(() => this.status.innerText()).toMatch(/^Real-time connected/i);
  }
}
