import { browserClock } from "../shared/clock";
import { dial, makeConnection, type State, type Wire, watch } from "../shared/connection";
import { Log } from "../shared/log";
import { makeOutbox } from "../shared/outbox";
import type { Message, Room, VisitorClientFrame, VisitorServerFrame } from "../shared/protocol";
import { SESSION, type Shell } from "./shell";

/** What the visitor said about themselves before the chat. */
export interface Details {
  customer_name?: string;
  customer_email?: string;
  customer_phone?: string;
}

/** What is kept in the browser. */
interface Session {
  token?: string | undefined;
  room?: string | undefined;
  /** The `sub` of the identity that the token belongs to. */
  user?: string | undefined;
  details?: Details;
  /** The conversation goes on: the next page connects without waiting for a click. */
  open?: boolean;
}

/** The server would not make a room; 4500–4999, like the codes that end a socket for good. */
const REFUSED = 4999;
const TOKEN_ENDED = 4500;
const NO_SUCH_ROOM = 4506;
/** The server passes typing on every two seconds at most. */
const TYPING_MS = 2_500;

/** What the server said instead of making a room; nothing when it could not be reached. */
interface Refusal {
  status?: number;
  detail?: string;
}

/** A function for each type of frame, which asks for no more of it than it looks at. */
type Takes = {
  [Type in Exclude<VisitorServerFrame["type"], "going_away">]: (
    frame: Omit<Extract<VisitorServerFrame, { type: Type }>, "type">,
  ) => void;
};

export type Conversation = ReturnType<typeof converse>;

/**
 * The visitor's side of a room: what is kept, what is on its way, what has arrived.
 *
 * `changed` is called after each change; the view then reads what it shows. `arrived` is called
 * with each new answer.
 */
