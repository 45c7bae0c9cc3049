import { browserClock } from "../shared/clock";
import { Connection, dial, type State, watch } from "../shared/connection";
import { Log } from "../shared/log";
import { type Item, Outbox, type Shelf } from "../shared/outbox";
import type {
  Message,
  Problem,
  Room,
  VisitorClientFrame,
  VisitorServerFrame,
} from "../shared/protocol";
import { SESSION, type Shell } from "./shell";

/** What the visitor said about themselves before the chat. */
export interface Details {
  customer_name?: string;
  customer_email?: string;
  customer_phone?: string;
}

/** What is kept in the browser. */
interface Session {
  token?: string;
  room?: string;
  /** The `sub` of the identity that the token belongs to. */
  user?: string | undefined;
  details?: Details;
  /** The conversation has not ended: the page connects without waiting for a click. */
  open?: boolean;
}

/** An answer of the server that is not a success. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly problem: Partial<Problem>,
    readonly retryAfterMs: number,
  ) {
    super(problem.detail);
  }
}

const DRAFT = "draft";
const RETRY_MS = 500;
const RETRY_MAX_MS = 20_000;
/** The server passes typing on every two seconds at most. */
const TYPING_MS = 2_500;

/**
 * The visitor's side of a room: what is kept, what is on its way, what has arrived.
 *
 * `changed` is called after each change; the view then reads what it shows from the fields.
 */
export class Conversation {
  readonly log = new Log();
  readonly outbox: Outbox;
  room: Room | undefined;
  agentsOnline = false;
  maxContent = 8_000;
  /** Who is typing. */
  typist: string | undefined;
  /** The identity was refused: the shop's page must bring a fresh one. */
  signedOut = false;
  /** The last attempt to make a room failed; its words, when the server had some. */
  trouble: Refusal | undefined;
  session: Session;
  readonly #shell: Shell;
  readonly #shelf: Shelf;
  readonly #changed: () => void;
  readonly #arrived: (message: Message) => void;
  readonly #clock = browserClock();
  #connection: Connection<VisitorServerFrame, VisitorClientFrame> | undefined;
  /** A room is wanted and not there yet. */
  #wanted = false;
  /** Counts the conversations, so that an answer that comes too late is known as such. */
  #era = 0;
  #failures = 0;
  #missedPings = 0;
  #typedAt = Number.NEGATIVE_INFINITY;
  #stopTyping = () => {};
  #cancelRetry = () => {};

