import { describe, expect, it } from "vitest";
import { isBlank, linkify } from "./text";

/** The addresses that become links. */
const links = (content: string) =>
  linkify(content).flatMap(({ href }) => (href === undefined ? [] : [href]));

/** Whatever is made a link, the text stays what was written. */
const written = (content: string) =>
  linkify(content)
    .map(({ text }) => text)
    .join("");

describe("links", () => {
  it.each([
    ["https://example.com", ["https://example.com"]],
    ["http://example.com/a/b?c=d&e=f#g", ["http://example.com/a/b?c=d&e=f#g"]],
    ["HTTPS://EXAMPLE.COM/A", ["HTTPS://EXAMPLE.COM/A"]],
    ["see https://a.example and https://b.example", ["https://a.example", "https://b.example"]],
    ["https://a.example\nhttps://b.example", ["https://a.example", "https://b.example"]],
    ["https://user@a.example:8443/x", ["https://user@a.example:8443/x"]],
    ["http://127.0.0.1:8001/a", ["http://127.0.0.1:8001/a"]],
    ["http://[::1]:8001/a", ["http://[::1]:8001/a"]],
  ])("%j", (content, expected) => {
    expect(links(content)).toEqual(expected);
    expect(written(content)).toBe(content);
  });

  it("stand between the text around them", () => {
    expect(linkify("a https://b.example c")).toEqual([
      { text: "a " },
      { text: "https://b.example", href: "https://b.example" },
      { text: " c" },
    ]);
  });

  it.each([
    ["Look: https://a.example.", "https://a.example"],
    ["https://a.example/x, then", "https://a.example/x"],
    ["https://a.example/x?!", "https://a.example/x"],
    ["https://a.example/x;", "https://a.example/x"],
    ["https://a.example/x...", "https://a.example/x"],
    ["*https://a.example/x*", "https://a.example/x"],
    ["_https://a.example/x_", "https://a.example/x"],
    ['"https://a.example/x"', "https://a.example/x"],
    ["'https://a.example/x'", "https://a.example/x"],
    ["«https://a.example/x»", "https://a.example/x"],
    ["“https://a.example/x”", "https://a.example/x"],
    ["„https://a.example/x“", "https://a.example/x"],
    ["<https://a.example/x>", "https://a.example/x"],
    ["(https://a.example/x)", "https://a.example/x"],
    ["(see https://a.example/x).", "https://a.example/x"],
    ["https://a.example/x_(y)", "https://a.example/x_(y)"],
    ["https://a.example/x_(y).", "https://a.example/x_(y)"],
    ["(https://a.example/x_(y))", "https://a.example/x_(y)"],
    ["[https://a.example/x]", "https://a.example/x"],
    ["[shop](https://a.example/x)", "https://a.example/x"],
    ["([https://a.example/x].)", "https://a.example/x"],
    ["https://a.example/x(", "https://a.example/x"],
    ["https://a.example/x[1]", "https://a.example/x[1]"],
    ["https://a.example/?q=1,2.5", "https://a.example/?q=1,2.5"],
  ])("leave a sentence's signs out: %j", (content, expected) => {
    expect(links(content)).toEqual([expected]);
    expect(written(content)).toBe(content);
  });

  it.each([
    ["https://münchen.example/straße", "https://münchen.example/straße"],
    ["https://例え.example/パス", "https://例え.example/パス"],
    ["https://a.example/%F0%9F%98%80", "https://a.example/%F0%9F%98%80"],
    ["https://a.example/😀", "https://a.example/😀"],
  ])("may be of any script: %j", (content, expected) => {
    expect(links(content)).toEqual([expected]);
  });

  it.each([
    ["https://a.example。", "https://a.example"],
    ["見てhttps://a.example/x、それ", "https://a.example/x"],
    ["（https://a.example/x）", "https://a.example/x"],
    ["「https://a.example/x」", "https://a.example/x"],
    ["https://a.example/x？", "https://a.example/x"],
  ])("leave the signs of other scripts out: %j", (content, expected) => {
    expect(links(content)).toEqual([expected]);
    expect(written(content)).toBe(content);
  });

  it.each([
    "",
    "hello",
    "example.com",
    "www.example.com",
    "//example.com",
    "http://",
    "https://",
    "http://.",
    "http:///",
    "http:/example.com",
    "http: //example.com",
    "xhttp://example.com",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript://%0aalert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:x",
    "ftp://example.com",
    "ws://example.com",
    "mailto:a@example.com",
    "tel:+491234",
    "http://<b>",
    "https://[not an address]/",
    "https://example.com:99999/",
  ])("are not made of %j", (content) => {
    expect(links(content)).toEqual([]);
    expect(written(content)).toBe(content);
  });

  it.each([
    "javascript:alert('http://a.example')",
    'javascript:"https://a.example";alert(1)',
    "data:text/html,https://a.example/<script>",
    'https://a.example/"onmouseover="alert(1)',
    "https://a.example/<img/src=x/onerror=alert(1)>",
    "https://javascript:alert(1)@a.example/",
    "https://a.example/javascript:alert(1)",
  ])("have no other scheme, and no quote or bracket, also in %j", (content) => {
    for (const href of links(content)) {
      expect(new URL(href).protocol).toMatch(/^https?:$/);
      expect(href).not.toMatch(/["<>\s]/);
    }
    expect(written(content)).toBe(content);
  });

  it("are found in a time that grows with the length, and not with its square", () => {
    for (const piece of ["http://", "https://a", "http://a.", "(", ".,;:", "https://(", ")"]) {
      // Far longer than a message may be: milliseconds where time grows with the length, while
      // the square of it misses the test's deadline by minutes, on any machine.
      const content = `https://a.example/${piece.repeat(300_000 / piece.length)}`;
      expect(written(content) === content, piece).toBe(true);
    }
  });
});

describe("a text that shows nothing", () => {
  // The same as in the server's src/chat/limits.rs.
  it.each([
    "",
    "  \n\t",
    "\u00a0\u2003\u3000",
    "\u0001\u0085",
    "\u200b",
    "\u200b\u200c\u200d\u2060\ufeff",
    "\u00ad\u034f\u061c",
    "\u115f\u1160\u3164\uffa0",
    "\u17b4\u180e",
    "\u202a\u202e\u2066\u2069",
    "\ufe0f",
    "\u2800",
    "\u{e0001}\u{e0020}\u{e01ef}",
    "\u{1d173}",
  ])("is blank: %j", (text) => {
    expect(isBlank(text)).toBe(true);
  });

  it.each([
    ".",
    "\u200ba",
    "👩‍👩‍👧",
    "❤️",
    "🏴\u{e0067}\u{e0062}\u{e007f}",
    "\u0301",
    "\u0600",
    "\ufffd",
    "עברית\u200f",
    "می‌خواهم",
  ])("is not blank: %j", (text) => {
    expect(isBlank(text)).toBe(false);
  });
});
