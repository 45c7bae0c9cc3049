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
  /** Responds with pages, by what follows `/api/admin/`. */
  function respondWith(pages: Record<string, unknown>) {
    const fetched = vi.fn(async (path: string) => {
      const page = pages[path.replace("/api/admin/", "")];
      return new Response(JSON.stringify(page), { status: page ? 200 : 404 });
    });
    vi.stubGlobal("fetch", fetched);
    return fetched;
  }
  const entries = (...ids: number[]) => ids.map((id) => ({ id }));

  it("follows next in the largest pages and keeps what is beside the first results", async () => {
    const fetched = respondWith({
      "tags/?limit=200": { results: entries(1, 2), next: "a b", hours: 7 },
      "tags/?limit=200&cursor=a%20b": { results: entries(3), next: "c", hours: 8 },
      "tags/?limit=200&cursor=c": { results: entries(4), next: null, hours: 9 },
    });
    expect(await callForAll(call, "tags/")).toEqual({
      results: entries(1, 2, 3, 4),
      next: null,
      hours: 7,
    });
    expect(fetched).toHaveBeenCalledTimes(3);
  });

  it("has each entry once if an older node responds with the whole list", async () => {
    respondWith({
      "tags/?limit=200": { results: entries(1, 2), next: "a" },
      "tags/?limit=200&cursor=a": { results: entries(1, 2, 3), next: null },
    });
    expect((await callForAll(call, "tags/")).results).toEqual(entries(1, 2, 3));
  });

  it("tells entries apart by what it is told", async () => {
    const blocks = [{ room_id: "a" }, { room_id: "b" }];
    respondWith({ "blocks/?limit=200": { results: blocks, next: null } });
    const { results } = await callForAll(call, "blocks/", ({ room_id }) => room_id);
    expect(results).toEqual(blocks);
  });
});
