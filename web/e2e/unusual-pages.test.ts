import { expect, it } from "vitest";
import { DEADLINE_MS, eventually } from "./browser";
import { World } from "./environment";

/** A page of the shop with the chat's tag. */
const page = (tag: string, body = "") =>
  `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><body>${body}${tag}`;

/** A world whose shop has a page of its own at `/odd`. */
async function withPage(body: (tag: string, chat: string) => string) {
  const world = await World.start();
  const { chat } = world.shop;
  world.shop.pages["/odd"] = body(`<script async src="${chat}/widget.js"></script>`, chat);
  return world;
}

it.each([
  ["an element with the id", '<div id="shoptalk"></div>'],
  ["a form with the name", '<form name="shoptalk"><input name="open"><input name="on"></form>'],
  ["a frame with the name", '<iframe name="shoptalk" srcdoc="x"></iframe>'],
  ["several of them", '<a id="shoptalk">1</a><form name="shoptalk"></form>'],
])("%s “shoptalk” does no harm", async (_, element) => {
  const world = await withPage((tag) => page(tag, element));
  const customer = await world.customer({}, "/odd");
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.isConnected();
  expect(await customer.page.evaluate(() => typeof window.shoptalk?.open)).toBe("function");
});

it.each<[string, () => void]>([
  [
    "swaps its body",
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
])("a page that %s keeps the chat and what is written in it", async (_, swap) => {
  const world = await withPage((tag) => page(tag));
  const customer = await world.customer({}, "/odd");
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("before");
  await customer.sees("before");
  await customer.message.fill("half a sent");
  await customer.page.evaluate(swap);
  await customer.page.getByText("Another page").waitFor();
  await customer.sees("before");
  expect(await customer.message.inputValue()).toBe("half a sent");
  await customer.says("after");
  await customer.sees("before", "after");
  expect(await customer.page.locator("shoptalk-chat").count()).toBe(1);
});

it("a tag that runs twice makes one chat, and one of another server says that it is ignored", async () => {
  const world = await withPage((tag) => page(tag));
  const customer = await world.customer({}, "/odd");
  await customer.button.waitFor();
  const warnings: string[] = [];
  customer.page.on("console", (message) => {
    if (message.type() === "warning") warnings.push(message.text());
  });
  const runs = (src: string) =>
    customer.page.evaluate(
      (src) =>
        new Promise((done) => {
          const tag = document.createElement("script");
          tag.src = src;
          tag.onload = done;
          document.head.append(tag);
        }),
      src,
    );
  await runs(`${world.shop.chat}/widget.js`);
  expect(warnings).toEqual([]);
  // The same server under another name is another one to the page.
  const other = world.shop.chat.replace("127.0.0.1", "localhost");
  await runs(`${other}/widget.js`);
  await eventually(() => warnings).toEqual([expect.stringMatching(/^shoptalk: .*localhost/)]);
  expect(await customer.page.locator("shoptalk-chat").count()).toBe(1);
  await customer.open();
});

it("two tags before the body make one chat", async () => {
  const world = await withPage((_, chat) => {
    const tag = `<script src="${chat}/widget.js"></script>`;
    return `<!doctype html><html><head><title>Shop</title><link rel="icon" href="data:,">${tag}${tag}</head><body>`;
  });
  const customer = await world.customer({}, "/odd");
  await customer.open();
  expect(await customer.page.locator("shoptalk-chat").count()).toBe(1);
});

it("a tag that is a module says what it must be", async () => {
  const world = await withPage((_, chat) =>
    page(`<script type="module" src="${chat}/widget.js"></script>`),
  );
  const errors: string[] = [];
  const person = await world.person({ complains: /shoptalk: / });
  const tab = await person.tab();
  tab.on("pageerror", (error) => errors.push(error.message));
  await tab.goto(`${world.shop.origin}/odd`);
  await eventually(() => errors).toEqual([expect.stringMatching(/^shoptalk: .*module/)]);
});

it("a listener that throws keeps no answer from being shown, nor another listener from hearing", async () => {
  const world = await World.start();
  const agent = await world.agent();
  const person = await world.person({ complains: /the shop's own mistake/ });
  const customer = await world.customerOf(person);
  await customer.button.waitFor();
  await customer.page.evaluate(() => {
    const heard: string[] = [];
    Object.assign(window, { heard });
    for (const event of ["open", "close", "message", "unread", "state"] as const) {
      window.shoptalk?.on(event, () => {
        throw new Error("the shop's own mistake");
      });
      window.shoptalk?.on(event, () => heard.push(event));
    }
  });
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("Hello?");
  await agent.opens("Bea");
  await agent.says("An answer");
  await customer.sees("Hello?", "An answer");
  const heard = () => customer.page.evaluate(() => (window as never as { heard: string[] }).heard);
  await eventually(heard).toEqual(expect.arrayContaining(["open", "state", "message"]));
});

it("a title keeps a number of its own", async () => {
  const world = await withPage((tag) => page(tag).replace("Shop", "(2024) Catalogue"));
  const agent = await world.agent();
  const customer = await world.customer({}, "/odd");
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.says("Hello?");
  await agent.opens("Bea");
  await customer.dialog.getByRole("button", { name: "Minimize" }).click();
  await agent.says("An answer");
  await eventually(() => customer.page.title()).toBe("(1) (2024) Catalogue");
  await agent.says("And another one");
  await eventually(() => customer.page.title()).toBe("(2) (2024) Catalogue");
  // The button says so, too: to the ear after its name, and to the eye.
  const badge = await customer.button.evaluate((button) => [
    button.ariaDescription,
    /2|aria-description/.test(getComputedStyle(button, "::after").content),
  ]);
  expect(badge).toEqual(["2", true]);
  await customer.open();
  await eventually(() => customer.page.title()).toBe("(2024) Catalogue");
});

/** The chat in a frame of the page. */
async function framed(world: World, sandbox: string, complains?: RegExp) {
  world.shop.pages["/frame"] = page(
    `<iframe sandbox="${sandbox}" src="/odd" width="900" height="700"></iframe>`,
  );
  const person = await world.person(complains ? { complains } : {});
  const tab = await person.tab(`${world.shop.origin}/frame`);
  const frame = tab.frameLocator("iframe");
  await frame.getByRole("button", { name: "Chat", exact: true }).click();
  return frame.getByRole("dialog");
}

it("works in a sandbox without forms", async () => {
  const world = await withPage((tag) => page(tag));
  const agent = await world.agent();
  const dialog = await framed(world, "allow-scripts allow-same-origin");
  const name = dialog.getByRole("textbox", { name: "Name" });
  await name.fill("Bea");
  await dialog.getByRole("textbox", { name: "Email" }).fill("no address");
  const start = dialog.getByRole("button", { name: "Start chat" });
  await start.click();
  // The browser still says what is wrong with a field.
  expect(await dialog.locator(":invalid").count()).toBeGreaterThan(0);
  await dialog.getByRole("textbox", { name: "Email" }).fill("bea@example.com");
  await name.press("Enter");
  const message = dialog.getByRole("textbox", { name: "Message" });
  await message.fill("by the button");
  await dialog.getByRole("button", { name: "Send", exact: true }).click();
  await message.fill("by the key");
  await message.press("Enter");
  await agent.opens("Bea");
  await agent.sees("by the button", "by the key");
});

it(
  "says in a sandbox without an origin what it lacks",
  async () => {
    const world = await withPage((tag) => page(tag));
    const dialog = await framed(world, "allow-scripts allow-forms", /CORS|net::ERR_FAILED/);
    await dialog.getByRole("button", { name: "Start chat" }).click();
    const alert = dialog.getByRole("alert");
    await eventually(() => alert.innerText()).toMatch(/allow-same-origin/);
    expect(await dialog.innerText()).not.toMatch(/kept and sent later/);
  },
  3 * DEADLINE_MS,
);

it("an identity that is none is refused with a word on what it must be", async () => {
  const world = await World.start();
  const customer = await world.customer();
  await customer.button.waitFor();
  for (const wrong of ["garbage", "a.b.c", ""]) {
    const error = customer.page.evaluate(
      (jwt) =>
        window.shoptalk!.identify(jwt).then(
          () => "no error",
          (error: Error) => `${error.name}: ${error.message}`,
        ),
      wrong,
    );
    expect(await error).toMatch(/^TypeError: shoptalk\.identify: .*JWT/);
  }
  await customer.open();
  await customer.begin({ name: "Bea" });
  await customer.isConnected();
});
