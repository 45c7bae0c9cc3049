/**
 * The agent's desk: the one connection, the lobby that it fills, the conversation that is open.
 *
 * Views read the signals and call the functions; frames of the server are taken in `receive`.
 */
import { batch, computed, signal } from "@preact/signals";
import { followBrowserEvents, openWebSocket } from "../../shared/browser";
import { browserClock } from "../../shared/clock";
import { type Connection, type ConnectionState, makeConnection } from "../../shared/connection";
import { MessageLog } from "../../shared/message-log";
import { makeOutbox, type Outbox, type OutboxItem } from "../../shared/outbox";
import type {
  Agent,
  AgentClientFrame,
  AgentServerFrame,
  Counts,
  Message,
  Room,
  Summary,
} from "../../shared/protocol";
import { call, inWords, Refused } from "../api";
import { ringFor } from "./alerts";
import { watchCanary } from "./health";
import { makeJoining } from "./joining";
import { type Filter, Lobby, rings } from "./lobby-state";
import { storage } from "./settings";

/** Who is signed in; undefined until known, null for nobody. */
export const agent = signal<Agent | null | undefined>(undefined);
export const state = signal<ConnectionState>("offline");
/** Why the connection has stopped for good, or what the server says about itself. */
export const trouble = signal<{ words: string; final: boolean } | undefined>(undefined);
/** What just happened, for a few seconds. */
export const toast = signal("");
export const filter = signal<Filter>("open");
/** The id of the open conversation. */
export const selected = signal<string | undefined>(undefined);
/** The open conversation's room, as its own log tells it. */
export const room = signal<Room | undefined>(undefined);
export const messages = signal<readonly Message[]>([]);
/** The server will not tell us of the open conversation at the moment. */
export const stale = signal(false);
/** Acked in the open conversation, whose log will show them in a moment. */
export const landing = signal<readonly OutboxItem[]>([]);
/** Who types in the open conversation: the customer or other agents. */
export const typists = signal<readonly { name: string; customer: boolean }[]>([]);
/** A message to scroll to and mark, once it is there. */
export const target = signal<number | undefined>(undefined);

const SYSTEM_CLOSE: Record<number, string> = {
  4504: "You have too many consoles open. Close one and try again.",
  4505: "You may not use the console any more. Ask an admin.",
};
const PAGE = 50;
const TYPING_MS = 2_500;
/** Whose desk this is, so that a page that opens need not ask before it connects. */
const KEEPER = "shoptalk:console:agent";
/** How many conversations are kept after leaving them, so that coming back is instant. */
const KEPT_LOGS = 30;

const clock = browserClock();
const lobby = new Lobby();
const moved = signal(0);
const logs = new Map<string, MessageLog>();
const stopTyping = new Map<string, () => void>();
const joining = makeJoining({
  clock,
  ask,
  changed: (refused) => {
    stale.value = refused;
  },
});
let connection: Connection<AgentClientFrame> | undefined;
let outbox: Outbox | undefined;
let signedIn = new AbortController();
let typedAt = Number.NEGATIVE_INFINITY;
let readUpTo = 0;
let asked = false;
let stirred = false;

/** The conversations of the chosen filter, in order. */
export const conversations = computed(() => {
  moved.value;
  return lobby.list(filter.value);
});
export const counts = computed<Counts>(() => {
  moved.value;
  return { ...lobby.counts };
});
export const longest = computed(() => {
  moved.value;
  return lobby.longest;
});
/** The open conversation as the lobby tells it. */
export const summary = computed(() => {
  moved.value;
  return selected.value ? lobby.rooms.get(selected.value) : undefined;
});
const stored = signal(0);
/** What waits to be sent, in all conversations. */
export const waiting = computed(() => {
  stored.value;
  return outbox?.items() ?? [];
});
export const maxContent = signal(8_000);

/** Summaries come in crowds; the lists follow once a frame. */
function stir() {
  if (stirred) return;
  stirred = true;
  const settle = () => {
    if (!stirred) return;
    stirred = false;
    moved.value++;
  };
  requestAnimationFrame(settle);
  // A page in the background gets no frames.
  setTimeout(settle, 200);
}

let toastTimer = () => {};

/** Says something for a while. */
export function tell(words: string) {
  toast.value = words;
  toastTimer();
  toastTimer = clock.after(8_000, () => {
    toast.value = "";
  });
}

