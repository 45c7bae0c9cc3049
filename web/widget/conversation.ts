/**
 * The visitor's side of a conversation: what is stored in the browser, what is being sent, what
 * has arrived. `start` begins it; the view (`view.ts`) reads what is exported here and calls its
 * functions.
 *
 * There is one chat per page, so this is a module with state and not an object: a bundler makes
 * plain variables of it, which the widget's size budget needs.
 *
 * Tabs share what is stored, and any of them may sign out. So whatever writes or sends begins with
 * `sync`: a page that was frozen or in the back-forward cache got no event about it.
 */
import { followBrowserEvents, openWebSocket } from "../shared/browser";
import { browserClock } from "../shared/clock";
import { type Connection, makeConnection, type Socket } from "../shared/connection";
import { MAX_CONTENT, TYPING_INTERVAL_MS } from "../shared/limits";
import { MessageLog } from "../shared/message-log";
import { makeOutbox, type Outbox } from "../shared/outbox";
import type { Message, Room, VisitorClientFrame, VisitorServerFrame } from "../shared/protocol";
import { type BrowserStorage, makeStorage } from "../shared/storage";
import { host } from "./host";
import { CHAT_KEY } from "./interfaces";

/** What the visitor filled in before the chat. */
export interface Details {
  customer_name?: string;
  customer_email?: string;
  customer_phone?: string;
}

/** The chat as it is stored in the browser; other versions of this code read it, too. */
interface StoredChat {
  /** When it began: distinguishes the chats of two people at the same computer. */
  at?: number;
  token?: string | undefined;
  room?: string | undefined;
  /** The `sub` of the identity that everything stored belongs to. */
  user?: string | undefined;
  details?: Details | undefined;
  /** The conversation is open: the next page connects without waiting for a click. */
  open?: boolean;
}

/** Close code of our own for "the server refuses to make a room": final, as all from 4500 on. */
const ROOM_REFUSED = 4999;
/** Shown where the page has no origin: there, `fetch` can only fail. */
const SANDBOXED = "Needs allow-same-origin";
const TOKEN_ENDED = 4500;
const NO_SUCH_ROOM = 4506;

/** Why the server made no room; without a status when it could not be reached. */
interface Refusal {
  status?: number;
  message: string;
}

/** A page of a list. */
interface List<T> {
  results: T[];
}

/** A function per type of frame. */
type Handlers = {
  [Type in Exclude<VisitorServerFrame["type"], "going_away">]: (
    frame: Omit<Extract<VisitorServerFrame, { type: Type }>, "type">,
  ) => void;
};

/** The newest state of the room, once there is one. */
export let room: Room | undefined;
export let agentsOnline = false;
export let maxContent = MAX_CONTENT;
/** When the shop opens again, if it is closed and that is known. */
export let backAt: string | null;
/** The name of the agent who is typing. */
export let typist: string | undefined;
/** Set when the server refuses to make a room. */
export let refusal: Refusal | undefined;
/** The visitor is past the form: there is a conversation, or one is being requested. */
export let begun = false;
/** What is stored of the chat. */
export let chat: Readonly<StoredChat> = {};
export let outbox: Outbox;
export let connection: Connection<VisitorClientFrame>;

const clock = browserClock();
let storage: BrowserStorage;
/** The stored chat as it was read or written last. */
let chatText: string | undefined;
/** The page that the agents know of. */
let page: string;
let missedPings = 0;
let typingSentAt = Number.NEGATIVE_INFINITY;
let cancelTyping = () => {};
let onChange: () => void;
let onAgentMessage: (message: Message) => void;
let onCleared: () => void;

export const log = new MessageLog();

