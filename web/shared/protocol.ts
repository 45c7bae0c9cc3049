// Generated from the server's types by `make types`; do not edit.

/** RFC 3339 in UTC with milliseconds. For people to read; nothing is ordered or resumed by it. */
export type Timestamp = string;

/** The state of a conversation. */
export type Status = "waiting" | "active" | "closed";

/** The two sides of a conversation. All agents together are one side. */
export type Side = "customer" | "admin";

/** Who wrote a message. */
export type SenderType = "customer" | "admin" | "system";

/** What a `system` message records. The front ends translate it; `content` is in English. */
export type SystemEvent = "closed" | "reopened";

/** What an agent may do beyond answering customers. */
export type Role = "agent" | "admin";

/** Why a request or a frame was refused. HTTP and sockets use the same codes. */
export type ErrorCode = "bad_frame" | "invalid" | "unauthorized" | "bad_credentials" | "forbidden" | "not_found" | "method_not_allowed" | "conflict" | "gone" | "too_large" | "unsupported_media_type" | "rate_limited" | "internal" | "busy" | "storage_unavailable" | "draining";

/** A conversation as both sides may see it. */
export type Room = {
  /** The room's id. */
  id: string;
  /** The state of the conversation. */
  status: Status;
  /** The customer's name, when known. */
  customer_name: string | null;
  /** The customer's e-mail address, when known. */
  customer_email: string | null;
  /** The customer's phone number, when known. */
  customer_phone: string | null;
  /** The signed identity's `sub`; null for an anonymous visitor. */
  user: string | null;
  /** The page that the chat was opened on. */
  page_url: string | null;
  /** When the room was made. */
  created_at: Timestamp;
  /** When the room last changed in any way. */
  updated_at: Timestamp;
  /** When the newest message was committed. */
  last_message_at: Timestamp | null;
  /** The newest message's seq; 0 while there is none. */
  last_seq: number;
  /** How far the customer has read. */
  customer_read_seq: number;
  /** How far the agents have read. */
  admin_read_seq: number;
};

/** One entry of a room's log. */
export type Message = {
  /** The id it was posted with. */
  id: string;
  /** The room whose log it stands in. */
  room_id: string;
  /** Its place in the room: 1, 2, 3, … without a gap. */
  seq: number;
  /** Which side wrote it. */
  sender_type: SenderType;
  /** The name to show beside it. */
  sender_name: string;
  /** The text, as sent. Text only, never markup. */
  content: string;
  /** Set on `system` messages alone. */
  event: SystemEvent | null;
  /**
   * Whether the other side's read mark has reached it (for a `system`
   * message, the customer's).
   */
  is_read: boolean;
  /** When it was committed. */
  created_at: Timestamp;
};

/** The newest message of a room as a summary shows it. */
export type LastMessage = {
  /** Its place in the room. */
  seq: number;
  /** Which side wrote it. */
  sender_type: SenderType;
  /** The name to show beside it. */
  sender_name: string;
  /** The first 200 characters. */
  content: string;
  /** When it was committed. */
  created_at: Timestamp;
};

/** A room as the console lists it: state, not a delta. The higher `version` wins. */
export type Summary = {
  /** The newest message. */
  last_message: LastMessage | null;
  /** Customer messages past the agents' read mark. */
  unread_count: number;
  /** Since when the customer has waited for an answer. */
  waiting_since: Timestamp | null;
  /** Whether the visitor has the chat open. */
  customer_online: boolean;
  /** Whether the visitor is kept from posting. */
  blocked: boolean;
  /** How often the room has changed. */
  version: number;
  /** The room's id. */
  id: string;
  /** The state of the conversation. */
  status: Status;
  /** The customer's name, when known. */
  customer_name: string | null;
  /** The customer's e-mail address, when known. */
  customer_email: string | null;
  /** The customer's phone number, when known. */
  customer_phone: string | null;
  /** The signed identity's `sub`; null for an anonymous visitor. */
  user: string | null;
  /** The page that the chat was opened on. */
  page_url: string | null;
  /** When the room was made. */
  created_at: Timestamp;
  /** When the room last changed in any way. */
  updated_at: Timestamp;
  /** When the newest message was committed. */
  last_message_at: Timestamp | null;
  /** The newest message's seq; 0 while there is none. */
  last_seq: number;
  /** How far the customer has read. */
  customer_read_seq: number;
  /** How far the agents have read. */
  admin_read_seq: number;
};

