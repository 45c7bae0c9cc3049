import type { Page } from "playwright-core";
import { beforeAll, expect, it } from "vitest";
import { eventually, typeUntil } from "./browser";
import { Environment, PASSWORD, UNLIMITED } from "./environment";
import { PAYLOADS } from "./injection-payloads";
import { Agent, Visitor } from "./page-objects";
import { replyWith, ShopServer } from "./shop-server";

declare global {
  interface Window {
    __xss?: unknown;
    /** The notifications that were shown. */
    notified?: string[];
  }
}

/** Elements that are on the page only if a text was taken for HTML. */
const FOREIGN_ELEMENTS =
  "img, iframe, script, object, embed, video, audio, math, marquee, details, base, meta, link, style, body, noscript, template, animate";

beforeAll(() => expect(PAYLOADS.length).toBeGreaterThanOrEqual(40));

/** No text was executed or made an element, and links are http and https only. */
async function expectOnlyText(page: Page, area: string) {
  expect(await page.evaluate(() => window.__xss)).toBeUndefined();
  expect(await page.locator(area).first().count(), `${area} is there`).toBe(1);
  expect(
    await page.locator(area).locator(FOREIGN_ELEMENTS).count(),
    "elements made from text",
  ).toBe(0);
  const links = await page
    .locator(area)
    .locator("a")
    .evaluateAll((all) => (all as HTMLAnchorElement[]).map((a) => [a.protocol, a.rel, a.target]));
  for (const [protocol, rel, target] of links) {
    expect(protocol).toMatch(/^https?:$/);
    // It implies `noopener`.
    if (target) expect(rel).toContain("noreferrer");
  }
}

/** Waits until the log, scrolled to its beginning, has each text unchanged. */
const expectTexts = (page: Page, texts: readonly string[]) =>
  eventually(async () => {
    const shown = await page.getByRole("log").evaluate((log) => {
      log.scrollTop = 0;
      return log.textContent ?? "";
    });
    return texts.filter((text) => !shown.includes(text));
  }).toEqual([]);

/** Every third one, where all would take long and test the same code. */
const everyThird = <T>(all: readonly T[]) => all.filter((_, index) => index % 3 === 2);

it("messages and names are text, on both sides", async () => {
  const env = await Environment.start({ settings: UNLIMITED });
  const evil = PAYLOADS[11];
  env.shop.page = { title: `${evil} my shop` };
  const [visitor, agent] = await Promise.all([
    env.visitor({}, `/?q=${encodeURIComponent(evil)}&r=<script>window.__xss=1</script>#${evil}`),
    env.agent(),
  ]);

  // The agent's name, too.
  await agent.page.getByRole("button", { name: "Settings" }).click();
  await agent.page.getByLabel("Display name").fill(evil);
  await agent.page.getByRole("button", { name: "Save name" }).click();
  await agent.page.getByText("Customers see your new name.").waitFor();
  await agent.page.keyboard.press("Escape");

  await visitor.open();
  await visitor.begin({ name: evil, email: "'{{__xss=1}}`*`@example.com" });
  for (const text of PAYLOADS) await visitor.send(text);
  await expectTexts(visitor.page, PAYLOADS);
  await agent.openConversation(evil);
  await expectOnlyText(agent.page, ".desk");
  await expectTexts(agent.page, PAYLOADS);
  await expectOnlyText(agent.page, ".desk");

  await agent.postAll(PAYLOADS);
  await typeUntil(agent.reply, visitor.dialog.getByText(`${evil} is typing…`));
  await eventually(() =>
    visitor.log
      .locator(".line.admin")
      .evaluateAll((lines) => lines.map((line) => line.querySelector(".text")?.textContent)),
  ).toEqual([...PAYLOADS]);
  await expectOnlyText(visitor.page, "[role=dialog]");
  await expectOnlyText(agent.page, ".desk");

  // The same after a reload, when everything comes from the server.
  await visitor.page.reload();
  await visitor.open();
  await expectTexts(visitor.page, PAYLOADS);
  await expectOnlyText(visitor.page, "[role=dialog]");
  expect(env.shop.reports).toEqual([]);
});