/** What each frame does. */
const handlers: Handlers = {
  welcome(frame) {
    if (!frame.recovered) log.messages = [];
    log.redact(frame.redacted);
    log.epoch = frame.epoch;
    maxContent = frame.max_content;
    handlers.presence(frame);
    handlers.room(frame);
    handlers.messages(frame);
  },
  // A page of a resume; after the last one, messages may be sent.
  messages({ messages, more }) {
    addMessages(messages);
    if (!more) outbox.resume();
  },
  message({ message }) {
    const isNew = message.seq > log.lastSeq;
    addMessages([message]);
    if (isNew && message.sender_type === "admin") {
      typist = undefined;
      onAgentMessage(message);
    }
  },
  // The message itself removes the item from the outbox, so that it never shows twice or not at
  // all; only a duplicate is in the log before.
  ack({ id, seq }) {
    if (seq <= log.lastSeq) outbox.settle(id);
  },
  redacted({ seq }) {
    log.redact([seq]);
  },
  read({ reader, seq }) {
    log.markRead(reader, seq);
    if (reader === "customer") room!.customer_read_seq = seq;
  },
  typing({ sender_name, expires_in_ms }) {
    typist = sender_name;
    cancelTyping();
    cancelTyping = clock.after(expires_in_ms, () => {
      typist = undefined;
      onChange();
    });
  },
  presence({ agents_online, back_at }) {
    agentsOnline = agents_online;
    backAt = back_at;
  },
  room(frame) {
    room = frame.room;
    saveChat({ open: room.status !== "closed" });
  },
  history({ messages }) {
    log.addOlder(messages);
  },
  // What the server had at one ping must be here by the next.
  ping({ last_seq }) {
    missedPings = last_seq! > log.lastSeq ? missedPings + 1 : 0;
    if (missedPings > 1) connection.resync();
  },
  // An error without an id is about a message only if the server could not read the frame.
  error({ id, code, message, retryable, retry_after_ms }) {
    if (id || code === "bad_frame") outbox.refused(id, message, retryable, retry_after_ms);
  },
};

/**
 * Must be called first. `change` is called after each change; the view then reads what it shows.
 * `agentMessage` is called with each new message of an agent, `clear` when the visitor has signed
 * out: nothing of theirs may stay on the page.
 */
export function start(
  change: () => void,
  agentMessage: (message: Message) => void,
  clear: () => void,
) {
  onChange = change;
  onAgentMessage = agentMessage;
  onCleared = clear;
  storage = makeStorage(host.storageArea);
  chat = readChat();
  connection = makeConnection<VisitorServerFrame, VisitorClientFrame>({
    clock,
    openSocket: () =>
      chat.room ? openWebSocket(`${host.base}/ws/chat/${chat.room}/`) : requestRoom(),
    hello: () => ({
      type: "hello",
      token: chat.token as string,
      locale: host.lang,
      ...(log.epoch && { epoch: log.epoch, after: log.lastSeq }),
    }),
    resumePage: "messages",
    probe: () => ({ type: "history", before: 1, limit: 1 }),
    onFrame,
    onState(state) {
      if (state === "offline") {
        outbox.pause();
        typist = undefined;
      }
      host.emit("state", state);
      onChange();
    },
    onStop(code) {
      sync();
      if (code === TOKEN_ENDED || code === NO_SUCH_ROOM) {
        leaveRoom(code === TOKEN_ENDED);
        resume();
      }
      onChange();
    },
  });
  outbox = makeOutbox({
    clock,
    storage,
    prefix: `${host.keyPrefix}out:`,
    send: ({ id, room, content }) =>
      room === chat.room && connection.send({ type: "post", id, content }),
    onChange,
  });
  addEventListener("storage", (event) => {
    sync();
    outbox.storageChanged(event.key);
  });
  followBrowserEvents({
    checkNow() {
      sync();
      onChange();
      connection.checkNow();
    },
    networkLost: connection.networkLost,
  });
}

/** How many messages of agents the visitor has not seen. */
export function unread() {
  // Where there are messages, there is a room.
  const isUnread = ({ seq, sender_type }: Message) =>
    sender_type === "admin" && seq > room!.customer_read_seq;
  return log.messages.filter(isUnread).length;
}

/** The messages of this conversation that are not acked yet. */
export const unsent = () => outbox.items().filter(({ room }) => !room || room === chat.room);

/** The text in the field that was not sent. */
export const draft = () => storage.get(`${host.keyPrefix}draft`) ?? "";

export function saveDraft(text: string) {
  if (text) storage.set(`${host.keyPrefix}draft`, text);
  else storage.remove(`${host.keyPrefix}draft`);
}