export function converse(shell: Shell, changed: () => void, arrived: (message: Message) => void) {
  const clock = browserClock();
  const { shelf: kept } = shell;
  let session: Session = read();
  let missedPings = 0;
  let typedAt = Number.NEGATIVE_INFINITY;
  let stopTyping = () => {};

  const connection = makeConnection<VisitorServerFrame, VisitorClientFrame>({
    clock,
    dial: () => (session.room ? dial(`${shell.base}/ws/chat/${session.room}/`) : making()),
    hello: () => ({
      type: "hello",
      token: session.token as string,
      ...(log.epoch && { epoch: log.epoch, after: log.last }),
    }),
    rest: "messages",
    probe: () => ({ type: "history", before: 1, limit: 1 }),
    receive,
    changed(state) {
      if (state === "offline") {
        outbox.down();
        talk.typist = undefined;
      }
      shell.emit("state", state);
      changed();
    },
    stopped(code) {
      if (code === TOKEN_ENDED || code === NO_SUCH_ROOM) {
        leave();
        if (code === TOKEN_ENDED) session.token = undefined;
        if (talk.unsent.length) begin();
      }
      changed();
    },
  });
  const outbox = makeOutbox({
    clock,
    shelf: kept,
    prefix: `${shell.keys}out:`,
    send: ({ id, room, content }) =>
      room === session.room && connection.send({ type: "post", id, content }),
    changed,
  });
  const log = new Log();
  /** What the server's frames do. */
  const takes: Takes = {
    welcome(frame) {
      if (!frame.recovered) log.messages = [];
      log.epoch = frame.epoch;
      talk.maxContent = frame.max_content;
      takes.presence(frame);
      takes.room(frame);
      takes.messages(frame);
    },
    // A part of a resume; once it is complete, what waits may go.
    messages({ messages, more }) {
      take(messages);
      if (!more) outbox.up();
    },
    message({ message }) {
      const fresh = message.seq > log.last;
      take([message]);
      if (fresh && message.sender_type === "admin") {
        talk.typist = undefined;
        arrived(message);
      }
    },
    // The message itself takes it out of the outbox, so that it never shows twice or not at all;
    // a repeated one was in the log before.
    ack({ id, seq }) {
      if (seq <= log.last) outbox.acked(id);
    },
    read({ reader, seq }) {
      log.read(reader, seq);
      if (reader === "customer") talk.room!.customer_read_seq = seq;
    },
    typing({ sender_name, expires_in_ms }) {
      talk.typist = sender_name;
      stopTyping();
      stopTyping = clock.after(expires_in_ms, () => {
        talk.typist = undefined;
        changed();
      });
    },
    presence({ agents_online }) {
      talk.agentsOnline = agents_online;
    },
    room({ room }) {
      talk.room = room;
      keep({ open: room.status !== "closed" });
    },
    history({ messages }) {
      log.takeOlder(messages);
    },
    // What the server has and we lack should have come by the next ping.
    ping({ last_seq }) {
      missedPings = last_seq! > log.last ? missedPings + 1 : 0;
      if (missedPings > 1) connection.resync();
    },
    error({ id, message, retryable, retry_after_ms }) {
      if (id) outbox.refused(id, message, retryable, retry_after_ms);
    },
  };

  const talk = {
    log,
    outbox,
    room: undefined as Room | undefined,
    agentsOnline: false,
    maxContent: 8_000,
    /** Who is typing. */
    typist: undefined as string | undefined,
    /** Why the server will not make a room, in its words. */
    refusal: undefined as Refusal | undefined,
    /** The visitor has begun to talk, now or before. */
    begun: false,
    get session(): Readonly<Session> {
      return session;
    },
    get state(): State {
      return connection.state;
    },
    /** Answers that have not been looked at. */
    get unread() {
      // Where there are messages, there is a room.
      const isNew = ({ seq, sender_type }: Message) =>
        sender_type === "admin" && seq > talk.room!.customer_read_seq;
      return log.messages.filter(isNew).length;
    },
    /** What is on its way to this conversation. */
    get unsent() {
      return outbox.items().filter(({ room }) => !room || room === session.room);
    },
    get draft() {
      return kept[`${shell.keys}draft`] ?? "";
    },
    /** Throws when the browser has no room for it. */
    set draft(text: string) {
      kept[`${shell.keys}draft`] = text;
    },
    begin,
    /** Keeps a message and sends it. Throws when it cannot be kept. */
    post(content: string) {
      outbox.add(session.room ?? null, content);
      typedAt = Number.NEGATIVE_INFINITY;
      begin();
    },
    /** The visitor is typing. */
    type() {
      if (clock.now() - typedAt > TYPING_MS && connection.send({ type: "typing" })) {
        typedAt = clock.now();
      }
    },
    /** The visitor has seen all there is. */
    look() {
      if (talk.unread && connection.send({ type: "read", seq: log.last })) {
        talk.room!.customer_read_seq = log.last;
        changed();
      }
    },
    /** Asks for what was before. */
    older() {
      if (log.hasOlder) connection.send({ type: "history", before: log.messages[0]!.seq });
    },
    /** Ends the conversation; false when the server cannot be told now. */
    end: () => connection.send({ type: "close" }),
    /** A new conversation; what was unsent goes there. */
    anew() {
      leave();
      begin();
    },
    /** The visitor's conversations, the newest first. */
    rooms: async () => (await call<{ results: Room[] }>("rooms/")).results,
    /** Goes to another of the visitor's conversations. */
    enter(room: string) {
      forget();
      keep({ room });
      begin();
    },
    /** The shop says who this is; `now` begins to talk as that user at once. */
    async identify(jwt: string, now: boolean) {
      const user = subject(jwt);
      if (session.user && session.user !== user) await talk.reset();
      shell.identity = jwt;
      talk.refusal = undefined;
      if (session.user !== user && (now || session.room)) talk.anew();
      else if (talk.begun) begin();
    },
    /** Forgets everything, on the server as far as it can be reached. */
    async reset() {
      const { token } = session;
      leave();
      outbox.clear();
      shell.identity = talk.refusal = undefined;
      session = {};
      for (const key of ["draft", SESSION]) delete kept[shell.keys + key];
      changed();
      if (token) await call("logout/", {}, token).catch(() => {});
    },
  };

  addEventListener("storage", ({ key }) => {
    outbox.touched(key);
    const before = session;
    session = read();
    // Two tabs asked for a room at once: what was for the one's goes to the other's.
    if (before.room && session.room && before.token !== session.token) {
      outbox.redirect(before.room, session.room);
    }
    // Another tab went to another conversation, or signed out: go with it.
    if (before.room !== session.room || before.token !== session.token) {
      forget();
      if (session.room) begin();
    }
    changed();
  });
  watch(connection);
  if (session.room) begin();
  return talk;

  /** Begins, or goes on with, a conversation; makes the room when there is none. */
  function begin(details?: Details) {
    if (details) keep({ details });
    talk.begun = true;
    connection.open();
    changed();
  }

  function read(): Session {
    return JSON.parse(kept[shell.keys + SESSION] ?? "{}");
  }

  function keep(change: Session) {
    session = { ...session, ...change };
    kept[shell.keys + SESSION] = JSON.stringify(session);
  }

  /** Lets go of what is known of the present room. */
  function forget() {
    connection.close();
    outbox.down();
    log.messages = [];
    log.epoch = talk.room = talk.typist = undefined;
    talk.begun = false;
  }

  /** Leaves the room; what was unsent waits for the next one. */
  function leave() {
    const { room } = session;
    forget();
    keep({ room: undefined, open: false });
    if (room) outbox.redirect(room, null);
  }

  /** In the place of a socket until there is a room, so that one back-off serves both. */
  function making(): Wire {
    // Nothing is sent before `onopen`, which never comes. Once let go, it has no `onclose`: an
    // answer that still comes is about a room that nobody waits for.
    const wire = { close() {} } as Wire;
    const { identity } = shell;
    const page_url = location.href.split("#")[0]!.slice(0, 2_000);
    const body = { ...session.details, identity, page_url };
    call<{ room: Room; token?: string }>("rooms/", body).then(
      ({ room, token }) => {
        if (!wire.onclose) return;
        talk.refusal = undefined;
        keep({ room: room.id, open: true, ...(token && { token, user: subject(identity) }) });
        outbox.redirect(null, room.id);
        connection.redial();
      },
      (refusal) => wire.onclose?.({ code: judge(refusal) }),
    );
    return wire;
  }

  /** Whether to ask for a room again: the close code that says so. */
  function judge(refusal: Refusal): number {
    const { status = 0 } = refusal;
    if (status === 401 && !shell.identity) {
      // Only the token is dead; without it a new conversation begins.
      session.token = undefined;
      return 0;
    }
    if (!status || status >= 429) return 0;
    talk.refusal = refusal;
    talk.begun = status === 401;
    return REFUSED;
  }

  function receive(frame: VisitorServerFrame) {
    (takes[frame.type as keyof Takes] as ((frame: VisitorServerFrame) => void) | undefined)?.(
      frame,
    );
    changed();
  }

  function take(messages: Message[]) {
    if (!log.take(messages)) connection.resync();
    // What is in the log need not be sent.
    for (const { id } of messages) outbox.acked(id);
  }

  /** Answers the body of a success; throws the problem of a refusal, or the network's error. */
  async function call<T>(path: string, body?: object, bearer = session.token): Promise<T> {
    const answer = await fetch(`${shell.base}/api/chat/${path}`, {
      method: body ? "POST" : "GET",
      body: JSON.stringify(body),
      keepalive: true,
      headers: {
        "content-type": "application/json",
        ...(bearer && { authorization: `Bearer ${bearer}` }),
      },
    });
    // A 204 has no body.
    const json = await answer.json().catch(() => ({}));
    if (answer.ok) return json;
    throw { ...json, status: answer.status };
  }
}

/** Whose identity it is. The server checks the signature; here only «the same as before?» counts. */
function subject(jwt: string | undefined): string | undefined {
  try {
    const claims = jwt!.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(atob(claims)).sub;
  } catch {
    return undefined;
  }
}
