import { browserClock } from "../shared/clock";
import { type Connection, dial, makeConnection, type Wire, watch } from "../shared/connection";
import { Log } from "../shared/message-log";
import { makeOutbox, type Outbox } from "../shared/outbox";
import type { Message, Room, VisitorClientFrame, VisitorServerFrame } from "../shared/protocol";
import { makeShelf, type Shelf } from "../shared/storage";
import { shell } from "./host";
import { SESSION } from "./interfaces";

/** What the visitor said about themselves before the chat. */
export interface Details {
  customer_name?: string;
  customer_email?: string;
  customer_phone?: string;
}

/** What is kept in the browser. */
interface Session {
  /** When it began: tells one person's session from that of the next at the same computer. */
  at?: number;
  token?: string | undefined;
  room?: string | undefined;
  /** The `sub` of the identity to which all that is kept belongs. */
  user?: string | undefined;
  details?: Details;
  /** The conversation goes on: the next page connects without waiting for a click. */
  open?: boolean;
}

/** The server would not make a room; 4500–4999, like the codes that end a socket for good. */
const REFUSED = 4999;
/** Where `fetch` can only fail, the server's refusal is said in its place. */
const SANDBOXED = "Sandbox lacks allow-same-origin";
const TOKEN_ENDED = 4500;
const NO_SUCH_ROOM = 4506;
/** The server passes typing on every two seconds at most. */
const TYPING_MS = 2_500;

/** What the server said instead of making a room; nothing when it could not be reached. */
interface Refusal {
  status?: number;
  message: string;
}

/** A function for each type of frame, which asks for no more of it than it looks at. */
type Takes = {
  [Type in Exclude<VisitorServerFrame["type"], "going_away">]: (
    frame: Omit<Extract<VisitorServerFrame, { type: Type }>, "type">,
  ) => void;
};

/*
 * The visitor's side of a room: what is kept, what is on its way, what has arrived. There is one
 * on a page; `converse` begins it, and the view reads what is exported here.
 *
 * Tabs share what is kept, and any of them may sign out. Whatever writes or sends begins with
 * `sync`, since a page that was frozen or in the back-forward cache was told of nothing.
 */

/** The room, as far as it is known. */
export let room: Room | undefined;
export let agentsOnline = false;
export let maxContent = 8_000;
/** Who is typing. */
export let typist: string | undefined;
/** Why the server will not make a room, in its words. */
export let refusal: Refusal | undefined;
/** The visitor has begun to talk, now or before. */
export let begun = false;
export let session: Readonly<Session> = {};
export let outbox: Outbox;
export let connection: Connection<VisitorClientFrame>;

const clock = browserClock();
let kept: Shelf;
/** Where the session is kept. */
let key: string;
/** The session as it was read or written last. */
let text: string | undefined;
let missedPings = 0;
let typedAt = Number.NEGATIVE_INFINITY;
let stopTyping = () => {};
let changed: () => void;
let arrived: (message: Message) => void;
let emptied: () => void;

export const log = new Log();
/** What the server's frames do. */
const takes: Takes = {
  welcome(frame) {
    if (!frame.recovered) log.messages = [];
    log.epoch = frame.epoch;
    maxContent = frame.max_content;
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
      typist = undefined;
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
    if (reader === "customer") room!.customer_read_seq = seq;
  },
  typing({ sender_name, expires_in_ms }) {
    typist = sender_name;
    stopTyping();
    stopTyping = clock.after(expires_in_ms, () => {
      typist = undefined;
      changed();
    });
  },
  presence({ agents_online }) {
    agentsOnline = agents_online;
  },
  room(frame) {
    room = frame.room;
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
  // Without an id only a frame that could not be read is about a message.
  error({ id, code, message, retryable, retry_after_ms }) {
    if (id || code === "bad_frame") outbox.refused(id, message, retryable, retry_after_ms);
  },
};

/**
 * Begins. `change` is called after each change; the view then reads what it shows. `arrive` is
 * called with each new answer, `empty` when whoever was here has gone: nothing of theirs may stay.
 */
export function converse(
  change: () => void,
  arrive: (message: Message) => void,
  empty: () => void,
) {
  changed = change;
  arrived = arrive;
  emptied = empty;
  kept = makeShelf(shell.shelf);
  key = shell.keys + SESSION;
  session = read();
  connection = makeConnection<VisitorServerFrame, VisitorClientFrame>({
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
        typist = undefined;
      }
      shell.emit("state", state);
      changed();
    },
    stopped(code) {
      sync();
      if (code === TOKEN_ENDED || code === NO_SUCH_ROOM) {
        leave(code === TOKEN_ENDED);
        resume();
      }
      changed();
    },
  });
  outbox = makeOutbox({
    clock,
    shelf: kept,
    prefix: `${shell.keys}out:`,
    send: ({ id, room, content }) =>
      room === session.room && connection.send({ type: "post", id, content }),
    changed,
  });
  addEventListener("storage", (event) => {
    sync();
    outbox.touched(event.key);
  });
  watch({
    nudge() {
      sync();
      changed();
      connection.nudge();
    },
    offline: connection.offline,
  });
}

