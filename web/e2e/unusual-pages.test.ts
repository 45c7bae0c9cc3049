import { expect, it } from "vitest";
import { DEADLINE_MS, eventually } from "./browser";
import { Environment } from "./environment";

/** A page of the shop with the chat's tag. */
const page = (tag: string, body = "") =>
  `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><body>${body}${tag}`;

/** An environment whose shop has a given page at `/page`. */
async function withPage(body: (tag: string, chat: string) => string) {
  const env = await Environment.start();
  const { chat } = env.shop;
  env.shop.pages["/page"] = body(`<script async src="${chat}/widget.js"></script>`, chat);
  return env;
}

it.each([
  ["an element with the id", '<div id="shoptalk"></div>'],
  ["a form with the name", '<form name="shoptalk"><input name="open"><input name="on"></form>'],
  ["a frame with the name", '<iframe name="shoptalk" srcdoc="x"></iframe>'],
  ["several of them", '<a id="shoptalk">1</a><form name="shoptalk"></form>'],
])('%s "shoptalk" does no harm', async (_, element) => {
  const env = await withPage((tag) => page(tag, element));
  const visitor = await env.visitor({}, "/page");
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.waitUntilConnected();
  expect(await visitor.page.evaluate(() => typeof window.shoptalk?.open)).toBe("function");
});

it.each<[string, () => void]>([
  [
    "replaces its body",
    () => {
      const fresh = document.createElement("body");
      fresh.innerHTML = "<h1>Another page</h1>";
      document.body.replaceWith(fresh);
    },
  ],
  [
    "empties its body",
    () => {
      document.body.innerHTML = "<h1>Another page</h1>";
    },
  ],
  [
    "runs the tag again in its new body",
    () => {
      const tag = document.createElement("script");
      tag.src = document.querySelector("script")!.src;
      const fresh = document.createElement("body");
      fresh.append("Another page", tag);
      document.body.replaceWith(fresh);
    },
  ],
])("a page that %s keeps the chat and its draft", async (_, change) => {
  const env = await withPage((tag) => page(tag));
  const visitor = await env.visitor({}, "/page");
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("before");
  await visitor.expectMessages("before");
  await visitor.message.fill("half a sent");
  await visitor.page.evaluate(change);
  await visitor.page.getByText("Another page").waitFor();
  await visitor.expectMessages("before");
  expect(await visitor.message.inputValue()).toBe("half a sent");
  await visitor.send("after");
  await visitor.expectMessages("before", "after");
  expect(await visitor.page.locator("shoptalk-chat").count()).toBe(1);
});

it("a tag that runs twice makes one chat, and a tag of another server logs that it is ignored", async () => {
  const env = await withPage((tag) => page(tag));
  const visitor = await env.visitor({}, "/page");
  await visitor.button.waitFor();
  const warnings: string[] = [];
  visitor.page.on("console", (message) => {
    if (message.type() === "warning") warnings.push(message.text());
  });
  const runTag = (src: string) =>
    visitor.page.evaluate(
      (src) =>
        new Promise((done) => {
          const tag = document.createElement("script");
          tag.src = src;
          tag.onload = done;
          document.head.append(tag);
        }),
      src,
    );
  await runTag(`${env.shop.chat}/widget.js`);
  expect(warnings).toEqual([]);
  // The same server under another host name is another one for the page.
  const other = env.shop.chat.replace("127.0.0.1", "localhost");
  await runTag(`${other}/widget.js`);
  await eventually(() => warnings).toEqual([expect.stringMatching(/^shoptalk: .*localhost/)]);
  expect(await visitor.page.locator("shoptalk-chat").count()).toBe(1);
  await visitor.open();
});

it("two tags before the body make one chat", async () => {
  const env = await withPage((_, chat) => {
    const tag = `<script src="${chat}/widget.js"></script>`;
    return `<!doctype html><html><head><title>Shop</title><link rel="icon" href="data:,">${tag}${tag}</head><body>`;
  });
  const visitor = await env.visitor({}, "/page");
  await visitor.open();
  expect(await visitor.page.locator("shoptalk-chat").count()).toBe(1);
});

it("a tag that is a module throws an error that says so", async () => {
  const env = await withPage((_, chat) =>
    page(`<script type="module" src="${chat}/widget.js"></script>`),
  );
  const errors: string[] = [];
  const profile = await env.profile({ expectedErrors: /shoptalk: / });
  const tab = await profile.tab();
  tab.on("pageerror", (error) => errors.push(error.message));
  await tab.goto(`${env.shop.origin}/page`);
  await eventually(() => errors).toEqual([expect.stringMatching(/^shoptalk: .*module/)]);
});