  constructor(shell: Shell, changed: () => void, arrived: (message: Message) => void) {
    this.#shell = shell;
    this.#changed = changed;
    this.#arrived = arrived;
    this.#shelf = shelf();
    this.outbox = new Outbox({
      clock: this.#clock,
      shelf: this.#shelf,
      prefix: `${shell.keys}out:`,
      send: ({ id, room, content }) =>
        room === this.session.room && !!this.#connection?.send({ type: "post", id, content }),
      changed,
    });
    this.session = this.#kept();
    addEventListener("storage", ({ key }) => this.#touched(key));
    watch({
      nudge: () => (this.#connection ? this.#connection.nudge() : this.#retry()),
      offline: () => this.#connection?.offline(),
    });
    if (this.session.room) this.#connect();
  }

  /** What the indicator says; undefined while there is nothing to be connected to. */
  get state(): State | undefined {
    if (this.#connection) return this.#connection.state;
    return this.#wanted ? (this.#failures ? "offline" : "catching-up") : undefined;
  }

  /** Answers that have not been looked at. */
  get unread(): number {
    const mark = this.room?.customer_read_seq ?? 0;
    return this.log.messages.filter(({ seq, sender_type }) => seq > mark && sender_type === "admin")
      .length;
  }

  /** What waits for this conversation. */
  get waiting(): Item[] {
    return this.outbox.items().filter(({ room }) => room === null || room === this.session.room);
  }

  get draft(): string {
    return this.#shelf.getItem(this.#shell.keys + DRAFT) ?? "";
  }

  set draft(text: string) {
    if (text) this.#shelf.setItem(this.#shell.keys + DRAFT, text);
    else this.#shelf.removeItem(this.#shell.keys + DRAFT);
  }

  /** Begins, or goes on with, a conversation; makes the room when there is none. */
  begin(details?: Details) {
    if (details) this.#keep({ details });
    if (!this.session.room && !this.#wanted) this.#make();
  }

  /** Keeps a message and sends it. Throws when it cannot be kept. */
  post(content: string) {
    this.outbox.add(this.session.room ?? null, content);
    this.draft = "";
    this.#typedAt = Number.NEGATIVE_INFINITY;
    this.begin();
  }

  /** The visitor is typing. */
  type() {
    const now = this.#clock.now();
    if (now - this.#typedAt < TYPING_MS) return;
    this.#typedAt = now;
    this.#connection?.send({ type: "typing" });
  }

  /** The visitor has seen all there is. */
  look() {
    const { room } = this;
    const seq = this.log.last;
    if (room && this.unread && this.#connection?.send({ type: "read", seq })) {
      room.customer_read_seq = seq;
      this.#changed();
    }
  }

  /** Asks for what was before. */
  older() {
    const before = this.log.messages[0]?.seq;
    if (before && this.log.hasOlder) this.#connection?.send({ type: "history", before });
  }

  /** Ends the conversation; false when the server cannot be told now. */
  end(): boolean {
    return !!this.#connection?.send({ type: "close" });
  }

  /** A new conversation; what was unsent goes there. */
  anew() {
    this.#leave();
    this.#make();
  }

  /** The visitor's conversations, the newest first. */
  async rooms(): Promise<Room[]> {
    return (await this.#call<{ results: Room[] }>("GET", "")).results;
  }

  /** A page of another conversation, the newest without `before`. */
  async page(room: string, before?: number): Promise<Message[]> {
    const query = before ? `?before=${before}` : "";
    return (await this.#call<{ results: Message[] }>("GET", `${room}/messages/${query}`)).results;
  }

  /** The shop says who this is. */
  async identify(jwt: string, talk: boolean) {
    const user = subject(jwt);
    if (this.session.user && this.session.user !== user) await this.reset();
    this.#shell.identity = jwt;
    this.signedOut = false;
    const known = this.session.room && this.session.user === user;
    if (!known && (talk || this.session.room)) {
      this.#leave();
      this.#make();
    }
    this.#changed();
  }

  /** Forgets everything, on the server as far as it can be reached. */
  async reset() {
    const { token } = this.session;
    this.#leave();
    this.outbox.clear();
    this.draft = "";
    this.session = {};
    this.#shelf.removeItem(this.#shell.keys + SESSION);
    this.#shell.identity = undefined;
    this.#changed();
    if (token) {
      await fetch(`${this.#shell.base}/api/chat/logout/`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        keepalive: true,
      }).catch(() => undefined);
    }
  }

  #kept(): Session {
    try {
      return JSON.parse(this.#shelf.getItem(this.#shell.keys + SESSION) ?? "{}");
    } catch {
      return {};
    }
  }

  #keep(change: Partial<Session>) {
    this.session = { ...this.session, ...change };
    this.#shelf.setItem(this.#shell.keys + SESSION, JSON.stringify(this.session));
  }

  /** Another tab changed something. */
  #touched(key: string | null) {
    this.outbox.touched(key);
    if (key !== null && key !== this.#shell.keys + SESSION) return;
    const kept = this.#kept();
    if (kept.room !== this.session.room || kept.token !== this.session.token) {
      this.#forgetRoom();
      this.session = kept;
      if (kept.room) this.#connect();
    }
    this.session = kept;
    this.#changed();
  }

  /** Lets go of what is known of the present room. */
  #forgetRoom() {
    this.#era++;
    this.#wanted = false;
    this.#connection?.close();
    this.#connection = undefined;
    this.outbox.down();
    this.#cancelRetry();
    this.log.replace([]);
    this.log.epoch = undefined;
    this.room = this.typist = undefined;
  }

  #leave() {
    this.#forgetRoom();
    const { room, ...rest } = this.session;
    this.session = rest;
    this.#keep({ open: false });
    if (room) this.outbox.redirect(room, null);
  }

  /** Makes or finds the room, and tries until that works or is refused. */
  async #make() {
    this.#cancelRetry();
    this.#wanted = true;
    this.#changed();
    const era = this.#era;
    const { identity } = this.#shell;
    const page_url = (location.origin + location.pathname + location.search).slice(0, 2_000);
    try {
      const { room, token } = await this.#call<{ room: Room; token?: string }>("POST", "", {
        ...this.session.details,
        identity,
        page_url,
      });
      if (era !== this.#era) return;
      this.#era++;
      this.#wanted = false;
      this.#failures = 0;
      this.trouble = undefined;
      const user = identity && subject(identity);
      this.#keep({ room: room.id, open: true, ...(token && { token, user }) });
      this.outbox.redirect(null, room.id);
      this.#connect();
    } catch (error) {
      if (era === this.#era) this.#refused(error);
    }
    this.#changed();
  }

  #refused(error: unknown) {
    const refusal = error instanceof Refusal ? error : undefined;
    const status = refusal?.status ?? 0;
    this.trouble = refusal;
    this.#failures++;
    if (status === 401) {
      // A refused identity stays refused until the shop brings another; a dead token is dropped.
      this.signedOut = !!this.#shell.identity;
      const { token, user, ...rest } = this.session;
      this.session = rest;
      this.#keep({ open: false });
    }
    this.#wanted = !status || status >= 429 || (status === 401 && !this.signedOut);
    if (this.#wanted) {
      const most = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** this.#failures);
      const wait = Math.max(Math.random() * most, refusal?.retryAfterMs ?? 0);
      this.#cancelRetry = this.#clock.after(wait, () => this.#retry());
    }
  }

  #retry() {
    if (this.#wanted && this.#failures) this.#make();
  }

  #connect() {
    const { base } = this.#shell;
    const { room, token } = this.session;
    this.#connection?.close();
    const connection = new Connection<VisitorServerFrame, VisitorClientFrame>({
      clock: this.#clock,
      dial: () => dial(`${base}/ws/chat/${room}/`),
      hello: () => ({
        type: "hello",
        token: token as string,
        ...(this.log.last && this.log.epoch ? { epoch: this.log.epoch, after: this.log.last } : {}),
      }),
      rest: "messages",
      probe: () => ({ type: "history", before: 1, limit: 1 }),
      receive: (frame) => this.#receive(frame),
      changed: (state) => {
        if (state === "offline") this.outbox.down();
        this.#shell.emit("state", state);
        this.#changed();
      },
      stopped: (code) => this.#stopped(code),
    });
    this.#connection = connection;
    connection.open();
  }

