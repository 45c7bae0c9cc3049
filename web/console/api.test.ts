import { afterEach, describe, expect, it, vi } from "vitest";
import { call, callForAll } from "./api";

afterEach(() => vi.unstubAllGlobals());

function respond(status: number, body: unknown, headers: Record<string, string> = {}) {
  const fetched = vi.fn(
    async (_path: string, _init: RequestInit) =>
      new Response(status === 204 ? null : (body as string), { status, headers }),
  );
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

describe("a call", () => {
  it("sends JSON and returns the response's", async () => {
    const fetched = respond(200, '{"a":1}');
    expect(await call("PATCH", "me/", { b: 2 })).toEqual({ a: 1 });
    expect(fetched).toHaveBeenCalledExactlyOnceWith("/api/admin/me/", {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: '{"b":2}',
    });
  });

  it("returns nothing for a 204", async () => {
    respond(204, null);
    expect(await call("POST", "logout/", {})).toBeUndefined();
  });

  it("throws the problem of a refusal", async () => {
    const problem = { code: "invalid", detail: "no", errors: [{ field: "a", message: "is b" }] };
    respond(400, JSON.stringify(problem), { "retry-after": "7" });
    const error = await call("GET", "x/").catch((error: unknown) => error);
    expect(error).toMatchObject({ status: 400, problem, retryAfterS: 7, message: "no" });
  });

  it("throws a refusal whose body is not JSON", async () => {
    respond(502, "<html>");
    await expect(call("GET", "x/")).rejects.toThrow("the server responded with 502");
  });

  it.each(["", "hello", "😀", "👩‍👩‍👧", "\ufffd", "\u0000", "\uffff"])(
    "sends %j as it is",
    async (text) => {
      const fetched = respond(200, "{}");
      await call("PATCH", "me/", { text });
      expect(JSON.parse(fetched.mock.calls[0]![1].body as string)).toEqual({ text });
    },
  );

  it.each([
    ["\ud83d", "\ufffd"],
    ["\ude00", "\ufffd"],
    ["a\ud83db", "a\ufffdb"],
    ["\ude00\ud83d", "\ufffd\ufffd"],
    ["\ud83d😀\ude00", "\ufffd😀\ufffd"],
  ])("sends half an emoji as a replacement character: %j", async (text, expected) => {
    const fetched = respond(200, "{}");
    await call("PATCH", "me/", { text });
    const body = fetched.mock.calls[0]![1].body as string;
    expect(body).not.toMatch(/\\ud/);
    expect(JSON.parse(body)).toEqual({ text: expected });
  });
});

describe("a call for all pages of a list", () => {
  it("follows next and keeps what is beside the first results", async () => {
    const pages: Record<string, unknown> = {
      "/api/admin/tags/": { results: [1, 2], next: "a b", hours: 7 },
      "/api/admin/tags/?cursor=a%20b": { results: [3], next: "c", hours: 8 },
      "/api/admin/tags/?cursor=c": { results: [4], next: null, hours: 9 },
    };
    const fetched = vi.fn(async (path: string) => new Response(JSON.stringify(pages[path])));
    vi.stubGlobal("fetch", fetched);
    expect(await callForAll(call, "tags/")).toEqual({
      results: [1, 2, 3, 4],
      next: null,
      hours: 7,
    });
    expect(fetched).toHaveBeenCalledTimes(3);
  });
});
