import { signal } from "@preact/signals";
import { describe, expect, it } from "vitest";
import type { Colleague } from "../../shared/protocol";
import { makeMentions, splitMentions } from "./mentions";

const colleague = (username: string, display_name: string): Colleague => ({
  id: username,
  username,
  display_name,
  on_duty: true,
});
const colleagues = [
  colleague("mia", "Mia Berg"),
  colleague("tom", "Tom"),
  colleague("o.k-9", "Zoë van Dam"),
  colleague("sara", "سارة"),
  colleague("tl", "Tom Lee"),
];

it.each([
  ["@mia, please. Ask @Tom.", ["@mia", "@Tom"]],
  ["@MIA BERG and (@tom)", ["@MIA BERG", "@tom"]],
  ["@tom lee, not @tom", ["@tom lee", "@tom"]],
  ["@o.k-9: yes, @oXk-9: no", ["@o.k-9"]],
  ["@سارة و @Zoë van dam!", ["@سارة", "@Zoë van dam"]],
  ["@@tom @tom-2", ["@tom", "@tom"]],
  ["mail ann@tom.example or @ or @tommy", []],
  ["@nobody @Zoë", []],
])("mentions in %j are %j", (text, expected) => {
  const parts = splitMentions(text, colleagues);
  expect(parts.map((part) => part.text).join("")).toBe(text);
  expect(parts.filter((part) => part.isMention).map((part) => part.text)).toEqual(expected);
});

describe("the list of colleagues", () => {
  const follow = (draft: string, agentId = "me") => {
    const mentions = makeMentions(agentId, signal(colleagues));
    mentions.follow(draft, draft.length);
    return mentions;
  };
  const found = (draft: string, agentId?: string) =>
    follow(draft, agentId).matches.value.map(({ id }) => id);

  it.each([
    ["ask @", ["mia", "tom", "o.k-9", "sara", "tl"]],
    ["ask @t", ["tom", "tl"]],
    ["@van d", ["o.k-9"]],
    ["(@سا", ["sara"]],
    // It is written out; the longer name comes with a blank.
    ["@Tom", []],
    ["@Tom ", ["tl"]],
    ["@mia", []],
    ["@nobody", []],
    ["me@t", []],
    ["@tom lee and @be", ["mia"]],
    ["t", []],
  ])("for %j has %j", (draft, expected) => {
    expect(found(draft)).toEqual(expected);
  });

  it("is without the agent", () => {
    expect(found("@t", "tl")).toEqual(["tom"]);
  });

  it("puts the name in the place of what was typed", () => {
    expect(follow("ask @zo").take()).toEqual({ from: 4, to: 7, text: "@Zoë van Dam " });
  });
});
