import { afterEach, expect, it, vi } from "vitest";
import type { Finding, Observations } from "../../shared/protocol";
import type { Call } from "../api";
import { english, settle } from "../testing/fixtures";
import { makeDoctor } from "./doctor";

/** A socket that opens, or not, and is moved by the test. */
class FakeSocket {
  readyState: number = 0;
  onopen = () => {};
  onmessage = () => {};
  onclose = () => {};
  onerror = () => {};
  sent: string[] = [];

  constructor(
    readonly path: string,
    readonly protocol: string,
    opens: boolean,
  ) {
    queueMicrotask(() => {
      this.readyState = opens ? 1 : 3;
      (opens ? this.onopen : this.onerror)();
    });
  }

  send(text: string) {
    this.sent.push(text);
  }

  close() {
    this.readyState = 3;
    this.onclose();
  }
}

const SEEN = { now_ms: 5, http_version: "HTTP/1.1" };
const FINDING: Finding = {
  check: "upgrade",
  title: "WebSocket upgrade",
  level: "ok",
  detail: "opens",
  advice: [],
};

function start(opens: (protocol: string) => boolean = () => true) {
  const judged: Observations[] = [];
  const requests: [string, RequestInit | undefined][] = [];
  vi.stubGlobal("fetch", async (path: string, init?: RequestInit) => {
    requests.push([path, init]);
    if (path === "/widget.js") {
      return new Response("", { headers: { "cache-control": "no-cache", server: "nginx" } });
    }
    if (path.endsWith("seen/")) return Response.json(SEEN);
    return new Response("{}", {
      status: 400,
      headers: { "content-type": "application/problem+json" },
    });
  });
  const call = (async (_method: string, _path: string, body: Observations) => {
    judged.push(structuredClone(body));
    return { results: [FINDING] };
  }) as unknown as Call;
  const sockets: FakeSocket[] = [];
  const doctor = makeDoctor({
    language: english,
    call,
    origin: "https://chat.example.com",
    makeSocket: (path, protocol) => {
      const socket = new FakeSocket(path, protocol, opens(protocol));
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
  });
  return { doctor, judged, requests, sockets };
}

/** Passes the frames that the doctor's socket begins with. */
async function tick(sockets: FakeSocket[]) {
  for (let count = 0; count < 4; count += 1) {
    await vi.waitFor(() => expect(sockets).toHaveLength(3));
    await settle();
    sockets[2]?.onmessage();
  }
  await settle();
}

afterEach(() => vi.unstubAllGlobals());

it("sends what it saw to be judged, and the end of the silence afterwards", async () => {
  const { doctor, judged, requests, sockets } = start((protocol) => protocol === "shoptalk.v1");
  const done = doctor.run(1);
  await tick(sockets);
  await vi.waitFor(() => expect(doctor.progress.value).toContain("quiet"));
  expect(doctor.findings.value).toEqual([FINDING]);
  expect(sockets[2]?.sent).toEqual(['{"type":"quiet","seconds":1}']);
  sockets[2]?.onmessage();
  await done;
  const [first, second] = judged;
  expect(first).toMatchObject({
    server_header: "nginx",
    widget: { status: 200, cache_control: "no-cache" },
    seen: SEEN,
    upgrade: { opened: true, subprotocol: "shoptalk.v1" },
    unknown_subprotocol: { opened: false },
    body: { is_from_server: true, status: 400 },
  });
  expect(first?.ticks_ms).toHaveLength(4);
  expect(first?.quiet).toBeUndefined();
  expect(second?.quiet).toMatchObject({ wanted_s: 1, was_cut: false });
  const seenRequest = requests.find(([path]) => path.endsWith("seen/"));
  expect(seenRequest?.[1]?.headers).toEqual({ "x-forwarded-for": "203.0.113.77" });
  expect(doctor.progress.value).toBe("");
});

it("reports a silence that was cut, and not one that the agent has skipped", async () => {
  for (const skips of [false, true]) {
    const { doctor, judged, sockets } = start();
    const done = doctor.run(60);
    await tick(sockets);
    await vi.waitFor(() => expect(doctor.progress.value).toContain("quiet"));
    if (skips) doctor.skipQuiet();
    else sockets[2]?.close();
    await done;
    expect(judged).toHaveLength(skips ? 1 : 2);
    if (!skips) expect(judged[1]?.quiet?.was_cut).toBe(true);
  }
});

it("judges at once when no socket opens", async () => {
  const { doctor, judged } = start(() => false);
  await doctor.run();
  expect(judged).toHaveLength(1);
  expect(judged[0]?.upgrade?.opened).toBe(false);
});