/** Answers that have not been looked at. */
export function unread() {
  // Where there are messages, there is a room.
  const isNew = ({ seq, sender_type }: Message) =>
    sender_type === "admin" && seq > room!.customer_read_seq;
  return log.messages.filter(isNew).length;
}

/** What is on its way to this conversation. */
export const unsent = () => outbox.items().filter(({ room }) => !room || room === session.room);

/** What is written and not sent. */
export const draft = () => kept.get(`${shell.keys}draft`) ?? "";

export function keepDraft(text: string) {
  if (text) kept.set(`${shell.keys}draft`, text);
  else kept.remove(`${shell.keys}draft`);
}

/**
 * Goes on with a conversation, or begins one for what waits to be sent. What a user has written
 * waits until the shop says that it is the same one.
 */
export function resume() {
  const isKnown = shell.identity || !session.user;
  if (begun || session.room || (isKnown && unsent().some(({ refused }) => !refused))) begin();
}

/** Keeps a message and sends it. */
export function post(content: string) {
  outbox.add(session.room ?? null, content);
  typedAt = Number.NEGATIVE_INFINITY;
  begin();
}

/** The visitor is typing. */
export function type() {
  if (clock.now() - typedAt > TYPING_MS && connection.send({ type: "typing" })) {
    typedAt = clock.now();
  }
}

/** The visitor has seen all there is. */
export function look() {
  if (unread() && connection.send({ type: "read", seq: log.last })) {
    room!.customer_read_seq = log.last;
    changed();
  }
}

/** Asks for what was before. */
export function older() {
  if (log.hasOlder) connection.send({ type: "history", before: log.messages[0]!.seq });
}

/** Ends the conversation; false when the server cannot be told now. */
export const end = () => connection.send({ type: "close" });

/** A new conversation; what was unsent goes there. */
export function anew() {
  leave();
  begin();
}

/** The visitor's conversations, the newest first. */
export const rooms = async (bearer?: string) => (await list<Room>("", bearer)).results;

/** Goes to another of the visitor's conversations. */
export function enter(room: string) {
  close();
  keep({ room });
  begin();
}

/** The shop says who this is; `now` begins to talk as that user at once. */
export async function identify(jwt: string, now: boolean) {
  sync();
  shell.identity = jwt;
  refusal = undefined;
  if (!adopt()) {
    shell.identity = undefined;
    throw TypeError("shoptalk.identify: pass a signed JWT");
  }
  if (now) begin();
  else resume();
  if (begun) return;
  const [latest] = await rooms(jwt);
  if (!latest || latest.last_seq <= latest.customer_read_seq) return;
  const path = `${latest.id}/messages/?after=${latest.customer_read_seq}`;
  const { results } = await list<Message>(path, jwt);
  // Unless the visitor has begun to talk, or gone, meanwhile.
  if (shell.identity !== jwt || begun) return;
  room = latest;
  log.messages = results;
  changed();
}

/** Forgets everything, and ends the token on the server as far as that can be reached. */
export async function reset(token = session.token) {
  shell.clear();
  forget();
  if (token) await call("logout/", {}, token).catch(() => {});
}