/**
 * Resumes the conversation, or begins one for messages that were not sent. Those of an identified
 * user wait until the shop identifies the same user again.
 */
export function resume() {
  const isKnown = host.jwt || !chat.user;
  if (begun || chat.room || (isKnown && unsent().some(({ refused }) => !refused))) begin();
}

/** Stores a message and sends it. */
export function post(content: string) {
  outbox.add(chat.room ?? null, content);
  typingSentAt = Number.NEGATIVE_INFINITY;
  begin();
}

/** Lets the agents know that the visitor is typing. */
export function sendTyping() {
  if (clock.now() - typingSentAt > TYPING_INTERVAL_MS && connection.send({ type: "typing" })) {
    typingSentAt = clock.now();
  }
}

/** The visitor has seen the newest message. */
export function markRead() {
  if (unread() && connection.send({ type: "read", seq: log.lastSeq })) {
    room!.customer_read_seq = log.lastSeq;
    onChange();
  }
}

/** Requests the messages before the first one here. */
export function loadOlder() {
  if (log.firstSeq > 1) connection.send({ type: "history", before: log.firstSeq });
}

/** Ends the conversation; false while there is no connection. */
export const end = () => connection.send({ type: "close" });

/** Begins a new conversation; unsent messages go there. */
export function beginNew() {
  leaveRoom();
  begin();
}

/** Switches to another of the visitor's conversations. */
export function openRoom(room: string) {
  dropRoom();
  saveChat({ room });
  begin();
}

/** The shop identifies the visitor; with `now`, begins the conversation at once. */
export async function identify(jwt: string, now: boolean) {
  sync();
  host.jwt = jwt;
  refusal = undefined;
  if (!adoptIdentity()) {
    host.jwt = undefined;
    throw TypeError("shoptalk.identify: no JWT");
  }
  if (now) begin();
  else resume();
  if (begun) return;
  const [latest] = (await call<List<Room>>("rooms/", undefined, jwt)).results;
  if (!latest || latest.last_seq <= latest.customer_read_seq) return;
  const path = `rooms/${latest.id}/messages/?after=${latest.customer_read_seq}`;
  const unseen = (await call<List<Message>>(path, undefined, jwt)).results;
  // The visitor may have begun a conversation or signed out meanwhile.
  if (host.jwt !== jwt || begun) return;
  room = latest;
  log.messages = unseen;
  onChange();
}

/** Removes everything here, and ends the token if the server can be reached. */
export async function reset(token = chat.token) {
  host.clear();
  forget();
  if (token) await call("logout/", {}, token).catch(() => {});
}

/** Begins or resumes the conversation; makes the room when there is none. */
export function begin(details?: Details) {
  sync();
  const user = adoptIdentity();
  // The tag's token is for a browser that holds none, once.
  saveChat({ token: chat.token || host.tagData.token, details: details || chat.details });
  delete host.tagData.token;
  // The server moves an anonymous visitor's room to the user when it is requested again.
  if (user && user !== chat.user) {
    leaveRoom();
    saveChat({ user });
  }
  begun = true;
  connection.open();
  onChange();
}

/** Returns the identified user, if any. If it is another one than before, resets first. */
function adoptIdentity() {
  const { jwt } = host;
  const user = subject(jwt);
  if (user && chat.user && user !== chat.user) {
    reset();
    host.jwt = jwt;
  }
  return user;
}

/** Follows another tab that switched to another conversation, or signed out. */
export function sync() {
  if (storage.get(host.keyPrefix + CHAT_KEY) === chatText) return;
  const before = chat;
  chat = readChat();
  if (before.at !== chat.at && (before.token || !chat.at)) forget();
  // Two tabs requested a room at the same time: unsent messages go to the one that was stored.
  else if (before.room && chat.room && before.token !== chat.token) {
    outbox.redirect(before.room, chat.room);
  }
  if (before.room !== chat.room || before.token !== chat.token) {
    dropRoom();
    if (chat.room) begin();
  }
  onChange();
}

