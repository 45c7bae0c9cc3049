import { afterEach, expect, it, vi } from "vitest";
import { FakeClock } from "../../shared/testing/clock";
import { english, settle } from "../testing/fixtures";
import { makeHealth } from "./health";

const reply = (status: number, body: object) => new Response(JSON.stringify(body), { status });

afterEach(() => vi.unstubAllGlobals());

it("asks at once and every half a minute, and shows the server's reason", async () => {
  const replies = [
    reply(200, { status: "ok" }),
    reply(503, { code: "storage_unavailable", detail: "the disk is full; free some space" }),
    reply(503, { code: "draining", detail: "the server is restarting" }),
    reply(503, { code: "storage_unavailable", detail: "the lobby does not answer" }),
  ];
  const fetched = vi.fn(async () => replies.shift() as Response);
  vi.stubGlobal("fetch", fetched);
  const clock = new FakeClock();
  const health = makeHealth({ clock, language: english });
  await settle();
  expect(health.problem.value).toBe("");
  clock.pass(29_000);
  expect(fetched).toHaveBeenCalledTimes(1);
  clock.pass(1_000);
  await settle();
  expect(health.problem.value).toBe("the disk is full; free some space");
  clock.pass(30_000);
  await settle();
  expect(health.problem.value).toBe("");
  clock.pass(30_000);
  await settle();
  expect(health.problem.value).toBe("the lobby does not answer");
  health.stop();
  clock.pass(90_000);
  await settle();
  expect(fetched).toHaveBeenCalledTimes(4);
});

it("distinguishes a server that does not reply from a lost network", async () => {
  const failures = [new DOMException("", "TimeoutError"), new TypeError("Failed to fetch")];
  vi.stubGlobal("fetch", () => Promise.reject(failures.shift()));
  const clock = new FakeClock();
  const health = makeHealth({ clock, language: english });
  await settle();
  expect(health.problem.value).toBe("it does not respond");
  clock.pass(30_000);
  await settle();
  expect(health.problem.value).toBe("");
});
