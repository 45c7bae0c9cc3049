/**
 * The connection to the server, for the widget and the console.
 *
 * It owns one socket at a time: the hello, catching up after a loss, pings, the detection of dead
 * sockets, and reconnecting with a back-off. It knows no browser: socket, clock and randomness
 * are passed in. Unsent messages are the outbox's (`outbox.ts`), the browser's events come from
 * `browser.ts`.
 */
import type { Clock } from "./clock";

/** What people see: up to date, on the way there, or not connected. */
export type ConnectionState = "connected" | "catching-up" | "offline";

/** The part of a WebSocket that is used; tests have a fake one. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** The fields of the server's frames that the connection itself reads. */
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
  openSocket: () => Socket;
  /** The first frame; called for each socket, so that it carries the newest seq or cursor. */
  hello: () => Out;
  /** The type of the frames that follow a welcome with `more`; the last one ends the resume. */
  resumePage: "messages" | "summaries";
  /** A harmless frame that the server replies to at once: shows whether the socket is alive. */
  probe?: () => Out | undefined;
  /** Gets every frame of the current socket, in order. */
  onFrame: (frame: In) => void;
  onState: (state: ConnectionState) => void;
  /** Gets the close code (4500–4999, 1009) after which connecting again is pointless. */
  onStop: (code: number) => void;
  /** In [0, 1). */
  random?: () => number;
}

/** From opening the socket to the welcome. */
const WELCOME_TIMEOUT_MS = 15_000;
/** From a probe to any frame. */
const PROBE_TIMEOUT_MS = 5_000;
/** How long after the ping interval a silent socket counts as dead. */
const SILENCE_MS = 10_000;
/** Pings come up to a fifth late by design; one more second is for the network. */
const overdueAfter = (pingMs: number) => pingMs * 1.2 + 1_000;
/** Timers stop while a machine sleeps, so the silence is checked at least this often. */
const CHECK_INTERVAL_MS = 5_000;
/** After being connected for this long, the back-off starts from its beginning. */
const STABLE_AFTER_MS = 30_000;
const BACKOFF_MS = 500;
const BACKOFF_MAX_MS = 20_000;

/** The first close code after which reconnecting is pointless. */
const FIRST_FINAL_CODE = 4500;
const FRAME_TOO_BIG = 1009;
const FLOOD = 4013;
const RESYNC = 4010;
/** The network failed, or nothing came: no code of the protocol. */
const LOST = 0;

/**
 * Keeps one socket open for as long as it is wanted.
 *
 * Safety:
 * - Only frames of the current socket reach `onFrame`; a discarded socket delivers nothing.
 * - The state is "connected" only after the whole resume has arrived, and only until the next
 *   ping is overdue. Sending a frame promises nothing: the outbox waits for the ack.
 *
 * Liveness:
 * - Until `close` or a final close code there is always a timer that will open a socket, give one
 *   up or check again. No reply, half-open sockets and sleeping machines all end in `lose`, and
 *   `lose` sets the timer that reconnects.
 */