/** Runs something that may be refused, and says so; answers whether it worked. */
export async function attempt(task: () => Promise<unknown>): Promise<boolean> {
  try {
    await task();
    return true;
  } catch (error) {
    if (error instanceof Refused && error.status === 401) signedOut("Your session has ended.");
    else tell(inWords(error));
    return false;
  }
}

/** Finds out who is signed in; where that is remembered, the welcome or a refusal will tell. */
export async function arrive() {
  try {
    const keeper = remembered();
    if (keeper) return enter(keeper);
    enter((await call<{ agent: Agent }>("GET", "me/")).agent);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) agent.value = null;
    else {
      trouble.value = { words: inWords(error), final: false };
      clock.after(3_000, arrive);
    }
  }
}

/** Who was signed in when this browser was last here. */
function remembered(): Agent | undefined {
  try {
    const keeper: Agent = JSON.parse(storage.get(KEEPER)!);
    if (keeper.id) return keeper;
  } catch {
    // Nobody, or what another script left under our name: the server will say.
  }
  return undefined;
}

/** Begins to work as an agent. */
export function enter(who: Agent) {
  agent.value = who;
  storage.set(KEEPER, JSON.stringify(who));
  trouble.value = undefined;
  outbox = makeOutbox({
    clock,
    storage,
    prefix: `shoptalk:console:${who.id}:out:`,
    send: ({ id, room, content }) =>
      !!connection?.send({ type: "post", room_id: room, id, content }),
    onChange: () => {
      stored.value++;
    },
  });
  stored.value++;
  connection = makeConnection<AgentServerFrame, AgentClientFrame>({
    clock,
    openSocket: () => openWebSocket(`${location.origin}/ws/admin/chat/`),
    hello: () => ({
      type: "hello",
      ...(lobby.cursor && lobby.epoch && { epoch: lobby.epoch, cursor: lobby.cursor }),
    }),
    resumePage: "summaries",
    probe: () =>
      selected.value
        ? { type: "history", room_id: selected.value, before: 1, limit: 1 }
        : undefined,
    onFrame: (frame) => batch(() => receive(frame)),
    onState(now) {
      state.value = now;
      if (now === "offline") {
        outbox?.pause();
        joining.lost();
        typists.value = [];
      }
      if (now === "connected" && !trouble.value?.final) trouble.value = undefined;
    },
    onStop(code) {
      if (code === 4500) signedOut("Your session has ended. Please sign in again.");
      else {
        const words =
          SYSTEM_CLOSE[code] ?? "This page is too old for the server. Please reload it.";
        trouble.value = { words, final: true };
      }
    },
  });
  signedIn = new AbortController();
  followBrowserEvents(connection, signedIn.signal);
  watchCanary(clock, signedIn.signal);
  connection.open();
}

/** Tries again after a stop. */
export function reconnect() {
  trouble.value = undefined;
  connection?.open();
}

/** Ends the session, here or everywhere. What is unsent and drafts stay in this browser. */
export async function signOut(everywhere: boolean) {
  if (await attempt(() => call("POST", "logout/", { everywhere }))) signedOut("");
}

function signedOut(words: string) {
  signedIn.abort();
  connection?.close();
  lobby.clear();
  lobby.epoch = undefined;
  logs.clear();
  storage.remove(KEEPER);
  batch(() => {
    leave();
    agent.value = null;
    trouble.value = words ? { words, final: true } : undefined;
  });
  stir();
}

function receive(frame: AgentServerFrame) {
  switch (frame.type) {
    case "welcome":
      if (frame.agent.id !== agent.value?.id) {
        // Somebody else has signed in from another tab: their outbox and drafts are others.
        storage.set(KEEPER, JSON.stringify(frame.agent));
        return location.reload();
      }
      if (!frame.recovered) lobby.clear();
      lobby.epoch = frame.epoch;
      lobby.counts = frame.counts;
      agent.value = frame.agent;
      maxContent.value = frame.max_content;
      takeSummaries(frame.summaries, frame.cursor);
      lobby.allOnline(frame.online);
      if (!frame.more) caughtUp();
      if (selected.value) joining.join(selected.value);
      break;
    case "summaries":
      takeSummaries(frame.summaries, frame.cursor);
      if (!frame.more) caughtUp();
      break;
    case "summary":
      takeSummaries([frame.summary], frame.cursor);
      break;
    case "counts":
      lobby.counts = frame.counts;
      break;
    case "online":
      lobby.online(frame.room_id, frame.customer_online);
      break;
    case "going_away":
      trouble.value = { words: "The server is restarting.", final: false };
      break;
    case "ack": {
      if (!trouble.value?.final) trouble.value = undefined;
      const last = logs.get(frame.room_id)?.lastSeq ?? 0;
      // In an open conversation it is shown until its message comes, so that nothing flickers.
      if (frame.room_id === selected.value && frame.seq > last) {
        const item = outbox?.items().find(({ id }) => id === frame.id);
        if (item) landing.value = [...landing.value, item];
      }
      outbox?.acked(frame.id);
      break;
    }
    case "error":
      refused(frame);
      break;
    case "ping":
      return;
    default:
      if (frame.room_id === selected.value) receiveInRoom(frame);
  }
  stir();
}

