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
export class Connection<In extends { type: string }, Out> {
  state: State = "offline";
  readonly #o: ConnectionOptions<In, Out>;
  #wire: Wire | undefined;
  /** The welcome has come: frames may be sent. */
  #welcomed = false;
  #caughtUp = false;
  #heardAt = 0;
  #welcomedAt = 0;
  #probedAt = 0;
  /** Losses and failed tries in a row. */
  #losses = 0;
  #pingMs = 25_000;
  #windowMs = BACKOFF_MS;
  #goingAwayMs: number | undefined;
  #cancel = () => {};

  constructor(options: ConnectionOptions<In, Out>) {
    this.#o = options;
  }

  /** Dials, unless a socket is there already. */
  open() {
    if (this.#wire) return;
    this.#cancel();
    const wire = this.#o.dial();
    this.#wire = wire;
    this.#heardAt = this.#o.clock.now();
    wire.onopen = () => this.#write(this.#o.hello());
    wire.onmessage = ({ data }) => this.#hear(data);
    wire.onclose = ({ code }) => this.#lose(code);
    this.#look();
  }

  /** Lets what was dialled go for what `dial` makes now; the state is what it was. */
  redial() {
    this.#letGo();
    this.open();
  }

  /** Lets the socket go and does not come back until `open`. */
  close() {
    this.#losses = 0;
    this.#goingAwayMs = undefined;
    this.#letGo();
    this.#say();
  }

  /** Sends a frame; false when nobody would get it. */
  send(frame: Out): boolean {
    if (this.#welcomed) this.#write(frame);
    return this.#welcomed;
  }

  /** What was received has a hole: lets go and resumes. */
  resync() {
    this.#lose(RESYNC);
  }

  /** The browser says that the network is gone. */
  offline() {
    if (this.#wire) this.#lose(0);
  }

  /** The page was looked at again, or the network came back: do not wait for the timers. */
  nudge() {
    if (!this.#wire) {
      // Waiting for the next try.
      if (this.#losses) this.open();
    } else if (this.#welcomed && !this.#probedAt) {
      this.#look();
      const question = this.#welcomed && this.#silence() > LOOK_MS && this.#o.probe?.();
      if (question) {
        this.#probedAt = this.#o.clock.now();
        this.#write(question);
        this.#look();
      }
    }
  }

  #silence() {
    return this.#o.clock.now() - this.#heardAt;
  }

  #write(frame: Out) {
    this.#wire?.send(JSON.stringify(frame));
  }

  #hear(data: unknown) {
    let frame: In & AnyFrame;
    try {
      frame = JSON.parse(data as string);
    } catch {
      return this.resync();
    }
    this.#heardAt = this.#o.clock.now();
    this.#probedAt = 0;
    if (frame.type === "ping") this.#write({ type: "pong" } as Out);
    if (frame.type === "going_away") this.#goingAwayMs = frame.reconnect_within_ms;
    if (frame.type === "welcome") {
      this.#welcomed = true;
      this.#welcomedAt = this.#heardAt;
      this.#pingMs = frame.ping_interval_ms ?? this.#pingMs;
      this.#windowMs = frame.reconnect_window_ms ?? this.#windowMs;
    }
    const wire = this.#wire;
    this.#o.receive(frame);
    // The receiver may have let this socket go.
    if (wire !== this.#wire) return;
    const resumes = this.#welcomed && !this.#caughtUp;
    if (frame.type === "welcome" || (resumes && frame.type === this.#o.rest)) {
      this.#caughtUp = !frame.more;
    }
    this.#look();
  }

  /** Holds the silence against what is due, and looks again in time. */
  #look() {
    const silence = this.#silence();
    const allowed = !this.#welcomed
      ? GREETING_MS
      : this.#probedAt
        ? this.#probedAt + PROBE_MS - this.#heardAt
        : this.#pingMs + SILENCE_MS;
    if (silence >= allowed) return this.#lose(0);
    this.#cancel();
    const due = overdueAfter(this.#pingMs);
    const next = silence < due ? Math.min(allowed, due) : allowed;
    this.#cancel = this.#o.clock.after(Math.min(next - silence, LOOK_MS), () => this.#look());
    this.#say();
  }

  #say() {
    const state = !this.#wire
      ? "offline"
      : this.#caughtUp && this.#silence() < overdueAfter(this.#pingMs)
        ? "connected"
        : this.#welcomed || !this.#losses
          ? "catching-up"
          : "offline";
    if (state !== this.state) {
      this.state = state;
      this.#o.changed(state);
    }
  }

  #letGo() {
    const wire = this.#wire;
    this.#cancel();
    this.#wire = undefined;
    this.#welcomed = this.#caughtUp = false;
    this.#probedAt = 0;
    if (wire) {
      wire.onopen = wire.onmessage = wire.onclose = null;
      wire.close();
    }
  }

  #lose(code: number) {
    const { random = Math.random, clock } = this.#o;
    if (this.#welcomed && clock.now() - this.#welcomedAt >= STEADY_MS) this.#losses = 0;
    const wasWelcomed = this.#welcomed;
    this.#letGo();
    if (code >= STOP_FROM || code === TOO_BIG) {
      this.#losses = 0;
      this.#say();
      return this.#o.stopped(code);
    }
    if (code === FLOOD) this.#losses += 4;
    const window =
      this.#goingAwayMs ??
      (wasWelcomed && !this.#losses
        ? this.#windowMs
        : Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** this.#losses));
    this.#goingAwayMs = undefined;
    this.#losses++;
    this.#cancel = clock.after(random() * window, () => this.open());
    // Last, since whoever hears it may close.
    this.#say();
  }
}

/** A browser's socket to an address that begins with http or https. */
export function dial(url: string): Wire {
  return new WebSocket(url.replace(/^http/, "ws"), "shoptalk.v1") as unknown as Wire;
}

/** Lets the browser's own signs of life and death reach a connection. Answers how to stop that. */
export function watch(connection: Pick<Connection<never, never>, "nudge" | "offline">) {
  const ends = new AbortController();
  const { signal } = ends;
  const nudge = () => {
    if (document.visibilityState === "visible") connection.nudge();
  };
  for (const type of ["pageshow", "focus"]) addEventListener(type, nudge, { signal });
  // A page in the background comes back, too: its owner waits for the sound of an answer.
  addEventListener("online", () => connection.nudge(), { signal });
  document.addEventListener("visibilitychange", nudge, { signal });
  addEventListener("offline", () => connection.offline(), { signal });
  return () => ends.abort();
}