export function makeConnection<In extends { type: string }, Out>({
  clock,
  openSocket,
  hello,
  resumePage,
  probe,
  onFrame,
  onState,
  onStop,
  random = Math.random,
}: ConnectionOptions<In, Out>) {
  let state: ConnectionState = "offline";
  let socket: Socket | undefined;
  /** The welcome has come: frames may be sent. */
  let welcomed = false;
  let caughtUp = false;
  let lastFrameAt = 0;
  let welcomedAt = 0;
  /** How long the socket may be silent before it counts as dead. */
  let deadAfterMs = 0;
  /** Losses and failed attempts in a row. */
  let losses = 0;
  let pingMs = 25_000;
  let reconnectWindowMs = BACKOFF_MS;
  /** From `going_away`: how soon to reconnect. */
  let goingAwayMs: number | undefined;
  let cancelTimer = () => {};

  return {
    get state() {
      return state;
    },

    open,

    /** Replaces the socket by a new one of `openSocket`; the state stays as it is. */
    replaceSocket() {
      discardSocket();
      open();
    },

    close,

    /** Sends a frame; false when there is no welcomed socket to send it on. */
    send(frame: Out): boolean {
      if (welcomed) sendFrame(frame);
      return welcomed;
    },

    /** A message is missing: reconnects and resumes. */
    resync: () => lose(RESYNC),

    /** The browser reports that the network is gone. */
    networkLost() {
      if (socket) lose(LOST);
    },

    /** The page is visible again, or the network is back: checks without waiting for a timer. */
    checkNow() {
      if (!socket) {
        if (losses) open();
        return;
      }
      checkSilence();
      const silent = silenceMs();
      // Once a probe was sent, less time than its timeout is left.
      const isProbed = deadAfterMs <= silent + PROBE_TIMEOUT_MS;
      const frame = welcomed && silent > CHECK_INTERVAL_MS && !isProbed && probe?.();
      if (frame) {
        deadAfterMs = silent + PROBE_TIMEOUT_MS;
        sendFrame(frame);
        checkSilence();
      }
    },
  };

  /** Opens a socket unless there is one. */
  function open() {
    if (socket) return;
    socket = openSocket();
    resetSilence(WELCOME_TIMEOUT_MS);
    socket.onopen = () => sendFrame(hello());
    socket.onmessage = ({ data }) => receive(data);
    socket.onclose = ({ code }) => lose(code);
    checkSilence();
  }

  /** Discards the socket and does not reconnect until `open`. */
  function close() {
    discardSocket();
    losses = 0;
    goingAwayMs = undefined;
    updateState();
  }

  function silenceMs() {
    return clock.now() - lastFrameAt;
  }

  function resetSilence(deadAfter: number) {
    lastFrameAt = clock.now();
    deadAfterMs = deadAfter;
  }

  function sendFrame(frame: Out) {
    socket?.send(JSON.stringify(frame));
  }

  function receive(data: unknown) {
    let frame: In & AnyFrame;
    try {
      frame = JSON.parse(data as string);
    } catch {
      return lose(RESYNC);
    }
    const { type, more } = frame;
    const isResumePage = welcomed && !caughtUp && type === resumePage;
    if (type === "ping") sendFrame({ type: "pong" } as Out);
    if (type === "going_away") goingAwayMs = frame.reconnect_within_ms;
    if (type === "welcome") {
      welcomed = true;
      welcomedAt = clock.now();
      pingMs = frame.ping_interval_ms ?? pingMs;
      reconnectWindowMs = frame.reconnect_window_ms ?? reconnectWindowMs;
    }
    resetSilence(welcomed ? pingMs + SILENCE_MS : WELCOME_TIMEOUT_MS);
    const from = socket;
    onFrame(frame);
    // The owner may have closed this socket meanwhile.
    if (socket !== from) return;
    if (isResumePage || type === "welcome") caughtUp = !more;
    checkSilence();
  }

  /** Gives up a socket that was silent for too long, else sets the timer for the next check. */
  function checkSilence() {
    const silent = silenceMs();
    if (silent >= deadAfterMs) return lose(LOST);
    const overdue = overdueAfter(pingMs);
    const next = Math.min(deadAfterMs, silent < overdue ? overdue : deadAfterMs) - silent;
    cancelTimer();
    cancelTimer = clock.after(Math.min(next, CHECK_INTERVAL_MS), checkSilence);
    updateState();
  }

  function updateState() {
    const isLive = caughtUp && silenceMs() < overdueAfter(pingMs);
    const isConnecting = welcomed || (socket && !losses);
    const now = isLive ? "connected" : isConnecting ? "catching-up" : "offline";
    if (now !== state) {
      state = now;
      onState(now);
    }
  }

  function discardSocket() {
    const old = socket;
    socket = undefined;
    welcomed = caughtUp = false;
    cancelTimer();
    if (old) {
      old.onopen = old.onmessage = old.onclose = null;
      old.close();
    }
  }

  /** The socket is gone or useless: stops for good, or sets the timer that reconnects. */
  function lose(code: number) {
    const wasWelcomed = welcomed;
    if (wasWelcomed && clock.now() - welcomedAt >= STABLE_AFTER_MS) losses = 0;
    if (code >= FIRST_FINAL_CODE || code === FRAME_TOO_BIG) {
      close();
      return onStop(code);
    }
    discardSocket();
    // As if four more attempts had failed.
    if (code === FLOOD) losses += 4;
    const windowMs =
      goingAwayMs ??
      (wasWelcomed && !losses
        ? reconnectWindowMs
        : Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** losses));
    goingAwayMs = undefined;
    losses++;
    cancelTimer = clock.after(random() * windowMs, open);
    // Last, since `onState` may close the connection.
    updateState();
  }
}

export type Connection<Out> = ReturnType<typeof makeConnection<never, Out>>;
