import { computed, signal } from "@preact/signals";
import type {
  BodyProbe,
  Finding,
  FindingList,
  Observations,
  QuietProbe,
  Seen,
  UpgradeProbe,
  WidgetProbe,
} from "../../shared/protocol";
import { uuid } from "../../shared/uuid";
import type { Call } from "../api";
import type { Language } from "../language/language";
import type { PlainKey } from "../language/texts";

/** `WebSocket.OPEN`. */
const OPEN = 1;
const SUBPROTOCOL = "shoptalk.v1";
/** RFC 5737: no client has it. */
const FORGED_ADDRESS = "203.0.113.77";
const TICKS = 4;
const QUIET_S = 120;
const BODY_BYTES = 100 * 1024;
const OPEN_TIMEOUT_MS = 15_000;

export interface DoctorOptions {
  call: Call;
  language: Language;
  /** `location.origin`; sockets go to the same host. */
  origin: string;
  makeSocket?: (path: string, subprotocol: string) => WebSocket;
}

export type Doctor = ReturnType<typeof makeDoctor>;

/**
 * Tries from this browser what customers and agents depend on, and has the server judge it: the
 * words of the findings are the server's.
 */
export function makeDoctor({ call, language, origin, makeSocket = openSocket }: DoctorOptions) {
  const { t, describeError } = language;
  const findings = signal<readonly Finding[]>([]);
  const step = signal<PlainKey | undefined>(undefined);
  const quietLeft = signal(0);
  const problem = signal("");
  let socket: WebSocket | undefined;
  let isStopped = false;
  let isSkipped = false;

  return {
    findings,
    problem,
    /** What happens at the moment; empty at the end. */
    progress: computed(() => {
      if (quietLeft.value) return t("doctor.quiet", { seconds: quietLeft.value });
      return step.value ? t(step.value) : "";
    }),
    /** Whether a socket is kept quiet, which takes minutes. */
    isQuiet: computed(() => quietLeft.value > 0),
    /** Ends the silence early. */
    skipQuiet,
    stop() {
      isStopped = true;
      skipQuiet();
    },

    async run(quietS = QUIET_S) {
      try {
        const seen: Observations = { origin };
        await observe(seen);
        await judge(seen);
        step.value = undefined;
        if (!seen.upgrade?.opened || isStopped) return;
        const quiet = await keepQuiet(quietS);
        if (quiet && !isStopped) await judge({ ...seen, quiet });
      } catch (error) {
        problem.value = describeError(error);
      } finally {
        step.value = undefined;
      }
    },
  };

  function skipQuiet() {
    isSkipped = true;
    socket?.close();
  }

  async function judge(seen: Observations) {
    findings.value = (await call<FindingList>("POST", "doctor/findings/", seen)).results;
  }

  async function observe(seen: Observations) {
    step.value = "doctor.widget";
    const [widget, server] = await fetchWidget();
    seen.widget = widget;
    if (server) seen.server_header = server;
    step.value = "doctor.seen";
    await askServer(seen);
    step.value = "doctor.body";
    seen.body = await tryBody();
    step.value = "doctor.sockets";
    const room = `/ws/chat/${uuid()}/`;
    seen.upgrade = await tryUpgrade(room, SUBPROTOCOL);
    seen.unknown_subprotocol = await tryUpgrade(room, "unknown.v0");
    if (seen.upgrade.opened) seen.ticks_ms = await arrivalTimes();
  }

  async function askServer(seen: Observations) {
    const sentAt = Date.now();
    const started = performance.now();
    const response = await fetch("/api/admin/doctor/seen/", {
      method: "POST",
      headers: { "x-forwarded-for": FORGED_ADDRESS },
    });
    const roundTripMs = Math.round(performance.now() - started);
    if (!response.ok) {
      // untranslated: the server reads it.
      seen.unseen = `the server responded with ${response.status}`;
      return;
    }
    seen.seen = (await response.json()) as Seen;
    seen.sent_origin = origin;
    seen.clock = {
      server_ms: seen.seen.now_ms,
      local_ms: Math.round(sentAt + roundTripMs / 2),
      round_trip_ms: roundTripMs,
    };
  }

  async function tryUpgrade(path: string, subprotocol: string): Promise<UpgradeProbe> {
    const opening = makeSocket(path, subprotocol);
    const opened = await isOpened(opening);
    const probe: UpgradeProbe = { opened };
    if (opening.protocol) probe.subprotocol = opening.protocol;
    opening.close();
    return probe;
  }

  /** When the first frames of the doctor's socket arrive, in milliseconds after the first. */
  async function arrivalTimes(): Promise<number[]> {
    socket?.close();
    socket = makeSocket("/ws/admin/doctor/", SUBPROTOCOL);
    const times: number[] = [];
    for (let left = TICKS; left > 0; left -= 1) {
      if (!(await nextFrame(socket, OPEN_TIMEOUT_MS))) break;
      times.push(performance.now());
    }
    return times.map((time) => Math.round(time - (times[0] ?? 0)));
  }

  /** Undefined when the agent has ended it. */
  async function keepQuiet(seconds: number): Promise<QuietProbe | undefined> {
    const quiet = socket;
    if (quiet?.readyState !== OPEN) return undefined;
    quiet.send(JSON.stringify({ type: "quiet", seconds }));
    const started = performance.now();
    const lastedS = () => Math.round((performance.now() - started) / 1000);
    quietLeft.value = seconds;
    const timer = setInterval(() => {
      quietLeft.value = Math.max(1, seconds - lastedS());
    }, 1000);
    const arrived = await nextFrame(quiet, (seconds + 15) * 1000);
    clearInterval(timer);
    quietLeft.value = 0;
    if (isSkipped) return undefined;
    const probe = { wanted_s: seconds, lasted_s: lastedS(), was_cut: !arrived };
    quiet.close();
    return probe;
  }
}

function openSocket(path: string, subprotocol: string): WebSocket {
  return new WebSocket(`${location.origin.replace(/^http/, "ws")}${path}`, subprotocol);
}

function isOpened(socket: WebSocket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.onopen = () => resolve(true);
    socket.onerror = socket.onclose = () => resolve(false);
    setTimeout(() => resolve(false), OPEN_TIMEOUT_MS);
  });
}

/** Whether a frame arrives before the socket closes. */
function nextFrame(socket: WebSocket, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const finish = (arrived: boolean) => () => {
      clearTimeout(timer);
      resolve(arrived);
    };
    socket.onmessage = finish(true);
    socket.onclose = socket.onerror = finish(false);
  });
}

async function fetchWidget(): Promise<[WidgetProbe, string | null]> {
  const response = await fetch("/widget.js", { cache: "no-store" });
  const widget: WidgetProbe = { status: response.status };
  const { headers } = response;
  const fields = [
    ["cache_control", "cache-control"],
    ["expires", "expires"],
    ["age", "age"],
    ["etag", "etag"],
    ["allow_origin", "access-control-allow-origin"],
  ] as const;
  for (const [field, name] of fields) {
    const value = headers.get(name);
    if (value !== null) widget[field] = value;
  }
  return [widget, headers.get("server")];
}

/** A large body that is no JSON: the server refuses it and changes nothing. */
async function tryBody(): Promise<BodyProbe> {
  const response = await fetch("/api/chat/rooms/", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "x".repeat(BODY_BYTES),
  });
  const kind = response.headers.get("content-type") ?? "";
  return {
    bytes: BODY_BYTES,
    status: response.status,
    is_from_server: kind.startsWith("application/problem+json"),
  };
}
