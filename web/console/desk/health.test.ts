import { afterEach, expect, it, vi } from "vitest";
import { FakeClock } from "../../shared/testing/clock";
import { ailment, watchCanary } from "./health";

const said = (status: number, body: object) => new Response(JSON.stringify(body), { status });
const settle = () => new Promise((resolve) => setTimeout(resolve));

afterEach(() => vi.unstubAllGlobals());

it("asks at once and every half a minute, and says what the server says", async () => {
  const answers = [
    said(200, { status: "ok" }),
    said(503, { code: "storage_unavailable", detail: "the disk is full; free some space" }),
    said(503, { code: "draining", detail: "the server is restarting" }),
    said(503, { code: "storage_unavailable", detail: "the lobby does not answer" }),
  ];
  const asked = vi.fn(async () => answers.shift() as Response);
  vi.stubGlobal("fetch", asked);
  const clock = new FakeClock();
  const work = new AbortController();
  watchCanary(clock, work.signal);
  await settle();
  expect(ailment.value).toBe("");
  clock.pass(29_000);
  expect(asked).toHaveBeenCalledTimes(1);
  clock.pass(1_000);
  await settle();
  expect(ailment.value).toBe("the disk is full; free some space");
  clock.pass(30_000);
  await settle();
  expect(ailment.value).toBe("");
  clock.pass(30_000);
  await settle();
  expect(ailment.value).toBe("the lobby does not answer");
  work.abort();
  expect(ailment.value).toBe("");
  clock.pass(90_000);
  await settle();
  expect(asked).toHaveBeenCalledTimes(4);
});

it("a server that takes no requests any more is told from a network that is gone", async () => {
  const failures = [new DOMException("", "TimeoutError"), new TypeError("Failed to fetch")];
  vi.stubGlobal("fetch", () => Promise.reject(failures.shift()));
  const clock = new FakeClock();
  watchCanary(clock, new AbortController().signal);
  await settle();
  expect(ailment.value).toBe("it does not answer");
  clock.pass(30_000);
  await settle();
  expect(ailment.value).toBe("");
});
