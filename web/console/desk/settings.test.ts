import { expect, it } from "vitest";
import { makeStorage } from "../../shared/storage";
import { makeSettings } from "./settings";

const KEY = "shoptalk:console:settings";

it("starts with the defaults and stores what is changed", () => {
  const area: Record<string, string> = {};
  const settings = makeSettings({ storage: makeStorage(area) });
  expect(settings.current.value).toEqual({
    theme: "auto",
    language: "auto",
    sound: true,
    notify: false,
    ring: false,
  });
  settings.change({ theme: "dark" });
  expect(JSON.parse(area[KEY]!)).toEqual({
    theme: "dark",
    language: "auto",
    sound: true,
    notify: false,
    ring: false,
  });
  expect(makeSettings({ storage: makeStorage(area) }).current.value.theme).toBe("dark");
});

it("uses the defaults for settings that are not stored yet", () => {
  const storage = makeStorage({ [KEY]: '{"sound":false}' });
  expect(makeSettings({ storage }).current.value).toEqual({
    theme: "auto",
    language: "auto",
    sound: false,
    notify: false,
    ring: false,
  });
});

it("uses the defaults when something else is stored", () => {
  const storage = makeStorage({ [KEY]: "{" });
  expect(makeSettings({ storage }).current.value.theme).toBe("auto");
});

it("ignores a language that the console does not have", () => {
  const storage = makeStorage({ [KEY]: '{"language":"toString","theme":"dark"}' });
  expect(makeSettings({ storage }).current.value).toMatchObject({
    language: "auto",
    theme: "dark",
  });
});
