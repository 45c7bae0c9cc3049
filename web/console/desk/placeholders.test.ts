import { expect, it } from "vitest";
import { fillIn, firstUnfilled } from "./placeholders";

const values = { customer_name: "Ann", agent_name: "Mia", hours: undefined };

it.each([
  ["Hello {{customer_name|there}},", "Hello Ann,"],
  ["{{agent_name}} and {{customer_name}}", "Mia and Ann"],
  ["Open {{hours|every day}}", "Open every day"],
  ["Open {{hours}}", "Open {{hours}}"],
  ["{{unknown}} {{ spaced }} {single}", "{{unknown}} {{ spaced }} {single}"],
  ["{{customer_name|a|b}}", "Ann"],
])("fills in %j", (text, filled) => {
  expect(fillIn(text, values)).toBe(filled);
});

it("uses a fallback for a name that is empty, and takes values as they are", () => {
  expect(fillIn("Hello {{customer_name|there}}", { customer_name: "" })).toBe("Hello there");
  expect(fillIn("{{agent_name}}", { agent_name: "$& {{hours}}" })).toBe("$& {{hours}}");
});

it("finds what is left to be filled in", () => {
  expect(firstUnfilled("Open {{hours}}, {{more}}")).toBe("{{hours}}");
  expect(firstUnfilled("a {b} {{ c }}")).toBeUndefined();
});