it("a listener that throws stops neither the chat nor other listeners", async () => {
  const env = await Environment.start();
  const agent = await env.agent();
  const profile = await env.profile({ expectedErrors: /the shop's own mistake/ });
  const visitor = await env.visitorIn(profile);
  await visitor.button.waitFor();
  await visitor.page.evaluate(() => {
    const events: string[] = [];
    Object.assign(window, { events });
    for (const event of ["open", "close", "message", "unread", "state"] as const) {
      window.shoptalk?.on(event, () => {
        throw new Error("the shop's own mistake");
      });
      window.shoptalk?.on(event, () => events.push(event));
    }
  });
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await agent.openConversation("Bea");
  await agent.send("An answer");
  await visitor.expectMessages("Hello?", "An answer");
  const events = () =>
    visitor.page.evaluate(() => (window as never as { events: string[] }).events);
  await eventually(events).toEqual(expect.arrayContaining(["open", "state", "message"]));
});

it("a page's title keeps its own number", async () => {
  const env = await withPage((tag) => page(tag).replace("Shop", "(2024) Catalogue"));
  const agent = await env.agent();
  const visitor = await env.visitor({}, "/page");
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await agent.openConversation("Bea");
  await visitor.dialog.getByRole("button", { name: "Minimize" }).click();
  await agent.send("An answer");
  await eventually(() => visitor.page.title()).toBe("(1) (2024) Catalogue");
  await agent.send("And another one");
  await eventually(() => visitor.page.title()).toBe("(2) (2024) Catalogue");
  // The button shows it, too, for screen readers as a description.
  const badge = await visitor.button.evaluate((button) => [
    button.ariaDescription,
    /2|aria-description/.test(getComputedStyle(button, "::after").content),
  ]);
  expect(badge).toEqual(["2", true]);
  await visitor.open();
  await eventually(() => visitor.page.title()).toBe("(2024) Catalogue");
});

/** The dialog of a chat in a frame of the page. */
async function framed(env: Environment, sandbox: string, expectedErrors?: RegExp) {
  env.shop.pages["/frame"] = page(
    `<iframe sandbox="${sandbox}" src="/page" width="900" height="700"></iframe>`,
  );
  const profile = await env.profile(expectedErrors ? { expectedErrors } : {});
  const tab = await profile.tab(`${env.shop.origin}/frame`);
  const frame = tab.frameLocator("iframe");
  await frame.getByRole("button", { name: "Chat", exact: true }).click();
  return frame.getByRole("dialog");
}

it("works in a sandbox without forms", async () => {
  const env = await withPage((tag) => page(tag));
  const agent = await env.agent();
  const dialog = await framed(env, "allow-scripts allow-same-origin");
  const name = dialog.getByRole("textbox", { name: "Name" });
  await name.fill("Bea");
  await dialog.getByRole("textbox", { name: "Email" }).fill("no address");
  const start = dialog.getByRole("button", { name: "Start chat" });
  await start.click();
  // The browser still shows what is wrong with a field.
  expect(await dialog.locator(":invalid").count()).toBeGreaterThan(0);
  await dialog.getByRole("textbox", { name: "Email" }).fill("bea@example.com");
  await name.press("Enter");
  const message = dialog.getByRole("textbox", { name: "Message" });
  await message.fill("by the button");
  await dialog.getByRole("button", { name: "Send", exact: true }).click();
  await message.fill("by the key");
  await message.press("Enter");
  await agent.openConversation("Bea");
  await agent.expectMessages("by the button", "by the key");
});

it(
  "in a sandbox without an origin, shows what is missing",
  async () => {
    const env = await withPage((tag) => page(tag));
    const dialog = await framed(env, "allow-scripts allow-forms", /CORS|net::ERR_FAILED/);
    await dialog.getByRole("button", { name: "Start chat" }).click();
    const alert = dialog.getByRole("alert");
    await eventually(() => alert.innerText()).toMatch(/allow-same-origin/);
    expect(await dialog.innerText()).not.toMatch(/kept and sent later/);
  },
  3 * DEADLINE_MS,
);

it("an invalid identity is refused with an error that says what to pass", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  await visitor.button.waitFor();
  for (const invalid of ["garbage", "a.b.c", ""]) {
    const error = visitor.page.evaluate(
      (jwt) =>
        window.shoptalk!.identify(jwt).then(
          () => "no error",
          (error: Error) => `${error.name}: ${error.message}`,
        ),
      invalid,
    );
    expect(await error).toMatch(/^TypeError: shoptalk\.identify: .*JWT/);
  }
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.waitUntilConnected();
});
