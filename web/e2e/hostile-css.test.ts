import { expect, it } from "vitest";
import { Environment } from "./environment";
import type { Visitor } from "./page-objects";

/** A style sheet that breaks everything on its page. */
const HOSTILE = `
* {
  all: revert;
  box-sizing: content-box !important;
  margin: 13px !important;
  padding: 13px !important;
  font: italic 40px / 3 fantasy !important;
  letter-spacing: 9px !important;
  text-transform: uppercase !important;
  color: red !important;
  background: yellow !important;
  visibility: hidden !important;
  float: left !important;
}
/* Not on the body itself: its transforms and filters apply to everything inside. */
body * {
  transform: rotate(5deg) !important;
  opacity: 0.2 !important;
  filter: blur(3px) !important;
  clip-path: inset(50%) !important;
  contain: strict !important;
  zoom: 3 !important;
  pointer-events: none !important;
  user-select: none !important;
}
div, button, input, textarea, form, span, shoptalk-chat { display: none !important; }
button { width: 1px !important; height: 1px !important; border: 20px solid !important; }
:focus { outline: none !important; }
html { font-size: 40px !important; }
`;

/** What one sees of the chat: place, size and the styles that a page could spoil. */
async function looks(visitor: Visitor) {
  const page = visitor.page;
  await page.mouse.move(0, 0);
  return page.evaluate(() => {
    const root = document.querySelector("shoptalk-chat")?.shadowRoot;
    const shown = [...(root?.querySelectorAll("*") ?? [])].filter((node) => node.checkVisibility());
    return shown.map((node) => {
      const { x, y, width, height } = node.getBoundingClientRect();
      const style = getComputedStyle(node);
      return {
        node: `${node.localName}.${node.className.toString()}`,
        place: [x, y, width, height].map(Math.round).join(" "),
        font: `${style.fontStyle} ${style.fontSize} ${style.fontFamily} ${style.letterSpacing}`,
        colors: `${style.color} on ${style.backgroundColor}`,
        text: `${style.textTransform} ${style.direction} ${style.visibility} ${style.opacity}`,
      };
    });
  });
}

it("looks and works the same on a page with a hostile style sheet", async () => {
  const env = await Environment.start();
  const seen = async () => {
    const profile = await env.profile();
    // A message's time would be as wide as the minute is.
    await profile.context.addInitScript(() => {
      Intl.DateTimeFormat = class {
        format = () => "at noon";
      } as never;
    });
    const visitor = await env.visitorIn(profile);
    await visitor.button.waitFor();
    const closed = await looks(visitor);
    await visitor.open();
    const form = await looks(visitor);
    await visitor.begin({ name: "Bea" });
    await visitor.waitUntilConnected();
    await visitor.send("Hello?");
    await visitor.expectMessages("Hello?");
    await visitor.dialog.getByText("Sent").waitFor();
    return { closed, form, chat: await looks(visitor) };
  };
  const plain = await seen();
  env.shop.page = { css: HOSTILE };
  const hostile = await seen();
  expect(plain.chat.length, "parts that are compared").toBeGreaterThan(20);
  expect(hostile.closed).toEqual(plain.closed);
  expect(hostile.form).toEqual(plain.form);
  expect(hostile.chat).toEqual(plain.chat);
});

it("leaves the page's own elements, globals and style alone", async () => {
  const env = await Environment.start({ page: { body: "<button>Chat</button><p>Text</p>" } });
  const profile = await env.profile({ allowNetworkErrors: true });
  const page = await profile.tab(env.shop.origin);
  await page.locator("shoptalk-chat").waitFor({ state: "attached" });
  const bare = await profile.tab();
  await bare.route("**/widget.js", (route) => route.abort());
  await bare.goto(env.shop.origin);
  const globals = () => Object.keys(window);
  const before = new Set(await bare.evaluate(globals));
  const added = (await page.evaluate(globals)).filter((name) => !before.has(name));
  expect(added).toEqual(["shoptalk"]);
  expect(await page.locator("body > *").evaluateAll((all) => all.map((e) => e.localName))).toEqual([
    "h1",
    "button",
    "p",
    "script",
    "shoptalk-chat",
  ]);
  expect(await page.evaluate(() => document.styleSheets.length)).toBe(0);
  expect(await page.evaluate(() => document.adoptedStyleSheets.length)).toBe(0);
});

it("is dark for those who prefer it, unless the tag sets a theme; an accent must be a colour", async () => {
  const env = await Environment.start();
  const colors = async (attributes: string, colorScheme: "dark" | "light") => {
    env.shop.page = { attributes };
    const visitor = await env.visitor({ colorScheme });
    await visitor.open();
    return visitor.dialog.evaluate((panel) => {
      const { backgroundColor } = getComputedStyle(panel);
      const accent = getComputedStyle(panel.querySelector("header")!).backgroundColor;
      return { dark: backgroundColor !== "rgb(255, 255, 255)", accent };
    });
  };
  const blue = "rgb(47, 85, 212)";
  expect(await colors("", "dark")).toEqual({ dark: true, accent: blue });
  expect(await colors("", "light")).toEqual({ dark: false, accent: blue });
  expect(await colors('data-theme="light"', "dark")).toMatchObject({ dark: false });
  expect(await colors('data-theme="dark"', "light")).toMatchObject({ dark: true });
  expect(await colors('data-accent="#060"', "light")).toMatchObject({ accent: "rgb(0, 102, 0)" });
  expect(await colors('data-accent="nonsense"', "light")).toMatchObject({ accent: blue });
});
