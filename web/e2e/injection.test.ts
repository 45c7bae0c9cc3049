import type { Page } from "playwright-core";
import { beforeAll, expect, it } from "vitest";
import { eventually, typesUntil } from "./browser";
import { PASSWORD, World } from "./environment";
import { PAYLOADS } from "./injection-payloads";

declare global {
  interface Window {
    __xss?: unknown;
    /** What notifications were to say. */
    notified?: string[];
  }
}

/** What an image of the page would be made of, were text taken for HTML. */
const ALIEN =
  "img, iframe, script, object, embed, video, audio, math, marquee, details, base, meta, link, style, body, noscript, template, animate";

beforeAll(() => expect(PAYLOADS.length).toBeGreaterThanOrEqual(40));

/** Nothing has run, nothing was made, and links lead to http and https only. */
async function isHarmless(page: Page, area: string) {
  expect(await page.evaluate(() => window.__xss)).toBeUndefined();
  expect(await page.locator(area).first().count(), `${area} is there`).toBe(1);
  expect(await page.locator(area).locator(ALIEN).count(), "elements made from text").toBe(0);
  const links = await page
    .locator(area)
    .locator("a")
    .evaluateAll((all) => (all as HTMLAnchorElement[]).map((a) => [a.protocol, a.rel, a.target]));
  for (const [protocol, rel, target] of links) {
    expect(protocol).toMatch(/^https?:$/);
    if (target) expect(rel).toContain("noopener");
  }
}

/** Waits until the log, scrolled up to its beginning, has each of the texts as it was written. */
const shows = (page: Page, texts: readonly string[]) =>
  eventually(async () => {
    const shown = await page.getByRole("log").evaluate((log) => {
      log.scrollTop = 0;
      return log.textContent ?? "";
    });
    return texts.filter((text) => !shown.includes(text));
  }).toEqual([]);

/** Every third, where all would take long and go the same way through the code. */
const some = <T>(all: readonly T[]) => all.filter((_, index) => index % 3 === 2);

const UNLIMITED = { SHOPTALK_LIMITS__ENABLED: "false" };

it("what people write is text, on both sides, whoever writes it", async () => {
  const world = await World.start({ env: UNLIMITED });
  const evil = PAYLOADS[11];
  world.shop.page = { title: `${evil} my shop` };
  const [customer, agent] = await Promise.all([
    world.customer({}, `/?q=${encodeURIComponent(evil)}&r=<script>window.__xss=1</script>#${evil}`),
    world.agent(),
  ]);

  // The agent's own name is one, too.
  await agent.page.getByRole("button", { name: "Settings" }).click();
  await agent.page.getByLabel("Display name").fill(evil);
  await agent.page.getByRole("button", { name: "Save name" }).click();
  await agent.page.getByText("Customers see your new name.").waitFor();
  await agent.page.keyboard.press("Escape");

  await customer.open();
  await customer.begin({ name: evil, email: "'{{__xss=1}}`*`@example.com" });
  for (const text of PAYLOADS) await customer.says(text);
  await shows(customer.page, PAYLOADS);
  await agent.opens(evil);
  await isHarmless(agent.page, ".desk");
  await shows(agent.page, PAYLOADS);
  await isHarmless(agent.page, ".desk");

  await agent.posts(PAYLOADS);
  await typesUntil(agent.reply, customer.dialog.getByText(`${evil} is typing…`));
  await eventually(() =>
    customer.log
      .locator(".message.admin")
      .evaluateAll((lines) => lines.map((line) => line.querySelector(".text")?.textContent)),
  ).toEqual([...PAYLOADS]);
  await isHarmless(customer.page, "[role=dialog]");
  await isHarmless(agent.page, ".desk");

  // The same after a reload, when all of it comes from the server.
  await customer.page.reload();
  await customer.open();
  await shows(customer.page, PAYLOADS);
  await isHarmless(customer.page, "[role=dialog]");
  expect(world.shop.reports).toEqual([]);
});

it("customers’ details, list, search and notifications are text", async () => {
  const world = await World.start({ env: UNLIMITED });
  const person = await world.person({ permissions: ["notifications"] });
  await person.context.addInitScript(() => {
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
  const { Agent } = await import("./page-objects");
  const agent = new Agent(await person.tab(`${world.server.origin}/admin/chat`));
  await agent.signIn("ada", PASSWORD);
  await agent.page.getByRole("button", { name: "Settings" }).click();
  await agent.page.getByLabel("Browser notifications").check();
  await agent.page.keyboard.press("Escape");

  // Rooms by the bare API, as somebody with bad intentions makes them.
  const post = async (path: string, body: object, token = "") => {
    const answer = await fetch(`${world.server.origin}/api/chat/${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
    return { status: answer.status, ...(await answer.json()) };
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
  // Who waits longest comes first; only the rows in sight exist.
  const rows = agent.list.locator("..");
  for (let index = 0; index < PAYLOADS.length; index += 5) {
    await rows.evaluate((box, top) => {
      box.scrollTop = top;
    }, index * 76);
    await agent.item(asName(PAYLOADS[index]!).trim()).waitFor();
    await isHarmless(page, ".desk");
  }
  for (const text of some(PAYLOADS)) {
    // The server refuses a tab.
    await agent.search.fill(text.replaceAll("\t", " "));
    await agent.hasSearched();
    await isHarmless(page, ".desk");
  }
  await agent.finds("onerror", /^\d{2} conversations/);
  await isHarmless(page, ".desk");
  await agent.search.fill("");
  await page.keyboard.press("Escape");
  // Each conversation, with its details.
  const rooms = await page.evaluate(async () => {
    const answer = await fetch("/api/admin/rooms/?limit=200");
    const { results } = (await answer.json()) as { results: { id: string; page_url: string }[] };
    return results.map(({ id, page_url }) => ({ id, page_url }));
  });
  expect(rooms).toHaveLength(PAYLOADS.length);
  const details = page.getByRole("complementary", { name: "Customer" });
  for (const { id, page_url } of some(rooms)) {
    await page.evaluate((hash) => {
      location.hash = hash;
    }, `room=${id}`);
    await details.getByText(page_url.replace(/^https?:\/\//, ""), { exact: true }).waitFor();
    await isHarmless(page, ".desk");
  }
  // The commands know all names, too.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("onerror");
  await page.getByRole("option").first().waitFor();
  await isHarmless(page, "[role=listbox]");
  expect(await page.evaluate(() => window.__xss)).toBeUndefined();
});

it("the shop’s own attributes are text, too", async () => {
  const evil = "<img src=x onerror=window.__xss=1>";
  const attribute = (name: string) => `data-${name}="${evil}"`;
  const world = await World.start({
    page: {
      attributes: ["title", "greeting", "away-text", "accent", "locale", "theme", "side"]
        .map(attribute)
        .join(" "),
    },
  });
  const { Customer } = await import("./page-objects");
  const customer = new Customer((await world.customer()).page, evil);
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.isConnected();
  await customer.dialog.getByText(evil).first().waitFor();
  await isHarmless(customer.page, "[role=dialog]");
  expect(world.shop.reports).toEqual([]);
});

it("what would run is noticed by this test", async () => {
  const world = await World.start();
  const person = await world.person();
  const page = await person.tab("about:blank");
  await page.setContent(`<main>${PAYLOADS[11]}</main>`);
  await eventually(() => page.evaluate(() => window.__xss)).toBe(1);
  await expect(isHarmless(page, "main")).rejects.toThrow();
});