type RoomFrame = Extract<
  AgentServerFrame,
  { type: "joined" | "messages" | "message" | "read" | "typing" | "room" | "history" }
>;

function receiveInRoom(frame: RoomFrame) {
  const log = logs.get(frame.room_id);
  if (!log) return;
  switch (frame.type) {
    case "joined":
      if (!frame.recovered) log.messages = [];
      log.epoch = lobby.epoch;
      room.value = frame.room;
      joining.joined(frame.room_id);
      if (!trouble.value?.final) trouble.value = undefined;
      take(log, frame.messages);
      break;
    case "messages":
      take(log, frame.messages);
      break;
    case "message":
      take(log, [frame.message]);
      typing(frame.message.sender_name, frame.message.sender_type === "customer", 0);
      break;
    case "read":
      log.markRead(frame.reader, frame.seq);
      break;
    case "typing":
      typing(frame.sender_name, frame.sender_type === "customer", frame.expires_in_ms);
      break;
    case "room":
      room.value = frame.room;
      break;
    case "history":
      asked = false;
      log.addOlder(frame.messages);
      break;
  }
  messages.value = [...log.messages];
  const wanted = target.value;
  if (wanted && (log.messages[0]?.seq ?? 0) > wanted) older(200);
}

function take(log: MessageLog, fresh: Message[]) {
  // A hole is filled by joining again from what we have.
  if (!log.addNewer(fresh) && selected.value) joining.join(selected.value);
  for (const { id } of fresh) outbox?.acked(id);
  const here = new Set(fresh.map(({ id }) => id));
  landing.value = landing.value.filter(({ id }) => !here.has(id));
}

function refused(frame: Extract<AgentServerFrame, { type: "error" }>) {
  const { id, room_id, code, message, retryable, retry_after_ms } = frame;
  asked = false;
  // A frame that could not be read has no id, and may have been a message.
  if (id || code === "bad_frame") outbox?.refused(id, message, retryable, retry_after_ms);
  else if (room_id && retryable) joining.refused(room_id, retry_after_ms);
  if (code === "storage_unavailable") {
    trouble.value = {
      words: "The server cannot write to its disk. It keeps trying.",
      final: false,
    };
  } else if (code === "busy") {
    trouble.value = { words: "The server is very busy. It keeps trying.", final: false };
  } else if (!id) tell(message);
}

function takeSummaries(summaries: Summary[], cursor: string) {
  for (const fresh of summaries) {
    const { before, taken } = lobby.take(fresh);
    const isLive = state.value === "connected" || before;
    if (taken && isLive && rings(before, fresh, looking())) {
      ringFor(fresh, () => open(fresh.id));
    }
  }
  lobby.cursor = cursor;
}

/** The conversation that the agent really has before their eyes, as it is now. */
const looking = () =>
  document.visibilityState === "visible" && !stale.value ? selected.value : undefined;

function caughtUp() {
  outbox?.resume();
}

function typing(name: string, customer: boolean, ms: number) {
  const others = typists.value.filter((one) => one.name !== name || one.customer !== customer);
  const key = `${customer} ${name}`;
  stopTyping.get(key)?.();
  stopTyping.delete(key);
  typists.value = ms ? [...others, { name, customer }] : others;
  if (ms)
    stopTyping.set(
      key,
      clock.after(ms, () => typing(name, customer, 0)),
    );
}

