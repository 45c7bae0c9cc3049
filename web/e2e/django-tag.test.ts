import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { eventually } from "./browser";
import { Environment } from "./environment";
import { identity } from "./identity";

const SECRET = "a secret of at least thirty-two bytes";
const SCRIPT = new URL("../../examples/django/shoptalk-identify.js", import.meta.url);

/** What the template tag of examples/django puts into a page. */
function tag(env: Environment, jwt = "") {
  const attribute = jwt && `data-identity="${jwt}"`;
  const script = readFileSync(SCRIPT, "utf8");
  return `<!doctype html><title>Shop</title><script async src="${env.shop.chat}/widget.js"></script>
    <script ${attribute}>${script}</script>`;
}

it("a customer who signs out of a Django shop leaves nothing to the next one at the browser", async () => {
  const env = await Environment.start({ settings: { SHOPTALK_IDENTITY__SECRETS: SECRET } });
  env.shop.pages["/ann"] = tag(env, identity(SECRET, { sub: "ann", name: "Ann" }));
  env.shop.pages["/anonymous"] = tag(env);
  const visitor = await env.visitor({}, "/ann");
  await visitor.open();
  await visitor.send("a private matter");
  await visitor.expectMessages("a private matter");
  const { page } = visitor;

  // As long as nobody has signed out, an anonymous page changes nothing.
  await page.goto(`${env.shop.origin}/anonymous`);
  await visitor.open();
  await visitor.expectMessages("a private matter");

  const { origin: url } = env.shop;
  await page.context().addCookies([{ name: "shoptalk_signed_out", value: "1", url }]);
  await page.goto(`${env.shop.origin}/anonymous`);
  await eventually(() => page.evaluate(() => document.cookie)).toBe("");
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([]);
  await visitor.open();
  await visitor.dialog.getByRole("button", { name: "Start chat" }).waitFor();
  expect(await visitor.dialog.innerText()).not.toContain("a private matter");

  // Whoever signs in then is identified as before.
  await page.goto(`${env.shop.origin}/ann`);
  await visitor.open();
  await visitor.expectMessages("a private matter");
});