/** Begins, or goes on with, a conversation; makes the room when there is none. */
export function begin(details?: Details) {
  sync();
  const user = adopt();
  if (details) keep({ details });
  // An anonymous visitor's room becomes the user's when it is asked for again.
  if (user && user !== session.user) {
    leave();
    keep({ user });
  }
  begun = true;
  connection.open();
  changed();
}

/** Answers who the shop says that this is. Another user than before resets first. */
function adopt() {
  const { identity } = shell;
  const user = subject(identity);
  if (user && session.user && user !== session.user) {
    reset();
    shell.identity = identity;
  }
  return user;
}

/** Goes with another tab that went to another conversation, or signed out. */
export function sync() {
  if (kept.get(key) === text) return;
  const before = session;
  session = read();
  if (before.at !== session.at && (before.token || !session.at)) forget();
  // Two tabs asked for a room at once: what was for the one's goes to the other's.
  else if (before.room && session.room && before.token !== session.token) {
    outbox.redirect(before.room, session.room);
  }
  if (before.room !== session.room || before.token !== session.token) {
    close();
    if (session.room) begin();
  }
  changed();
}

/** The session as it is kept. What is no session is removed: it would be in the way forever. */
function read(): Session {
  text = kept.get(key);
  try {
    const kept: Session = JSON.parse(text!);
    if (/^[\w.,-]*$/.test([kept.token, kept.room] as never)) return kept;
  } catch {}
  kept.remove(key);
  return {};
}

function keep(change: Session) {
  session = { at: Date.now(), ...session, ...change };
  text = JSON.stringify(session);
  kept.set(key, text);
}

/** Forgets who was here, and shows nothing of theirs any more. */
export function forget() {
  close();
  kept.forget();
  session = read();
  shell.identity = refusal = undefined;
  emptied();
  changed();
}

/** Lets go of what is known of the present room. */
function close() {
  connection.close();
  outbox.down();
  log.messages = [];
  log.epoch = room = typist = undefined;
  begun = false;
}

/** Leaves the room; what was unsent waits for the next one. */
function leave(tokenEnded?: boolean) {
  const from = session.room;
  close();
  if (!from) return;
  keep({ room: undefined, open: false, ...(tokenEnded && { token: undefined }) });
  outbox.redirect(from, null);
}

/** In the place of a socket until there is a room, so that one back-off serves both. */
function making(): Wire {
  // Nothing is sent before `onopen`, which never comes. Once let go, it has no `onclose`: an
  // answer that still comes is about a room that nobody waits for.
  const wire = { close() {} } as Wire;
  const { identity } = shell;
  const user = subject(identity);
  const page_url = location.href.split("#")[0]!.slice(0, 2_000);
  const body = { ...session.details, identity: user && identity, page_url };
  call<{ room: Room; token?: string }>("rooms/", body).then(
    ({ room, token }) => {
      if (!wire.onclose) return;
      refusal = undefined;
      keep({ room: room.id, open: true, ...(token && { token, user }) });
      outbox.redirect(null, room.id);
      connection.redial();
    },
    (answer) => wire.onclose?.({ code: judge(answer) }),
  );
  return wire;
}

/** Whether to ask for a room again: the close code that says so. */
function judge(answer: Refusal): number {
  const { status } = answer;
  if (status === 401 && !shell.identity) {
    // Only the token is dead; without it a new conversation begins.
    keep({ token: undefined });
    return 0;
  }
  if (status ? status >= 429 : origin !== "null") return 0;
  refusal = status ? answer : { message: SANDBOXED };
  begun = status === 401;
  return REFUSED;
}

function receive(frame: VisitorServerFrame) {
  const { room } = session;
  sync();
  if (room === session.room) {
    (takes[frame.type as keyof Takes] as ((frame: VisitorServerFrame) => void) | undefined)?.(
      frame,
    );
  }
  changed();
}

function take(messages: Message[]) {
  if (!log.take(messages)) connection.resync();
  // What is in the log need not be sent.
  for (const { id } of messages) outbox.acked(id);
}

/** Some of the visitor's rooms, or of what is in one. */
function list<T>(path: string, bearer?: string) {
  return call<{ results: T[] }>(`rooms/${path}`, undefined, bearer);
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
  // Whoever asked may have gone meanwhile.
  sync();
  if (answer.ok) return json;
  throw Object.assign(Error(json.detail), { status: answer.status });
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
