import { expect, it } from "vitest";
import type { Day, Interval } from "../../shared/protocol";
import { describeHours } from "./hours";

const on = (days: string, from: string, to: string): Interval[] =>
  days.split(" ").map((day) => ({ day: day as Day, from, to }));

const WORKDAYS = "mon tue wed thu fri";

it.each([
  ["en-GB", [...on(WORKDAYS, "09:00", "17:00")], "Mon–Fri 09:00–17:00"],
  [
    "en-GB",
    [...on("sat", "10:00", "14:00"), ...on(WORKDAYS, "09:00", "17:30")],
    "Mon–Fri 09:00–17:30, Sat 10:00–14:00",
  ],
  ["en-GB", on("mon wed", "09:00", "17:00"), "Mon 09:00–17:00, Wed 09:00–17:00"],
  [
    "en-GB",
    [...on("tue", "13:00", "18:00"), ...on("tue", "09:00", "12:00")],
    "Tue 09:00–12:00, 13:00–18:00",
  ],
  ["en-GB", on("fri", "22:00", "02:00"), "Fri 22:00–02:00"],
  ["en-GB", on(`${WORKDAYS} sat sun`, "00:00", "24:00"), "Mon–Sun 00:00–00:00"],
  ["de", on("mon tue", "09:00", "17:00"), "Mo–Di 09:00–17:00"],
  ["en-GB", [], ""],
])("in %s, %j is written as %s", (locale, hours, text) => {
  expect(describeHours(hours as Interval[], locale)).toBe(text);
});

it("is written in the digits and names of the language", () => {
  const text = describeHours(on("mon", "09:00", "17:00"), "ar-EG");
  expect(text).toMatch(/^الاثنين [٠-٩]/);
});
