import { expect, it } from "vitest";
import { audit } from "./audit";
import { eventually } from "./browser";
import { Environment } from "./environment";
import { type Mail, MailRelay } from "./mail-relay";
import { expectFocus } from "./page-objects";

const HOOK_TOKEN = "a token of the mail provider, long enough";

/** Hands a mail to the server, as the mail provider does. */
async function handIn(env: Environment, ...lines: string[]) {
  const response = await fetch(`${env.server.origin}/api/hooks/mail/`, {
    method: "POST",
    headers: { authorization: `Bearer ${HOOK_TOKEN}`, "content-type": "message/rfc822" },
    body: lines.join("\r\n"),
  });
  expect(response.status).toBe(200);
}

/** A server whose mail goes to the tests' relay, and into which a provider hands replies. */
async function withMail() {
  const relay = await MailRelay.start();
  const settings = {
    SHOPTALK_MAIL__SMTP_URL: relay.url,
    SHOPTALK_MAIL__FROM: "The Shop <chat@shop.example>",
    SHOPTALK_MAIL__HOOK_TOKEN: HOOK_TOKEN,
    SHOPTALK_MAIL__AFTER_MS: "1",
  };
  return { relay, env: await Environment.start({ settings }) };
}

it("a customer has the conversation sent by mail, to an address typed for it", async () => {
  const { env, relay } = await withMail();
  // A refusal is an error for the browser.
  const [visitor, agent] = await Promise.all([
    env.visitor({ expectedErrors: /status of 4(00|09) .*\/transcript\// }),
    env.agent(),
  ]);
  const { dialog } = visitor;
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Do you ship to Norway?");
  await agent.openConversation("Bea");
  await visitor.waitUntilConnected();
  await dialog.getByRole("button", { name: "Earlier conversations" }).click();
  const send = dialog.getByRole("button", { name: "Send by mail" });
  const address = dialog.getByRole("textbox", { name: "Email" });
  await send.click();
  await expectFocus(address);
  await dialog.getByText("To which address?").waitFor();
  await address.fill("bea@example.com");
  await send.click();
  await dialog.getByText("once we have answered").waitFor();
  await agent.send("We do.");
  await agent.expectMessages("Do you ship to Norway?", "We do.");
  await send.click();
  await dialog.getByText("It is on its way").waitFor();
  expect(await send.isVisible()).toBe(false);
  await eventually(() => relay.to("bea@example.com").length).toBe(1);
  const [{ text }] = relay.to("bea@example.com") as [Mail];
  expect(text).toContain("Do you ship to Norway?");
  expect(text).toContain("We do.");
});

it("a reply by mail shows what was written, and folds what it quotes, on both sides", async () => {
  const { env, relay } = await withMail();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  await visitor.open();
  await visitor.begin({ name: "Bea", email: "bea@example.com" });
  await visitor.send("Do you ship to Norway?");
  await agent.openConversation("Bea");
  await visitor.page.goto("about:blank");
  await agent.send("We do.");
  await eventually(() => relay.to("bea@example.com").length).toBe(1);
  const [{ text }] = relay.to("bea@example.com") as [Mail];
  const replyTo = /^Reply-To: .*<(.+)>/m.exec(text)?.[1];
  await handIn(
    env,
    "From: Bea <bea@example.com>",
    `To: <${replyTo}>`,
    "Message-ID: <1@example.com>",
    "Subject: Re: Your conversation",
    "",
    "Then two, please: https://shop.example/cups",
    "",
    "> We do.",
    "> The Shop",
    "",
  );

  await visitor.page.goto(env.shop.origin);
  await visitor.open();
  const written = "Then two, please: https://shop.example/cups";
  for (const log of [visitor.log, agent.log]) {
    await eventually(() => log.innerText()).toContain(written);
    const toggle = log.getByText("Quoted text");
    await toggle.waitFor();
    const unfolded = log.locator("details[open]");
    expect(await unfolded.count()).toBe(0);
    await toggle.click();
    await unfolded.waitFor();
    expect(await unfolded.innerText()).toMatch(/> We do\.\n> The Shop$/);
    await log.getByRole("link", { name: "https://shop.example/cups" }).waitFor();
  }
  // It stays as it is when the next message comes.
  await agent.send("Two it is.");
  await visitor.expectMessages(written, "Two it is.");
  expect(await visitor.log.locator("details[open]").count()).toBe(1);
});

it("mail is in the language of the customer's widget", async () => {
  const { env, relay } = await withMail();
  env.shop.page = { lang: "de" };
  const [visitor, agent] = await Promise.all([env.visitor({ locale: "de-DE" }), env.agent()]);
  const { dialog } = visitor;
  await visitor.open();
  await dialog.getByRole("textbox", { name: "Name" }).fill("Bea");
  await dialog.getByRole("textbox", { name: "E-Mail" }).fill("bea@example.com");
  await dialog.getByRole("button", { name: "Chat starten" }).click();
  await dialog.getByRole("textbox", { name: "Nachricht" }).fill("Haben Sie das in Blau?");
  await dialog.getByRole("button", { name: "Senden" }).click();
  await agent.openConversation("Bea");
  await visitor.page.goto("about:blank");
  await agent.send("Ja.");
  await eventually(() => relay.to("bea@example.com").length).toBe(1);
  const [{ text }] = relay.to("bea@example.com") as [Mail];
  expect(text).toMatch(/^Subject: Ihre Unterhaltung mit The Shop\r$/m);
});

it("agents see that mail does not arrive, and admins what became no message", async () => {
  const { env, relay } = await withMail();
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  const { page } = agent;
  await visitor.open();
  await visitor.begin({ name: "Bea", email: "bea@example.com" });
  await visitor.send("Do you ship to Norway?");
  await agent.openConversation("Bea");
  await visitor.page.goto("about:blank");
  await agent.send("We do.");
  await eventually(() => relay.to("bea@example.com").length).toBe(1);
  const [{ text }] = relay.to("bea@example.com") as [Mail];
  const address = /^Reply-To: .*<(.+)>/m.exec(text)?.[1];
  const details = page.getByRole("complementary", { name: "Customer" });
  await details.waitFor();
  expect(await details.innerText()).not.toContain("does not arrive");
  await handIn(
    env,
    "From: MAILER-DAEMON@mx.example",
    `To: <${address}>`,
    "Message-ID: <1@mx.example>",
    "Subject: Undelivered",
    "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
    "",
    "--x",
    "Content-Type: message/delivery-status",
    "",
    "Reporting-MTA: dns; mx.example",
    "",
    "Final-Recipient: rfc822; bea@example.com",
    "Action: failed",
    "Status: 5.1.1",
    "--x--",
    "",
  );
  await page.reload();
  await details.getByText("Mail to this address does not arrive").waitFor();

  await page.getByRole("button", { name: "Settings", exact: true }).click();
  await page.getByRole("button", { name: "Open Mail without a conversation" }).click();
  const dialog = page.getByRole("dialog", { name: "Mail without a conversation" });
  await dialog.getByText("It reports that a mail did not arrive.").waitFor();
  await dialog.getByText("Undelivered").waitFor();
  expect(await audit(page, "html")).toEqual([]);
  await dialog.getByRole("button", { name: "Open the conversation" }).click();
  await agent.reply.waitFor();
  await dialog.waitFor({ state: "hidden" });
});

it("admins see which addresses mail does not reach, and have one mailed again", async () => {
  const { env, relay } = await withMail();
  relay.refused = "550 5.1.1 no such user";
  const [visitor, agent] = await Promise.all([env.visitor(), env.agent()]);
  const { page } = agent;
  await visitor.open();
  await visitor.begin({ name: "Bea", email: "bea@example.com" });
  await visitor.send("Do you ship to Norway?");
  await agent.openConversation("Bea");
  await visitor.page.goto("about:blank");
  await agent.send("We do.");
  const mail = () => page.evaluate(async () => (await fetch("/api/admin/mail/bounced/")).json());
  await eventually(async () => (await mail()).results.length).toBe(1);
  await page.getByRole("button", { name: "Settings", exact: true }).click();
  await page.getByRole("button", { name: "Open Addresses that mail does not reach" }).click();
  const dialog = page.getByRole("dialog", { name: "Addresses that mail does not reach" });
  await dialog.getByText("5.1.1 no such user").waitFor();
  expect(await audit(page, "html")).toEqual([]);
  await dialog.getByRole("button", { name: "Allow again: bea@example.com" }).click();
  await dialog.getByText("There are none.").waitFor();
  expect((await mail()).results).toEqual([]);
});

it("a server that sends no mail offers none", async () => {
  const env = await Environment.start();
  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Hello?");
  await visitor.waitUntilConnected();
  await visitor.dialog.getByRole("button", { name: "Earlier conversations" }).click();
  await visitor.dialog.locator("button.room").waitFor();
  expect(await visitor.dialog.getByRole("button", { name: "Send by mail" }).count()).toBe(0);
});