/** How many listed rooms have each status. */
export type Counts = {
  /** Rooms waiting for the shop. */
  waiting: number;
  /** Rooms answered or newly opened. */
  active: number;
  /** Rooms ended. */
  closed: number;
};

/** A person of the shop who answers. */
export type Agent = {
  /** Stays when the names change. */
  id: string;
  /** The name to sign in with; customers never see it. */
  username: string;
  /** The name that customers see. */
  display_name: string;
  /** What the agent may do. */
  role: Role;
  /** A disabled agent has no sessions and cannot sign in. */
  disabled: boolean;
  /** When the account was made. */
  created_at: Timestamp;
};

/** What a visitor may send. */
export type VisitorClientFrame =
  | { type: "hello", token?: string, epoch?: string, after?: number, tail?: number }
  | { type: "post", id: string, content: string }
  | { type: "read", seq: number }
  | { type: "typing" }
  | { type: "history", before: number, limit?: number }
  | { type: "close" }
  | { type: "pong" };

/** What an agent may send. */
export type AgentClientFrame =
  | { type: "hello", token?: string, epoch?: string, cursor?: string }
  | { type: "join", room_id: string, epoch?: string, after?: number, tail?: number }
  | { type: "leave", room_id: string }
  | { type: "post", room_id: string, id: string, content: string }
  | { type: "read", room_id: string, seq: number }
  | { type: "typing", room_id: string }
  | { type: "history", room_id: string, before: number, limit?: number }
  | { type: "status", room_id: string, status: Status }
  | { type: "pong" };

/** Answers a visitor's hello. */
export type VisitorWelcome = {
  type: "welcome";
  /** The version of the protocol, 1. */
  protocol: number;
  /** The database's epoch. */
  epoch: string;
  /** The room of this socket. */
  room_id: string;
  /** Its state. */
  room: Room;
  /** The first page. */
  messages: Array<Message>;
  /** Whether the log goes on exactly where the client asked. */
  recovered: boolean;
  /** Whether `messages` frames follow. */
  more: boolean;
  /** Whether any agent is there. */
  agents_online: boolean;
  /** How often pings come, on average. */
  ping_interval_ms: number;
  /** Characters of a message's content. */
  max_content: number;
  /** Spread the first reconnect over this time. */
  reconnect_window_ms: number;
};

/** Answers an agent's hello. */
export type AgentWelcome = {
  type: "welcome";
  /** The version of the protocol, 1. */
  protocol: number;
  /** Who signed in. */
  agent: Agent;
  /** The database's epoch. */
  epoch: string;
  /** How far this frame brings the console. */
  cursor: string;
  /** Whether the summaries are only what changed since the client's cursor. */
  recovered: boolean;
  /** The first rooms. */
  summaries: Array<Summary>;
  /** Whether `summaries` frames follow. */
  more: boolean;
  /** How many rooms have each status. */
  counts: Counts;
  /** The rooms whose visitor is there. */
  online: Array<string>;
  /** How often pings come, on average. */
  ping_interval_ms: number;
  /** Characters of a message's content. */
  max_content: number;
  /** Spread the first reconnect over this time. */
  reconnect_window_ms: number;
};

/** Answers an agent's join. */
export type Joined = {
  type: "joined";
  /** The room that was joined. */
  room_id: string;
  /** Its state. */
  room: Room;
  /** The first page. */
  messages: Array<Message>;
  /** Whether the log goes on exactly where the client asked. */
  recovered: boolean;
  /** Whether `messages` frames follow. */
  more: boolean;
};

/** Asks for a sign of life. */
export type Ping = {
  type: "ping";
  /** A visitor's room's newest seq; an agent's ping has none. */
  last_seq?: number;
};

/** Refuses a frame. */
export type ErrorFrame = {
  type: "error";
  /** The `id` of the refused frame. */
  id?: string;
  /** The room that it is about. */
  room_id?: string;
  /** The stable word. */
  code: ErrorCode;
  /** What is wrong and what to do, for people. */
  message: string;
  /** Whether the same frame may be sent again. */
  retryable: boolean;
  /** How long to wait before that. */
  retry_after_ms?: number;
};