it("visitors' details, list, search and notifications are text", async () => {
  const env = await Environment.start({ settings: UNLIMITED });
  const profile = await env.profile({ permissions: ["notifications"] });
  await profile.context.addInitScript(() => {
    window.notified = [];
    window.Notification = class extends EventTarget {
      static permission = "granted";
      static requestPermission = async () => "granted";
      constructor(title: string, { body }: { body: string }) {
        super();
        window.notified?.push(`${title}\n${body}`);
      }
      close() {}
    } as never;
  });
  const agent = new Agent(await profile.tab(`${env.server.origin}/admin/chat`));
  await agent.signIn("ada", PASSWORD);
  await agent.page.getByRole("button", { name: "Settings" }).click();
  await agent.page.getByLabel("Browser notifications").check();
  await agent.page.keyboard.press("Escape");

  // Rooms made by the API, as an attacker makes them.
  const post = async (path: string, body: object, token = "") => {
    const response = await fetch(`${env.server.origin}/api/chat/${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
    return { status: response.status, ...(await response.json()) };
  };
  const asName = (text: string) => text.replaceAll("\t", " ").slice(0, 100);
  for (const [index, text] of PAYLOADS.entries()) {
    const details = {
      customer_name: asName(text),
      customer_phone: text.replaceAll("\t", " ").slice(0, 40),
      page_url: text.replaceAll("\t", " "),
    };
    const { status, room, token } = await post("rooms/", details);
    expect(status, text).toBe(201);
    const id = `00000000-0000-7000-8000-${index.toString(16).padStart(12, "0")}`;
    expect((await post(`rooms/${room.id}/messages/`, { id, content: text }, token)).status).toBe(
      201,
    );
  }

  const { page } = agent;
  await eventually(() => page.evaluate(() => window.notified)).toContainEqual(
    expect.stringContaining("<img src=x onerror=window.__xss=1>"),
  );
  // Those waiting longest come first; only rows in view exist.
  const rows = agent.list.locator("..");
  for (let index = 0; index < PAYLOADS.length; index += 5) {
    await rows.evaluate((box, top) => {
      box.scrollTop = top;
    }, index * 76);
    await agent.item(asName(PAYLOADS[index]!).trim()).waitFor();
    await expectOnlyText(page, ".desk");
  }
  for (const text of everyThird(PAYLOADS)) {
    // The server refuses tab characters.
    await agent.search.fill(text.replaceAll("\t", " "));
    await agent.waitForResults();
    await expectOnlyText(page, ".desk");
  }
  await agent.searchUntil("onerror", /^\d{2} conversations/);
  await expectOnlyText(page, ".desk");
  await agent.search.fill("");
  await page.keyboard.press("Escape");
  // Each conversation, with its details.
  const rooms = await page.evaluate(async () => {
    const response = await fetch("/api/admin/rooms/?limit=200");
    const { results } = (await response.json()) as { results: { id: string; page_url: string }[] };
    return results.map(({ id, page_url }) => ({ id, page_url }));
  });
  expect(rooms).toHaveLength(PAYLOADS.length);
  const details = page.getByRole("complementary", { name: "Customer" });
  for (const { id, page_url } of everyThird(rooms)) {
    await page.evaluate((hash) => {
      location.hash = hash;
    }, `room=${id}`);
    await details.getByText(page_url.replace(/^https?:\/\//, ""), { exact: true }).waitFor();
    await expectOnlyText(page, ".desk");
  }
  // The palette shows all names, too.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").getByRole("combobox").fill("onerror");
  await page.getByRole("dialog").getByRole("option").first().waitFor();
  await expectOnlyText(page, "[role=listbox]");
  expect(await page.evaluate(() => window.__xss)).toBeUndefined();
});

it("the shop's cards are text, and their links are http and https", async () => {
  const shop = await ShopServer.start();
  const env = await Environment.start({ settings: { ...UNLIMITED, ...shop.settings } });
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await agent.openConversation("Bea");
  const { page } = agent;
  const cards = page.getByRole("region", { name: "In the shop" });
  const again = cards.getByRole("button", { name: "Load again" });
  const texts = PAYLOADS.map((text) =>
    text
      .replace(/\p{Cc}/gu, " ")
      .trim()
      .slice(0, 100)
      .trim(),
  );
  const link = "https://shop.example/";
  for (let first = 0; first < texts.length; first += 10) {
    const some = texts.slice(first, first + 10);
    const reply = some.map((text) => ({ title: text, lines: [text], link }));
    shop.reply = (response) => replyWith(response, reply);
    await again.click();
    await eventually(() => cards.getByRole("link").allTextContents()).toEqual(some);
    await expectOnlyText(page, ".desk");
  }
  shop.reply = (response) => replyWith(response, [{ title: "x", link: "javascript:__xss=1" }]);
  await again.click();
  await cards.getByText("its link must be an http or https URL").waitFor();
  await expectOnlyText(page, ".desk");
});

it("the tag's attributes are text, too", async () => {
  const evil = "<img src=x onerror=window.__xss=1>";
  const attribute = (name: string) => `data-${name}="${evil}"`;
  const env = await Environment.start({
    page: {
      attributes: ["title", "greeting", "away-text", "accent", "locale", "theme", "side"]
        .map(attribute)
        .join(" "),
    },
  });
  const visitor = new Visitor((await env.visitor()).page, evil);
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.waitUntilConnected();
  await visitor.dialog.getByText(evil).first().waitFor();
  await expectOnlyText(visitor.page, "[role=dialog]");
  expect(env.shop.reports).toEqual([]);
});

it("the check fails for a text that is executed", async () => {
  const env = await Environment.start();
  const profile = await env.profile();
  const page = await profile.tab("about:blank");
  await page.setContent(`<main>${PAYLOADS[11]}</main>`);
  await eventually(() => page.evaluate(() => window.__xss)).toBe(1);
  await expect(expectOnlyText(page, "main")).rejects.toThrow();
});
