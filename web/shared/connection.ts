import type { Clock } from "./clock";

/** What people are told: live, on the way there, or not there. */
export type State = "connected" | "catching-up" | "offline";

/** The part of a WebSocket that is used; tests have a fake one. */
export interface Wire {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** The fields of the server's frames that the connection itself looks at. */
interface AnyFrame {
  type: string;
  more?: boolean;
  ping_interval_ms?: number;
  reconnect_window_ms?: number;
  reconnect_within_ms?: number;
}

export interface ConnectionOptions<In, Out> {
  clock: Clock;
  /** Makes a socket that is about to open. */
  dial: () => Wire;
  /** The first frame; asked at each connect, so that it carries the newest seq or cursor. */
  hello: () => Out;
  /** The frames that bring the rest of a resume: the welcome's `more` ends with theirs. */
  rest: "messages" | "summaries";
  /** A harmless question that the server answers at once; shows whether the socket lives. */
  probe?: () => Out | undefined;
  /** Takes every frame of the present socket, in order. */
  receive: (frame: In) => void;
  /** Told whenever the state changes. */
  changed: (state: State) => void;
  /** Told the close code (4500–4999, 1009) after which connecting again is pointless. */
  stopped: (code: number) => void;
  /** In [0, 1). */
  random?: () => number;
}

/** From dialling to the welcome. */
const GREETING_MS = 15_000;
/** A probe's answer, or the socket is taken for dead. */
const PROBE_MS = 5_000;
/** Silence past the ping interval that ends a connection. */
const SILENCE_MS = 10_000;
/** Pings come up to a fifth late by design; a second more is for the way. */
const overdueAfter = (ping: number) => ping * 1.2 + 1_000;
/** Timers stand still in a sleeping machine, so silence is looked at this often. */
const LOOK_MS = 5_000;
/** Connected that long, the next loss is a fresh one. */
const STEADY_MS = 30_000;
const BACKOFF_MS = 500;
const BACKOFF_MAX_MS = 20_000;

const STOP_FROM = 4500;
const TOO_BIG = 1009;
const FLOOD = 4013;
const RESYNC = 4010;

/**
 * One socket at a time, for as long as it is wanted.
 *
 * Safety:
 * - Frames of one socket only reach `receive`: a socket that was let go says nothing any more.
 * - «connected» is said only after the whole resume has arrived, and no longer than the next
 *   ping is on time. Nothing is taken for sent here: that is the outbox's business.
 *
 * Liveness:
 * - Until `close` or a stop code there is always a timer that will dial, give up or look again.
 *   No answer, half-open sockets and sleeping machines all end in `lose`, and `lose` dials.
 */
export function makeConnection<In extends { type: string }, Out>({
  clock,
  dial,
  hello,
  rest,
  probe,
  receive,
  changed,
  stopped,
  random = Math.random,
}: ConnectionOptions<In, Out>) {
  let state: State = "offline";
  let wire: Wire | undefined;
  /** The welcome has come: frames may be sent. */
  let welcomed = false;
  let caughtUp = false;
  let heardAt = 0;
  let welcomedAt = 0;
  /** How long the socket may be silent now. */
  let allowedMs = 0;
  /** Losses and failed tries in a row. */
  let losses = 0;
  let pingMs = 25_000;
  let windowMs = BACKOFF_MS;
  let goingAwayMs: number | undefined;
  let cancel = () => {};

  return {
    get state() {
      return state;
    },

    open,

    /** Lets what was dialled go for what `dial` makes now; the state is what it was. */
    redial() {
      letGo();
      open();
    },

    close,

    /** Sends a frame; false when nobody would get it. */
    send(frame: Out): boolean {
      if (welcomed) write(frame);
      return welcomed;
    },

    /** What was received has a hole: lets go and resumes. */
    resync: () => lose(RESYNC),

    /** The browser says that the network is gone. */
    offline() {
      if (wire) lose(0);
    },

    /** The page was looked at again, or the network came back: do not wait for the timers. */
    nudge() {
      if (!wire) {
        if (losses) open();
        return;
      }
      look();
      const silent = silence();
      // A silence that may last longer than a probe's answer has not been probed yet.
      const isLong = silent > LOOK_MS && allowedMs > silent + PROBE_MS;
      const question = welcomed && isLong && probe?.();
      if (question) {
        allowedMs = silent + PROBE_MS;
        write(question);
        look();
      }
    },
  };

  /** Dials, unless a socket is there already. */
  function open() {
    if (wire) return;
    wire = dial();
    heard(GREETING_MS);
    wire.onopen = () => write(hello());
    wire.onmessage = ({ data }) => hear(data);
    wire.onclose = ({ code }) => lose(code);
    look();
  }

  /** Lets the socket go and does not come back until `open`. */
  function close() {
    letGo();
    losses = 0;
    goingAwayMs = undefined;
    say();
  }

  function silence() {
    return clock.now() - heardAt;
  }

  function heard(allowed: number) {
    heardAt = clock.now();
    allowedMs = allowed;
  }

  function write(frame: Out) {
    wire?.send(JSON.stringify(frame));
  }

  function hear(data: unknown) {
    let frame: In & AnyFrame;
    try {
      frame = JSON.parse(data as string);
    } catch {
      return lose(RESYNC);
    }
    const { type, more } = frame;
    const resumes = welcomed && !caughtUp && type === rest;
    if (type === "ping") write({ type: "pong" } as Out);
    if (type === "going_away") goingAwayMs = frame.reconnect_within_ms;
    if (type === "welcome") {
      welcomed = true;
      welcomedAt = clock.now();
      pingMs = frame.ping_interval_ms ?? pingMs;
      windowMs = frame.reconnect_window_ms ?? windowMs;
    }
    heard(welcomed ? pingMs + SILENCE_MS : GREETING_MS);
    const from = wire;
    receive(frame);
    // The receiver may have let this socket go.
    if (wire !== from) return;
    if (resumes || type === "welcome") caughtUp = !more;
    look();
  }

  /** Holds the silence against what is due, and looks again in time. */
  function look() {
    const silent = silence();
    if (silent >= allowedMs) return lose(0);
    const due = overdueAfter(pingMs);
    const next = Math.min(allowedMs, silent < due ? due : allowedMs) - silent;
    cancel();
    cancel = clock.after(Math.min(next, LOOK_MS), look);
    say();
  }

  function say() {
    const isLive = caughtUp && silence() < overdueAfter(pingMs);
    const isNear = welcomed || (wire && !losses);
    const now = isLive ? "connected" : isNear ? "catching-up" : "offline";
    if (now !== state) {
      state = now;
      changed(now);
    }
  }

  function letGo() {
    const old = wire;
    wire = undefined;
    welcomed = caughtUp = false;
    cancel();
    if (old) {
      old.onopen = old.onmessage = old.onclose = null;
      old.close();
    }
  }

  function lose(code: number) {
    const wasWelcomed = welcomed;
    if (wasWelcomed && clock.now() - welcomedAt >= STEADY_MS) losses = 0;
    if (code >= STOP_FROM || code === TOO_BIG) {
      close();
      return stopped(code);
    }
    letGo();
    if (code === FLOOD) losses += 4;
    const window =
      goingAwayMs ??
      (wasWelcomed && !losses ? windowMs : Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** losses));
    goingAwayMs = undefined;
    losses++;
    cancel = clock.after(random() * window, open);
    // Last, since whoever hears it may close.
    say();
  }
}

export type Connection<Out> = ReturnType<typeof makeConnection<never, Out>>;

/** A browser's socket to an address that begins with http or https: it knows what is meant. */
export function dial(url: string): Wire {
  return new WebSocket(url, "shoptalk.v1") as unknown as Wire;
}

/** Lets the browser's own signs of life and death reach a connection, until `signal` aborts. */
export function watch(
  connection: Pick<Connection<never>, "nudge" | "offline">,
  signal?: AbortSignal,
) {
  const until = { signal: signal! };
  const nudge = () => {
    if (!document.hidden) connection.nudge();
  };
  // The document's event reaches the window, too.
  for (const type of ["pageshow", "focus", "visibilitychange"]) {
    addEventListener(type, nudge, until);
  }
  // A page in the background comes back, too: its owner waits for the sound of an answer.
  addEventListener("online", connection.nudge, until);
  addEventListener("offline", connection.offline, until);
}