/**
 * What the server sends on a socket; `welcome`, `joined`, `ping` and `error` have types of
 * their own.
 */
export type ServerFrame =
  | { type: "message", room_id: string, message: Message }
  | { type: "messages", room_id: string, messages: Array<Message>, more: boolean }
  | { type: "ack", room_id: string, id: string, seq: number, created_at: Timestamp, duplicate: boolean }
  | { type: "read", room_id: string, reader: Side, seq: number }
  | { type: "typing", room_id: string, sender_type: SenderType, sender_name: string, expires_in_ms: number }
  | { type: "presence", agents_online: boolean }
  | { type: "room", room_id: string, room: Room }
  | { type: "history", room_id: string, messages: Array<Message>, more: boolean }
  | { type: "summary", cursor: string, summary: Summary }
  | { type: "summaries", cursor: string, summaries: Array<Summary>, more: boolean }
  | { type: "removed", cursor: string, room_id: string }
  | { type: "counts", counts: Counts }
  | { type: "online", room_id: string, customer_online: boolean }
  | { type: "going_away", reconnect_within_ms: number };

/** What the server sends to a visitor. */
export type VisitorServerFrame =
  | VisitorWelcome
  | Ping
  | ErrorFrame
  | Exclude<ServerFrame, { type: "summary" | "summaries" | "removed" | "counts" | "online" }>;

/** What the server sends to an agent. */
export type AgentServerFrame =
  | AgentWelcome
  | Joined
  | Ping
  | ErrorFrame
  | Exclude<ServerFrame, { type: "presence" }>;

/** One field that is wrong. */
export type FieldError = {
  /** The field as the caller named it. */
  field: string;
  /** What is wrong and what would be right. */
  message: string;
};

/** An error (RFC 9457). */
export type Problem = {
  /** `/problems/` and the code. */
  type: string;
  /** The code for people. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** The stable code for programs. */
  code: ErrorCode;
  /** What is wrong and what to do. */
  detail: string;
  /** The invalid fields. */
  errors?: Array<FieldError>;
};

/** What is known about the visitor. Every field is optional; empty means absent. */
export type OpenRequest = {
  /** At most 100 characters. */
  customer_name?: string;
  /** At most 254 characters. */
  customer_email?: string;
  /** At most 40 characters. */
  customer_phone?: string;
  /** A JWT (HS256) signed by the shop's back end. */
  identity?: string;
  /** The page on which the chat was opened; at most 2,000 characters. */
  page_url?: string;
};

/** A room and, if it was issued, the visitor's token. */
export type OpenAnswer = {
  room: Room;
  /** The database's epoch. */
  epoch: string;
  /** A new token, with every new room and every valid identity. It is returned only here. */
  token?: string;
};

/** A room of the visitor. */
export type RoomAnswer = {
  room: Room;
  /** The database's epoch. */
  epoch: string;
};

/** A page of the visitor's rooms. */
export type RoomList = {
  results: Array<Room>;
  /** The `cursor` of the next page. */
  next: string | null;
};

/** A room after a change. */
export type ChangedRoom = { room: Room };

/** A message to post. */
export type PostRequest = {
  /** Chosen by the sender; posting it again is safe. */
  id: string;
  /** 1 to 8,000 characters, not blank, without NUL. */
  content: string;
};

/** A message that is on disk. */
export type PostAnswer = { message: Message };

/** How far a side has read. */
export type ReadMark = {
  /** A seq of the room. */
  seq: number;
};

/** A page of a room's messages, in seq order. */
export type MessageList = {
  results: Array<Message>;
  /** Where the next page begins, for the parameter that was used; `before` when none was. */
  next: number | null;
};

/** Credentials of an agent. */
export type LoginRequest = { username: string, password: string };

/** The first admin. */
export type SetupRequest = {
  /** The part of the setup link after the `#`. */
  code: string;
  /** 1 to 100 characters. */
  username: string;
  /** 8 to 1,024 bytes. */
  password: string;
};

/** Which sessions to end. */
export type LogoutRequest = {
  /** End all sessions of this agent, not only this one. */
  everywhere?: boolean;
};

