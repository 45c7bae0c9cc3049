/**
 * Takes screenshots of every view: `make screenshots`.
 *
 * They go to target/screenshots; those that the README shows go to docs/images, too.
 */
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

const BINARY =
  process.env.SHOPTALK_BIN ?? `${process.env.CARGO_TARGET_DIR ?? "../target"}/debug/shoptalk`;
const OUT = "../target/screenshots";
const IMAGES = "../docs/images";
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

mkdirSync(OUT, { recursive: true });
mkdirSync(IMAGES, { recursive: true });

async function start() {
  const server = spawn(BINARY, ["demo", "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  // Also when a picture fails.
  process.once("exit", () => server.kill());
  const line = await new Promise((done) => server.stdout.once("data", done));
  const url = /http\S+/.exec(String(line))[0];
  const stop = async () => {
    server.kill();
    await new Promise((done) => server.once("exit", done));
  };
  return { url, stop };
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
  ],
});

async function shoot(page, name, image) {
  await page.waitForTimeout(400);
  const path = `${OUT}/${name}.png`;
  await page.screenshot({ path });
  if (image) copyFileSync(path, `${IMAGES}/${image}.png`);
}

async function signIn(page, url) {
  await page.goto(`${url}/admin/chat`);
  await page.getByRole("textbox", { name: "Username" }).fill("admin");
  await page.getByLabel("Password").fill("admin123");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Real-time connected").waitFor();
}

async function shootData(page, name) {
  const data = page.getByRole("dialog", { name: "Data" });
  await data.getByRole("button", { name: "Back up now" }).click();
  await data.getByRole("link", { name: /^Download: Backup/ }).waitFor();
  await shoot(page, `console-data-${name}`);
  await data.getByRole("textbox", { name: "Their email" }).fill("ann@example.com");
  await data.getByRole("button", { name: "Show what would go" }).click();
  await data.getByRole("textbox", { name: /^To erase them/ }).scrollIntoViewIfNeeded();
  await data.getByRole("button", { name: "Rewrite now" }).click();
  await shoot(page, `console-data-erasure-${name}`);
  await data.getByRole("listitem").last().scrollIntoViewIfNeeded();
  await shoot(page, `console-data-jobs-${name}`);
}

async function views(size, colorScheme) {
  const name = `${size === PHONE ? "phone" : "desktop"}-${colorScheme}`;
  const isForReadme = size === DESKTOP && colorScheme === "light";
  const { url, stop } = await start();
  const options = { viewport: size, colorScheme, locale: "en-GB" };
  const customers = await browser.newContext(options);
  const agents = await browser.newContext(options);
  const customer = await customers.newPage();
  const agent = await agents.newPage();

  await customer.goto(url);
  await shoot(customer, `shop-${name}`, isForReadme && "shop");
  await customer.getByRole("button", { name: "Chat", exact: true }).click();
  await shoot(customer, `widget-form-${name}`);
  await customer.getByRole("textbox", { name: "Name" }).fill("Ann Carter");
  await customer.getByRole("textbox", { name: "Email" }).fill("ann@example.com");
  await customer.getByRole("button", { name: "Start chat" }).click();
  const message = customer.getByRole("textbox", { name: "Message" });
  await message.fill("Hello! Does the apron come with pockets?");
  await message.press("Enter");

  await agent.goto(`${url}/admin/chat`);
  await shoot(agent, `console-sign-in-${name}`);
  await signIn(agent, url);
  await shoot(agent, `console-list-${name}`);
  await agent.getByRole("listitem", { name: "Ann Carter" }).click();
  const reply = agent.getByRole("textbox", { name: "Reply" });
  await reply.fill("Hello Ann! Two, and a loop for the towel: https://shop.example/apron");
  await reply.press("Enter");
  await customer.getByRole("log").getByText("Two, and a loop").waitFor();
  await message.fill("Lovely, then I take one in green.");
  await message.press("Enter");
  await agent.getByRole("log").getByText("Lovely").waitFor();
  // The server passes typing on every two seconds at most.
  await customer.waitForTimeout(2_100);
  await message.pressSequentially("And");
  await agent.getByText("is typing").waitFor();
  await shoot(agent, `console-conversation-${name}`);
  await agent.waitForTimeout(2_100);
  await reply.pressSequentially("I");
  await customer.getByText("is typing").waitFor();
  await shoot(customer, `widget-chat-${name}`, name === "phone-light" && "widget-phone");

  await reply.fill("");
  if (size === PHONE) await agent.getByRole("button", { name: "Back to the list" }).click();
  await agent.getByRole("listitem", { name: "Aisha Bello" }).click();
  if (size === PHONE) await agent.getByRole("button", { name: "Details" }).click();
  const details = agent.getByRole("complementary", { name: "Customer" });
  await details.getByRole("link", { name: "Order 10511" }).waitFor();
  if (size === DESKTOP) await reply.fill("Good news: the courier left it with your caretaker.");
  await shoot(
    agent,
    `console-cards-${name}`,
    isForReadme ? "console" : name === "desktop-dark" && "console-dark",
  );
  if (size === DESKTOP) await reply.fill("");
  else await agent.getByRole("button", { name: "Hide details" }).click();

  await agent.keyboard.press("Escape");
  if (size === DESKTOP) {
    await agent.keyboard.press("Control+k");
    await shoot(agent, `console-palette-${name}`);
    await agent.keyboard.press("Escape");
    await agent.getByRole("button", { name: "Keyboard shortcuts" }).click();
    await shoot(agent, `console-keys-${name}`);
    await agent.keyboard.press("Escape");
    await agent.getByRole("searchbox").fill("order");
    await agent.locator("mark").first().waitFor();
    await shoot(agent, `console-search-${name}`);
    await agent.getByRole("searchbox").fill("");
  }
  await agent.getByRole("button", { name: "Agents" }).click();
  await shoot(agent, `console-agents-${name}`);
  await agent.keyboard.press("Escape");
  await agent.getByRole("button", { name: "Settings" }).click();
  await shoot(agent, `console-settings-${name}`);
  await agent.getByRole("button", { name: "Open Data" }).click();
  await shootData(agent, name);
  await agent.keyboard.press("Escape");
  await agent.getByRole("button", { name: "Settings" }).click();
  await agent.getByRole("button", { name: "Open Doctor" }).click();
  await agent.getByRole("button", { name: "Skip" }).click();
  await agent.getByText(/problems? found/).waitFor();
  await shoot(agent, `console-doctor-${name}`);
  await agent.keyboard.press("Escape");

  await stop();
  await customer.getByText("Offline").waitFor();
  await message.fill("Is anybody there?");
  await message.press("Enter");
  await shoot(customer, `widget-offline-${name}`);
  await agent.getByText("Offline").waitFor();
  await shoot(agent, `console-offline-${name}`);
  await customers.close();
  await agents.close();
}

try {
  for (const size of [DESKTOP, PHONE]) {
    for (const scheme of ["light", "dark"]) await views(size, scheme);
  }
} finally {
  await browser.close();
}