  /** The token is dead, or the room is not ours: the unsent text starts a new conversation. */
  #stopped(code: number) {
    if (code !== 4500 && code !== 4506) return this.#changed();
    this.#leave();
    if (code === 4500) {
      const { token, ...rest } = this.session;
      this.session = rest;
      this.#keep({});
    }
    if (this.outbox.items().length || this.#shell.identity) this.#make();
    this.#changed();
  }

  #receive(frame: VisitorServerFrame) {
    switch (frame.type) {
      case "welcome":
        if (frame.recovered) this.#take(frame.messages);
        else this.log.replace(frame.messages);
        this.log.epoch = frame.epoch;
        this.agentsOnline = frame.agents_online;
        this.maxContent = frame.max_content;
        this.#seeRoom(frame.room);
        this.#settle(frame.messages, frame.more);
        break;
      case "messages":
        this.#take(frame.messages);
        this.#settle(frame.messages, frame.more);
        break;
      case "message": {
        const { message } = frame;
        const fresh = message.seq > this.log.last;
        this.#take([message]);
        this.outbox.acked(message.id);
        if (fresh && message.sender_type === "admin") {
          this.typist = undefined;
          this.#arrived(message);
        }
        break;
      }
      case "ack": {
        // The ack has all that the log needs; the message itself may come before or after.
        const item = this.outbox.items().find(({ id }) => id === frame.id);
        if (item && frame.seq === this.log.last + 1) {
          this.#take([sent(item, frame)]);
        }
        this.outbox.acked(frame.id);
        break;
      }
      case "read":
        this.log.read(frame.reader, frame.seq);
        if (frame.reader === "customer" && this.room) this.room.customer_read_seq = frame.seq;
        break;
      case "typing":
        if (frame.sender_type === "admin") {
          this.typist = frame.sender_name;
          this.#stopTyping();
          this.#stopTyping = this.#clock.after(frame.expires_in_ms, () => {
            this.typist = undefined;
            this.#changed();
          });
        }
        break;
      case "presence":
        this.agentsOnline = frame.agents_online;
        break;
      case "room":
        this.#seeRoom(frame.room);
        break;
      case "history":
        this.log.takeOlder(frame.messages);
        break;
      case "ping":
        // What the server has and we lack should have come by the next ping.
        this.#missedPings = (frame.last_seq ?? 0) > this.log.last ? this.#missedPings + 1 : 0;
        if (this.#missedPings > 1) this.#connection?.resync();
        return;
      case "error":
        if (frame.id) {
          this.outbox.refused(frame.id, frame.message, frame.retryable, frame.retry_after_ms);
        }
        break;
    }
    this.#changed();
  }

  #take(messages: Message[]) {
    if (!this.log.take(messages)) this.#connection?.resync();
  }

  /** What a resume brought need not be sent; once it is complete, the rest may go. */
  #settle(messages: Message[], more: boolean) {
    for (const { id } of messages) this.outbox.acked(id);
    if (!more) this.outbox.up();
  }

  #seeRoom(room: Room) {
    this.room = room;
    const open = room.status !== "closed";
    if (open !== this.session.open) this.#keep({ open });
  }

  async #call<T>(method: "GET" | "POST", path: string, body?: object): Promise<T> {
    const { token } = this.session;
    const bearer = token ?? (body ? undefined : this.#shell.identity);
    const answer = await fetch(`${this.#shell.base}/api/chat/rooms/${path}`, {
      method,
      headers: {
        ...(body && { "content-type": "application/json" }),
        ...(bearer && { authorization: `Bearer ${bearer}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (answer.ok) return answer.json();
    throw new Refusal(
      answer.status,
      await answer.json().catch(() => ({})),
      Number(answer.headers.get("retry-after")) * 1_000,
    );
  }
}

/** The message that an ack is about. */
const sent = (
  { content }: Item,
  {
    id,
    room_id,
    seq,
    created_at,
  }: { id: string; room_id: string; seq: number; created_at: string },
): Message => ({
  id,
  room_id,
  seq,
  sender_type: "customer",
  sender_name: "",
  content,
  event: null,
  is_read: false,
  created_at,
});

/** Whose identity it is. The server checks the signature; here only «the same as before?» counts. */
function subject(jwt: string): string | undefined {
  try {
    const claims = atob((jwt.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/"));
    return JSON.parse(claims).sub;
  } catch {
    return undefined;
  }
}

/** The browser's storage, or memory where a browser refuses it: then only a reload forgets. */
function shelf(): Shelf {
  try {
    localStorage.length;
    return localStorage;
  } catch {
    const kept = new Map<string, string>();
    return {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
      key: (index) => [...kept.keys()][index] ?? null,
      get length() {
        return kept.size;
      },
    };
  }
}