/** A new session. */
export type SessionAnswer = {
  /** For `Authorization: Bearer`. Browsers use the cookie. */
  token: string;
  agent: Agent;
};

/** What agents may change about themselves. */
export type MePatch = {
  /** 1 to 100 characters; customers see it. */
  display_name?: string;
  /** 8 to 1,024 bytes. Ends the agent's other sessions. */
  password?: string;
  /** Required to change the password. */
  current_password?: string;
};

/** Where a room matches a search. */
export type SearchMatch = {
  /** The newest message that matches; null if the customer's details match. */
  seq: number | null;
  /** The text around the match, plain. */
  snippet: string;
};

/** A room; with `q` also where it matches. */
export type FoundSummary = {
  match?: SearchMatch;
  /** The newest message. */
  last_message: LastMessage | null;
  /** Customer messages past the agents' read mark. */
  unread_count: number;
  /** Since when the customer has waited for an answer. */
  waiting_since: Timestamp | null;
  /** Whether the visitor has the chat open. */
  customer_online: boolean;
  /** Whether the visitor is kept from posting. */
  blocked: boolean;
  /** How often the room has changed. */
  version: number;
  /** The room's id. */
  id: string;
  /** The state of the conversation. */
  status: Status;
  /** The customer's name, when known. */
  customer_name: string | null;
  /** The customer's e-mail address, when known. */
  customer_email: string | null;
  /** The customer's phone number, when known. */
  customer_phone: string | null;
  /** The signed identity's `sub`; null for an anonymous visitor. */
  user: string | null;
  /** The page that the chat was opened on. */
  page_url: string | null;
  /** When the room was made. */
  created_at: Timestamp;
  /** When the room last changed in any way. */
  updated_at: Timestamp;
  /** When the newest message was committed. */
  last_message_at: Timestamp | null;
  /** The newest message's seq; 0 while there is none. */
  last_seq: number;
  /** How far the customer has read. */
  customer_read_seq: number;
  /** How far the agents have read. */
  admin_read_seq: number;
};

/** A page of rooms. */
export type SummaryList = {
  results: Array<FoundSummary>;
  /** The `cursor` of the next page. */
  next: string | null;
  /** How many rooms have each status. */
  counts: Counts;
  /** With `q` only: whether the search stopped at its limit, so that there may be more matches. */
  truncated?: boolean;
};

/** One room. */
export type SummaryAnswer = { summary: Summary };

/** A change of a room. A detail that is null or empty is removed. */
export type RoomChange = {
  /** `active` or `closed`. */
  status?: Status;
  /** At most 100 characters. */
  customer_name?: string | null;
  /** At most 254 characters. */
  customer_email?: string | null;
  /** At most 40 characters. */
  customer_phone?: string | null;
  /** Keep this visitor from posting, in all their rooms. */
  blocked?: boolean;
};

/** A new agent. */
export type AgentRequest = {
  /** 1 to 100 characters; unique, ignoring case. */
  username: string;
  /** 8 to 1,024 bytes. */
  password: string;
  /** Shown to customers; default: the user name. */
  display_name?: string;
  /** Default: `agent`. */
  role?: Role;
};

/** A change of an agent. */
export type AgentChange = {
  /** 8 to 1,024 bytes. Ends the agent's sessions. */
  password?: string;
  /** 1 to 100 characters. */
  display_name?: string;
  role?: Role;
  /** A disabled agent cannot sign in; their sessions end. */
  disabled?: boolean;
};

/** All agents. */
export type AgentList = {
  results: Array<Agent>;
  /** Always null: there is only one page. */
  next: string | null;
};

/** One agent. */
export type AgentAnswer = { agent: Agent };

/** Why the server closes a socket. From 4500 on a client must not reconnect. */
export const CloseCode = {
  Draining: 4001,
  OutboxFull: 4008,
  NoPong: 4009,
  ResyncWanted: 4010,
  Flood: 4013,
  TokenRefused: 4500,
  NotThisProtocol: 4501,
  NoHello: 4502,
  TooManySockets: 4504,
  NotAllowed: 4505,
  NoSuchRoom: 4506,
  FrameTooLarge: 1009,
  BadFraming: 1002,
  BadUtf8: 1007,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];