/** Reads the stored chat; removes anything else that is stored in its place. */
function readChat(): StoredChat {
  chatText = storage.get(host.keyPrefix + CHAT_KEY);
  try {
    const stored: StoredChat = JSON.parse(chatText!);
    if (/^[\w.,-]*$/.test([stored.token, stored.room] as never)) return stored;
  } catch {}
  storage.remove(host.keyPrefix + CHAT_KEY);
  return {};
}

function saveChat(change: StoredChat) {
  chat = { at: Date.now(), ...chat, ...change };
  chatText = JSON.stringify(chat);
  storage.set(host.keyPrefix + CHAT_KEY, chatText);
}

/** Removes everything of the visitor from this page. */
export function forget() {
  dropRoom();
  storage.clearMemory();
  chat = readChat();
  host.jwt = refusal = undefined;
  onCleared();
  onChange();
}

/** Disconnects and drops the state of the current room, which stays as it is on the server. */
function dropRoom() {
  connection.close();
  outbox.pause();
  log.messages = [];
  log.epoch = room = typist = undefined;
  begun = false;
}

/** Leaves the room for good; unsent messages wait for the next one. */
function leaveRoom(tokenEnded?: boolean) {
  const from = chat.room;
  dropRoom();
  if (!from) return;
  saveChat({ room: undefined, open: false, ...(tokenEnded && { token: undefined }) });
  outbox.redirect(from, null);
}

/**
 * Requests a room. Takes the place of a socket until there is one, so that requests and sockets
 * share a back-off.
 */
function requestRoom(): Socket {
  // It never opens, so nothing is sent on it. Once discarded it has no `onclose`, and the response
  // is ignored.
  const socket = { close() {} } as Socket;
  const { jwt } = host;
  const user = subject(jwt);
  const page_url = location.href.split("#")[0]!.slice(0, 2_000);
  const body = { ...chat.details, identity: user && jwt, page_url };
  call<{ room: Room; token?: string }>("rooms/", body).then(
    ({ room, token }) => {
      if (!socket.onclose) return;
      refusal = undefined;
      saveChat({ room: room.id, open: true, ...(token && { token, user }) });
      outbox.redirect(null, room.id);
      connection.replaceSocket();
    },
    (error) => socket.onclose?.({ code: closeCodeFor(error) }),
  );
  return socket;
}

/** The close code after a failed request for a room: final, or 0 to try again. */
function closeCodeFor(error: Refusal): number {
  const { status } = error;
  if (status === 401 && !host.jwt) {
    // Only the token has ended; without it a new conversation begins.
    saveChat({ token: undefined });
    return 0;
  }
  if (status ? status >= 429 : origin !== "null") return 0;
  refusal = status ? error : { message: SANDBOXED };
  begun = status === 401;
  return ROOM_REFUSED;
}

function onFrame(frame: VisitorServerFrame) {
  const { room } = chat;
  sync();
  if (room === chat.room) {
    (handlers[frame.type as keyof Handlers] as ((frame: VisitorServerFrame) => void) | undefined)?.(
      frame,
    );
  }
  // Without query and fragment, which may hold anything about a person.
  const url = origin + location.pathname;
  if (url !== page) connection.send({ type: "page", url });
  page = url;
  onChange();
}

function addMessages(messages: Message[]) {
  if (!log.addNewer(messages)) connection.resync();
  // A message in the log counts as acked.
  for (const { id } of messages) outbox.settle(id);
}

/** Calls the server; throws the problem of a refusal, or the network's error. */
export async function call<T>(path: string, body?: object, bearer = chat.token): Promise<T> {
  const response = await fetch(`${host.base}/api/chat/${path}`, {
    method: body ? "POST" : "GET",
    body: JSON.stringify(body),
    keepalive: true,
    headers: {
      "content-type": "application/json",
      ...(bearer && { authorization: `Bearer ${bearer}` }),
    },
  });
  // A 204 has no body.
  const json = await response.json().catch(() => ({}));
  // The visitor may have signed out in another tab meanwhile.
  sync();
  if (response.ok) return json;
  throw Object.assign(Error(json.detail), { status: response.status });
}

/** The user of an identity. Only compared with the user before; the server checks the signature. */
function subject(jwt: string | undefined): string | undefined {
  try {
    const claims = jwt!.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(atob(claims)).sub;
  } catch {
    return undefined;
  }
}