function ask(id: string) {
  const log = logs.get(id);
  connection?.send({
    type: "join",
    room_id: id,
    ...(log?.epoch && log.epoch === lobby.epoch && log.lastSeq
      ? { epoch: log.epoch, after: log.lastSeq }
      : { tail: PAGE }),
  });
}

/** Opens a conversation; `seq` is a message to go to. */
export function open(id: string, seq?: number) {
  batch(() => {
    target.value = seq;
    if (selected.value === id) return;
    leave();
    selected.value = id;
    let log = logs.get(id);
    logs.delete(id);
    log ??= new MessageLog();
    logs.set(id, log);
    if (logs.size > KEPT_LOGS) logs.delete(logs.keys().next().value as string);
    messages.value = log.messages;
    room.value = lobby.rooms.get(id);
    joining.join(id);
  });
  const log = logs.get(id);
  if (seq && log?.messages.length && log.messages[0]!.seq > seq) older(200);
}

/** Closes the view of the conversation; the conversation itself goes on. */
export function leave() {
  if (selected.value) connection?.send({ type: "leave", room_id: selected.value });
  joining.leave();
  landing.value = [];
  selected.value = room.value = undefined;
  messages.value = [];
  typists.value = [];
  asked = false;
  readUpTo = 0;
}

/** Asks for what was before. */
export function older(limit = PAGE) {
  const id = selected.value;
  const log = id && logs.get(id);
  if (!log || asked || !log.hasOlder) return;
  asked = !!connection?.send({ type: "history", room_id: id, before: log.messages[0]!.seq, limit });
}

/** Keeps a reply and sends it. */
export function post(content: string) {
  if (selected.value) outbox?.add(selected.value, content);
  typedAt = Number.NEGATIVE_INFINITY;
}

/** Takes back what the server refused; answers its text. */
export const takeBack = (id: string) => outbox?.discard(id) ?? "";

/** The agent is typing. */
export function type() {
  if (!selected.value || clock.now() - typedAt < TYPING_MS) return;
  if (connection?.send({ type: "typing", room_id: selected.value })) typedAt = clock.now();
}

/** The agent has seen the newest message. */
export function look() {
  const id = looking();
  const seq = messages.value.at(-1)?.seq ?? 0;
  const unread = (summary.value?.unread_count ?? 0) > 0 && seq > (room.value?.admin_read_seq ?? 0);
  if (!id || !unread || seq <= readUpTo) return;
  if (connection?.send({ type: "read", room_id: id, seq })) readUpTo = seq;
}

/** Closes or reopens the conversation for both sides. */
export function setStatus(status: "active" | "closed") {
  const id = selected.value;
  if (id && !connection?.send({ type: "status", room_id: id, status })) {
    tell("Offline. Please try again when you are connected.");
  }
}

/** Changes the customer's details, or blocks them. Throws what the server refuses. */
export async function change(id: string, what: object) {
  const { summary } = await call<{ summary: Summary }>("PATCH", `rooms/${id}/`, what);
  lobby.take(summary);
  stir();
}

/** Fetches the next conversations of a list that the socket did not bring. */
const pages = new Map<string, string | null>();
let fetching = false;

export async function moreConversations() {
  const status = filter.value === "open" ? "active" : filter.value;
  const have = lobby.list(status).length;
  const key = `${lobby.epoch}:${status}`;
  const cursor = pages.get(key);
  if (fetching || cursor === null || have >= lobby.counts[status]) return;
  fetching = true;
  const order = status === "waiting" ? "waiting" : "activity";
  const query = `status=${status}&order=${order}&limit=200${cursor ? `&cursor=${cursor}` : ""}`;
  await attempt(async () => {
    const page = await call<{ results: Summary[]; next: string | null }>("GET", `rooms/?${query}`);
    for (const each of page.results) lobby.take(each);
    pages.set(key, page.next);
    stir();
  });
  fetching = false;
}

/** A conversation that a search found. */
export type Hit = Summary & { match?: { seq: number | null; snippet: string } };

export async function search(words: string): Promise<{ results: Hit[]; truncated?: boolean }> {
  const found = await call<{ results: Hit[]; truncated?: boolean }>(
    "GET",
    `rooms/?limit=50&q=${encodeURIComponent(words.toWellFormed())}`,
  );
  for (const { match, ...hit } of found.results) lobby.take(hit);
  stir();
  return found;
}

addEventListener("storage", ({ key }) => outbox?.storageChanged(key));
