import type { BrowserContext, Page, Worker } from "playwright-core";
import { expect, it } from "vitest";
import { type BrowserProfile, eventually } from "./browser";
import { Environment, PASSWORD } from "./environment";
import { Agent } from "./page-objects";
import { PushService } from "./push-service";

const SETTINGS = { SHOPTALK_PUSH__ALLOW_PRIVATE: "true" };

/** A browser that permits notifications and subscribes at the tests' push service. */
async function ringable(env: Environment, service: PushService): Promise<BrowserProfile> {
  const profile = await env.profile();
  await profile.context.grantPermissions(["notifications"], { origin: env.server.origin });
  await profile.context.addInitScript((json) => {
    const subscription = { ...json, toJSON: () => json, unsubscribe: async () => true };
    const prototype = globalThis.PushManager?.prototype;
    if (!prototype) return;
    prototype.subscribe = async () => subscription as unknown as PushSubscription;
    prototype.getSubscription = async () => subscription as unknown as PushSubscription;
  }, service.subscription);
  return profile;
}

async function openNotifications(page: Page) {
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Open Notifications" }).click();
  return page.getByRole("dialog", { name: "Notifications" });
}

/** Delivers a message to the service worker, as the browser does when its push service has one. */
async function deliver(context: BrowserContext, page: Page, data: object) {
  const session = await context.newCDPSession(page);
  const registered = new Promise<string>((done) =>
    session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
      if (registrations[0]) done(registrations[0].registrationId);
    }),
  );
  await session.send("ServiceWorker.enable");
  const { origin } = new URL(page.url());
  const registrationId = await registered;
  await session.send("ServiceWorker.deliverPushMessage", {
    origin,
    registrationId,
    data: JSON.stringify(data),
  });
}

/** Clicks the notification that is shown. */
const click = (worker: Worker) =>
  worker.evaluate(`registration.getNotifications().then(([notification]) =>
    dispatchEvent(new NotificationEvent("notificationclick", { notification })))`);

/** The notifications that are shown. */
const shown = (page: Page) =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration("/admin/");
    const notifications = await registration!.getNotifications();
    return notifications.map(({ title, body, tag }) => ({ title, body, tag }));
  });

it("a device is switched on, tried and switched off", async () => {
  const env = await Environment.start({ settings: SETTINGS });
  const service = await PushService.start();
  const { page } = await env.agentIn(await ringable(env, service));
  const dialog = await openNotifications(page);
  const ring = dialog.getByRole("checkbox", { name: "Ring this device" });
  await ring.click();
  await dialog.getByRole("button", { name: "Ring it now" }).click();
  const result = dialog.getByRole("alert");
  await eventually(() => result.innerText()).toMatch(/on its way/);
  expect(service.rung).toMatchObject([{ room_id: null, title: "Shoptalk" }]);

  service.status = 403;
  await dialog.getByRole("button", { name: "Ring it now" }).click();
  await eventually(() => result.innerText()).toMatch(/refuses this server \(403\)/);
  service.status = 201;

  await ring.click();
  await eventually(() => ring.isChecked()).toBe(false);
  await eventually(() => dialog.getByRole("button", { name: "Ring it now" }).isDisabled()).toBe(
    true,
  );
  const left = await page.evaluate(async () =>
    (await fetch("/api/admin/push/subscriptions/")).json(),
  );
  expect(left.results).toEqual([]);
});

it("a customer rings the device while no console is open, and a click opens the conversation", async () => {
  const env = await Environment.start({ settings: SETTINGS });
  const service = await PushService.start();
  const profile = await ringable(env, service);
  const agent = await env.agentIn(profile);
  const dialog = await openNotifications(agent.page);
  await dialog.getByRole("checkbox", { name: "Ring this device" }).click();
  await eventually(() => dialog.getByRole("button", { name: "Ring it now" }).isEnabled()).toBe(
    true,
  );
  await agent.page.close();

  const visitor = await env.visitor();
  await visitor.open();
  await visitor.begin({ name: "Bea" });
  await visitor.send("Is it in stock?");
  await eventually(() => service.rung.length).toBe(1);
  const message = service.rung[0]!;
  expect(message).toMatchObject({ title: "Bea", body: "Is it in stock?" });

  // A page of the same origin that is no console, to look at what the browser shows.
  const page = await profile.tab(`${env.server.origin}/healthz`);
  await deliver(profile.context, page, message);
  const expected = { title: "Bea", body: "Is it in stock?", tag: message.room_id };
  await eventually(() => shown(page)).toEqual([expected]);
  // The newest one of a conversation replaces the others.
  await deliver(profile.context, page, { ...message, body: "Hello?" });
  await eventually(() => shown(page)).toEqual([{ ...expected, body: "Hello?" }]);

  const worker = profile.context.serviceWorkers()[0]!;
  const address = `/admin/chat#room=${message.room_id}`;
  // Without a person's click the browser opens no window, so the test does.
  await worker.evaluate("clients.openWindow = async (url) => { self.opened = url; }");
  await click(worker);
  await eventually(() => worker.evaluate("self.opened")).toBe(address);
  const console = await profile.tab(env.server.origin + address);
  await new Agent(console).expectMessages("Is it in stock?");

  // With a console open, that one shows the conversation.
  await console.goto(`${env.server.origin}/admin/chat`);
  await new Agent(console).item("Bea").waitFor();
  expect(new URL(console.url()).hash).toBe("");
  await deliver(profile.context, page, message);
  await eventually(() => shown(page)).toEqual([expected]);
  await click(worker);
  await eventually(() => new URL(console.url()).hash).toBe(`#room=${message.room_id}`);
  expect(await shown(page)).toEqual([]);
});

it("the next sign-in on a device that is to ring switches it on again", async () => {
  const env = await Environment.start({ settings: SETTINGS });
  const service = await PushService.start();
  const agent = await env.agentIn(await ringable(env, service));
  const { page } = agent;
  const devices = () =>
    page.evaluate(async () => (await fetch("/api/admin/push/subscriptions/")).json());
  const dialog = await openNotifications(page);
  await dialog.getByRole("checkbox", { name: "Ring this device" }).click();
  await eventually(async () => (await devices()).results.length).toBe(1);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("textbox", { name: "Username" }).waitFor();
  await agent.signIn("ada", PASSWORD);
  await eventually(async () => (await devices()).results.length).toBe(1);
});

it("duty is switched off and stays off", async () => {
  const env = await Environment.start({ settings: SETTINGS });
  const { page } = await env.agent();
  const dialog = await openNotifications(page);
  const duty = dialog.getByRole("checkbox", { name: "On duty" });
  expect(await duty.isChecked()).toBe(true);
  await duty.uncheck();
  const me = () =>
    page.evaluate(async () => (await (await fetch("/api/admin/me/")).json()).agent.on_duty);
  await eventually(me).toBe(false);
  await page.reload();
  const again = await openNotifications(page);
  await eventually(() => again.getByRole("checkbox", { name: "On duty" }).isChecked()).toBe(false);
});
