import { beforeEach, expect, it } from "vitest";
import type { SettingsAnswer } from "../../shared/protocol";
import { type Call, Refused } from "../api";
import { english } from "../testing/fixtures";
import { makeShopSettings } from "./shop-settings";

const SETTINGS: SettingsAnswer = {
  version: 3,
  shop: { name: "Corner", time_zone: "UTC", hours: [], exceptions: [], closed_until: null },
  widget: {
    texts: { de: { title: "Fragen?", greeting: "", away_text: "" } },
    accent: "",
    side: "right",
    prechat: { name: "optional", email: "optional", phone: "optional" },
  },
  alerts: { escalate_ms: 180_000, mail_ms: 600_000 },
  mail: { after_ms: 600_000 },
  fixed: [],
};

/** The server: its settings, and what it was sent. */
let server: SettingsAnswer;
let patches: Record<string, unknown>[];
let refusal: Refused | undefined;

const call = (async (method: string, path: string, body?: Record<string, unknown>) => {
  expect(path).toBe("settings/");
  if (method === "GET") return server;
  patches.push(body ?? {});
  if (refusal) throw refusal;
  if (body?.version !== server.version) throw new Refused(409, { code: "conflict" }, 0);
  const shop = { ...server.shop, ...(body.shop as object) };
  server = { ...server, version: server.version + 1, shop };
  return server;
}) as Call;

async function open() {
  const settings = makeShopSettings({ call, language: english });
  await Promise.resolve();
  await Promise.resolve();
  return settings;
}

beforeEach(() => {
  server = SETTINGS;
  patches = [];
  refusal = undefined;
});

it("sends what was changed and nothing else", async () => {
  const settings = await open();
  expect(settings.changes.value).toEqual([]);
  settings.change("shop", { name: "Corner Shop" });
  settings.change("widget", {
    texts: { ...SETTINGS.widget.texts, en: { title: "Ask", greeting: "", away_text: "" } },
  });
  expect(settings.changes.value).toEqual(["shop.name", "widget.texts.en"]);
  await settings.save();
  expect(patches).toEqual([
    {
      version: 3,
      shop: { name: "Corner Shop" },
      widget: { texts: { en: { title: "Ask", greeting: "", away_text: "" } } },
    },
  ]);
  expect(settings.isSaved.value).toBe(true);
  settings.change("shop", { name: "B" });
  expect(settings.isSaved.value).toBe(false);
});

it("opens the shop again by null", async () => {
  server = { ...SETTINGS, shop: { ...SETTINGS.shop, closed_until: "2026-12-24T10:00:00.000Z" } };
  const settings = await open();
  settings.change("shop", { closed_until: null });
  await settings.save();
  expect(patches[0]).toEqual({ version: 3, shop: { closed_until: null } });
});

it("a language without texts is one with empty texts", async () => {
  const settings = await open();
  settings.change("widget", {
    texts: { ...SETTINGS.widget.texts, fr: { title: "", greeting: "", away_text: "" } },
  });
  expect(settings.changes.value).toEqual([]);
});

it("a conflict takes over what the other one changed and keeps what was typed here", async () => {
  const settings = await open();
  settings.change("shop", { name: "Mine", time_zone: "Europe/Berlin" });
  server = {
    ...SETTINGS,
    version: 4,
    shop: { ...SETTINGS.shop, name: "Theirs" },
    alerts: { escalate_ms: 60_000, mail_ms: 600_000 },
  };
  await settings.save();
  expect(settings.conflict.value).toEqual({ theirs: ["alerts.escalate_ms"], both: ["shop.name"] });
  expect(settings.isSaved.value).toBe(false);
  expect(settings.draft.value?.shop.name).toBe("Mine");
  expect(settings.draft.value?.alerts.escalate_ms).toBe(60_000);
  expect(settings.savedText("shop.name")).toBe("Theirs");
  expect(settings.savedText("shop.hours")).toBe("");
  expect(settings.savedText("alerts.escalate_ms"), "in minutes").toBe("1");
  await settings.save();
  expect(patches[1]).toEqual({
    version: 4,
    shop: { name: "Mine", time_zone: "Europe/Berlin" },
  });
  expect(settings.conflict.value).toBeUndefined();
});

it("shows what is wrong beside its field and keeps the input", async () => {
  const settings = await open();
  refusal = new Refused(
    400,
    { code: "invalid", errors: [{ field: "shop.hours[1].to", message: "must be a time" }] },
    0,
  );
  settings.change("shop", { hours: [{ day: "mon", from: "09:00", to: "17:00" }] });
  await settings.save();
  expect(settings.errorOf("shop.hours[1]")).toBe("must be a time");
  expect(settings.errorOf("shop.hours")).toBe("must be a time");
  expect(settings.errorOf("shop.hours[0]")).toBeUndefined();
  expect(settings.errorOf("shop.hour")).toBeUndefined();
  expect(settings.problem.value).toContain("must be a time");
  expect(settings.draft.value?.shop.hours).toHaveLength(1);
  refusal = undefined;
  await settings.save();
  expect(settings.errorOf("shop.hours")).toBeUndefined();
});

it("a key of the configuration is fixed", async () => {
  server = { ...SETTINGS, fixed: ["mail.after_ms"] };
  const settings = await open();
  expect(settings.isFixed("mail.after_ms")).toBe(true);
  expect(settings.isFixed("alerts.mail_ms")).toBe(false);
});
