// Generated from the server's types by `make types`; do not edit.

/** RFC 3339 in UTC with milliseconds. For people to read; nothing is ordered or resumed by it. */
export type Timestamp = string;

/** Any JSON object. */
export type JsonObject = { [key: string]: unknown };

/** The state of a conversation. */
export type Status = "waiting" | "active" | "closed";

/** The two sides of a conversation. All agents together are one side. */
export type Side = "customer" | "admin";

/** Who wrote a message. */
export type SenderType = "customer" | "admin" | "system";

/** What a `system` message records. The front ends translate it; `content` is in English. */
export type SystemEvent = "closed" | "reopened";

/** How a message came in, if not through the chat. */
export type Via = "mail";

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
  /** The customer's email address, when known. */
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
  /** The room whose log it is in. */
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
  /** Whether its text was removed for good; `content` is empty then. Absent otherwise. */
  redacted?: boolean;
  /** How it came in, if not through the chat. Absent otherwise. */
  via?: Via;
  /** Which agent wrote it, where that is known. Agents alone get it. */
  agent_id?: string | null;
  /** When it was committed. */
  created_at: Timestamp;
};

/**
 * Words among agents about a conversation. Notes have an order of their own in their room, and no
 * visitor ever gets one.
 */
export type Note = {
  /** The id it was written with. */
  id: string;
  /** The room that it is about. */
  room_id: string;
  /** Its place among the notes of the room: 1, 2, 3, … without a gap. */
  no: number;
  /** The seq of the newest message when it was written; 0 before any. */
  after_seq: number;
  /** Which agent wrote it, or which API token. */
  agent_id: string;
  /** The name of who wrote it, at that time. */
  agent_name: string;
  /** The text, as sent. Text only, never markup. */
  content: string;
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

/** The agent who answers a room, as other agents see them. */
export type Assignee = {
  /** Which agent. */
  id: string;
  /** The name as it is now. */
  display_name: string;
};

/** A word that agents put on rooms. */
export type Tag = {
  /** Stays when the name changes. */
  id: string;
  /** At most 40 characters; unique without case. */
  name: string;
  /** `#` and six hexadecimal digits. */
  color: string;
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
  /** Who answers. */
  assignee: Assignee | null;
  /** Its tags, by name. */
  tags: Array<Tag>;
  /** Whether it is outside of lists and counts, and rings nobody. */
  spam: boolean;
  /** Until when it is put off, unless the customer writes before. */
  snoozed_until: Timestamp | null;
  /** How often the room has changed. */
  version: number;
  /** The room's id. */
  id: string;
  /** The state of the conversation. */
  status: Status;
  /** The customer's name, when known. */
  customer_name: string | null;
  /** The customer's email address, when known. */
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

/**
 * A suggestion for an agent's next message. A room has one at most, and no visitor ever gets it. It is
 * stale once the room has a message past `after_seq`.
 */
export type Suggestion = {
  /** The room's newest message when it was made. */
  after_seq: number;
  /** The text. */
  content: string;
  /** Who or what made it, as agents see it. */
  by: string;
  /** When it was stored. */
  created_at: Timestamp;
};

/** A page of the shop that a visitor was on. No visitor ever gets it back. */
export type PageVisit = {
  /** Its address, without query and fragment. */
  url: string;
  /** When the visitor came there. */
  at: Timestamp;
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
  /** Whether the agent is rung when a customer waits. */
  on_duty: boolean;
  /** When the account was made. */
  created_at: Timestamp;
};

/** What a visitor may send. */
export type VisitorClientFrame =
  | { type: "hello", token?: string, epoch?: string, after?: number, tail?: number, locale?: string }
  | { type: "post", id: string, content: string }
  | { type: "read", seq: number }
  | { type: "typing" }
  | { type: "history", before: number, limit?: number }
  | { type: "page", url: string }
  | { type: "close" }
  | { type: "pong" };

/** What an agent may send. */
export type AgentClientFrame =
  | { type: "hello", token?: string, epoch?: string, cursor?: string }
  | { type: "join", room_id: string, epoch?: string, after?: number, tail?: number, after_note?: number }
  | { type: "leave", room_id: string }
  | { type: "post", room_id: string, id: string, content: string }
  | { type: "note", room_id: string, id: string, content: string }
  | { type: "read", room_id: string, seq: number }
  | { type: "typing", room_id: string }
  | { type: "history", room_id: string, before: number, limit?: number }
  | { type: "status", room_id: string, status: Status }
  | { type: "assign", room_id: string, assignee: string | null, expect_assignee?: string | null }
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
  /** After a resume: the seqs up to `after` of messages whose text was removed. */
  redacted?: Array<number>;
  /** Whether any agent is there. */
  agents_online: boolean;
  /** Whether the shop is open, by its hours. */
  open: boolean;
  /** When it opens again, if it is closed and that is known. */
  back_at: Timestamp | null;
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
  /** After a resume: the seqs up to `after` of messages whose text was removed. */
  redacted?: Array<number>;
  /**
   * The notes after `after_note`; without it, or if the log was not recovered, those from the
   * page's first message on.
   */
  notes: Array<Note>;
  /** The number of the newest note; 0 without any. */
  last_note: number;
  /** Whether more of these notes follow, in `note` frames. */
  notes_more: boolean;
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
 * their own, and what no visitor may see is in [`FrameForAgents`].
 */
export type ServerFrame =
  | { type: "message", room_id: string, message: Message }
  | { type: "messages", room_id: string, messages: Array<Message>, more: boolean }
  | { type: "ack", room_id: string, id: string, seq: number, created_at: Timestamp, duplicate: boolean }
  | { type: "read", room_id: string, reader: Side, seq: number }
  | { type: "redacted", room_id: string, seq: number }
  | { type: "draft", room_id: string, draft: Suggestion | null }
  | { type: "page", room_id: string, page: PageVisit }
  | { type: "typing", room_id: string, sender_type: SenderType, sender_name: string, expires_in_ms: number }
  | { type: "presence", agents_online: boolean, open: boolean, back_at: Timestamp | null }
  | { type: "room", room_id: string, room: Room }
  | { type: "history", room_id: string, messages: Array<Message>, more: boolean }
  | { type: "summary", cursor: string, summary: Summary }
  | { type: "summaries", cursor: string, summaries: Array<Summary>, more: boolean }
  | { type: "removed", cursor: string, room_id: string }
  | { type: "counts", counts: Counts }
  | { type: "online", room_id: string, customer_online: boolean }
  | { type: "viewers", room_id: string, agents: Array<string> }
  | { type: "going_away", reconnect_within_ms: number };

/** What the server sends to agents beside the frames of [`ServerFrame`](super::ServerFrame). */
export type FrameForAgents =
  | { type: "message", room_id: string, message: Message }
  | { type: "messages", room_id: string, messages: Array<Message>, more: boolean }
  | { type: "history", room_id: string, messages: Array<Message>, more: boolean, notes: Array<Note>, notes_more: boolean }
  | { type: "note", room_id: string, note: Note }
  | { type: "noted", room_id: string, id: string, no: number, duplicate: boolean };

/** What the server sends to a visitor. */
export type VisitorServerFrame =
  | VisitorWelcome
  | Ping
  | ErrorFrame
  | Exclude<ServerFrame, { type: "summary" | "summaries" | "removed" | "counts" | "online" | "viewers" | "draft" | "page" }>;

/** What the server sends to an agent. */
export type AgentServerFrame =
  | AgentWelcome
  | Joined
  | Ping
  | ErrorFrame
  | FrameForAgents
  | Exclude<ServerFrame, { type: "presence" | "message" | "messages" | "history" }>;

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
  /** The room as it is now, when somebody else has changed it first. */
  summary?: Summary;
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
  /** Whether the shop is open, by its hours. */
  open: boolean;
  /** When it opens again, if it is closed and that is known. */
  back_at: Timestamp | null;
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

/** A note that is on disk. */
export type NoteAnswer = { note: Note };

/** A page of a room's notes, in the order of their numbers. */
export type NoteList = {
  results: Array<Note>;
  /** Where the next page begins, for `after`. */
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
  /** Whether this agent is rung when a customer waits. */
  on_duty?: boolean;
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
  /** Who answers. */
  assignee: Assignee | null;
  /** Its tags, by name. */
  tags: Array<Tag>;
  /** Whether it is outside of lists and counts, and rings nobody. */
  spam: boolean;
  /** Until when it is put off, unless the customer writes before. */
  snoozed_until: Timestamp | null;
  /** How often the room has changed. */
  version: number;
  /** The room's id. */
  id: string;
  /** The state of the conversation. */
  status: Status;
  /** The customer's name, when known. */
  customer_name: string | null;
  /** The customer's email address, when known. */
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

/** How many rooms there are that are no spam. */
export type ListCounts = {
  /** Open ones of this agent. */
  mine: number;
  /** Open ones of nobody. */
  unassigned: number;
  /** Rooms waiting for the shop. */
  waiting: number;
  /** Rooms answered or newly opened. */
  active: number;
  /** Rooms ended. */
  closed: number;
};

/** A page of rooms. */
export type SummaryList = {
  results: Array<FoundSummary>;
  /** The `cursor` of the next page. */
  next: string | null;
  /** How many rooms have each status. */
  counts: ListCounts;
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
  /** Block until this time; null: without an end. */
  blocked_until?: Timestamp | null;
  /** The agent who answers from now on; null: nobody. */
  assignee?: string | null;
  /** The agent who has to be the assignee until now; null: nobody. */
  expect_assignee?: string | null;
  /** All its tags from now on, at most 20. */
  tags?: Array<string>;
  /** Spam is outside of lists and counts, and rings nobody. */
  spam?: boolean;
  /** Put off until this time or the customer's next message; null: no longer. */
  snoozed_until?: Timestamp | null;
};

/** What is known of a room's visitor. */
export type VisitorAnswer = {
  /** Their other conversations, the newest first; at most 50. */
  rooms: Array<Summary>;
  /** When they were first seen. */
  first_visit_at: Timestamp;
  /** When they were last seen: at a page, or when they wrote or began a conversation. */
  last_visit_at: Timestamp;
  /** The pages of the shop during this conversation, the newest first; at most 20. */
  pages: Array<PageVisit>;
  /** What the shop has signed about them, in `attributes` of their identity; null if nothing. */
  attributes: JsonObject | null;
  /** Why the attributes that the shop has signed were dropped; null if they were not. */
  attributes_problem: string | null;
};

/** A card: something that the shop's server says about a customer, as text. */
export type Card = {
  /** 1 to 100 characters. */
  title: string;
  /** At most 10 lines of 1 to 200 characters. */
  lines: Array<string>;
  /** An http or https URL where agents see more. */
  link: string | null;
};

/** The shop's cards about a customer, or why there are none. */
export type CardsAnswer = {
  /** Null when the shop has no server for them (`cards.url`), or when it failed. */
  cards: Array<Card> | null;
  /** Why it failed, and what to do; null when it did not. */
  problem: string | null;
};

/** A suggestion. */
export type DraftRequest = {
  /** The room's newest message that it takes into account. */
  after_seq: number;
  /** 1 to 8,000 characters, not blank, without NUL. */
  content: string;
  /** Who or what made it, as agents see it: at most 100 characters. Default: the caller's name. */
  by?: string;
};

/** The room's suggestion. */
export type DraftAnswer = { draft: Suggestion };

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

/** A page of the agents. */
export type AgentList = {
  results: Array<Agent>;
  /** For `cursor`. */
  next: string | null;
};

/** One agent. */
export type AgentAnswer = { agent: Agent };

/** An answer that agents have ready. It is a draft when it is inserted, never a message. */
export type CannedReply = {
  /** Its id. */
  id: string;
  /** What an agent types after `/`: no blanks, no slash. */
  shortcut: string;
  /** What it is about; may be empty. */
  title: string;
  /** The text, with `{{customer_name|there}}`, `{{agent_name}}` and `{{hours}}` to be filled in. */
  content: string;
  /** Whether all agents have it. */
  shared: boolean;
};

/** A new canned reply. */
export type ReplyRequest = {
  /** 1 to 50 characters without blanks, compared without case. */
  shortcut: string;
  /** At most 100 characters. */
  title?: string;
  /** 1 to 8,000 characters. */
  content: string;
  /** Whether all agents get it (admins only); default: false. */
  shared?: boolean;
};

/** A change of a canned reply. What is left out stays. */
export type ReplyChange = {
  /** 1 to 50 characters without blanks, compared without case. */
  shortcut?: string;
  /** At most 100 characters. */
  title?: string;
  /** 1 to 8,000 characters. */
  content?: string;
  /** Whether all agents get it (admins only). */
  shared?: boolean;
};

/** One canned reply. */
export type ReplyAnswer = { reply: CannedReply };

/** A page of the canned replies of an agent. */
export type ReplyList = {
  results: Array<CannedReply>;
  /** For `cursor`. */
  next: string | null;
  /** What `{{hours}}` in a reply stands for: the shop's hours of each week. Empty: always open. */
  hours: Array<Interval>;
};

/** What a customer thinks of a conversation. There is one for each time it was closed. */
export type Rating = {
  /** The seq of the `system` message that records the closing. */
  closing: number;
  /** 1 (bad) to 5 (good). */
  score: number;
  /** The customer's words. */
  comment: string | null;
  /** When it was given first. */
  created_at: Timestamp;
  /** When it was changed last; `created_at` if it never was. */
  changed_at: Timestamp;
};

/** A visitor's rating. */
export type RatingRequest = {
  /** 1 (bad) to 5 (good). */
  score: number;
  /** At most 1,000 characters. */
  comment?: string;
};

/** A rating as it is now. */
export type RatingAnswer = { rating: Rating };

/** A page of the ratings of a room. */
export type RatingList = {
  results: Array<Rating>;
  /** For `cursor`. */
  next: string | null;
};

/** What a token may do. Each call that takes tokens needs one of these. */
export type Right = "rooms:read" | "messages:write" | "notes:write" | "drafts:write" | "reports:read" | "export";

/** A token with which a program of the shop makes calls. */
export type ApiToken = {
  /** Names it, also in the audit. */
  id: string;
  /** What writes with it; customers see this name beside its messages, agents also beside its notes. */
  name: string;
  /** What it may do. */
  rights: Array<Right>;
  /** The admin who made it. */
  created_by: string;
  /** When it was made. */
  created_at: Timestamp;
  /** When it ends by itself; null: never. */
  expires_at: Timestamp | null;
  /** When it was last used, to the hour; null: not yet. */
  last_used_at: Timestamp | null;
};

/** A new token. */
export type ApiTokenRequest = {
  /** 1 to 100 characters; customers see it beside the messages that are posted with the token. */
  name: string;
  /** What it may do; at least one. */
  rights: Array<Right>;
  /** When it ends by itself; null or absent: never. */
  expires_at?: Timestamp;
};

/** Which token ends. */
export type ApiTokenRemoval = {
  /** Its id. */
  id: string;
};

/** A token that was just made. */
export type ApiTokenAnswer = {
  /** The secret, `stk_…`. Only this response has it. */
  token: string;
  /** Names it, also in the audit. */
  id: string;
  /** What writes with it; customers see this name beside its messages, agents also beside its notes. */
  name: string;
  /** What it may do. */
  rights: Array<Right>;
  /** The admin who made it. */
  created_by: string;
  /** When it was made. */
  created_at: Timestamp;
  /** When it ends by itself; null: never. */
  expires_at: Timestamp | null;
  /** When it was last used, to the hour; null: not yet. */
  last_used_at: Timestamp | null;
};

/** A page of the tokens. */
export type ApiTokenList = {
  results: Array<ApiToken>;
  /** For `cursor`. */
  next: string | null;
};

/** A new tag. */
export type TagRequest = {
  /** 1 to 40 characters, compared without case. */
  name: string;
  /** `#` and six hexadecimal digits. */
  color: string;
};

/** A change of a tag. What is left out stays. */
export type TagChange = {
  /** 1 to 40 characters, compared without case. */
  name?: string;
  /** `#` and six hexadecimal digits. */
  color?: string;
};

/** One tag. */
export type TagAnswer = { tag: Tag };

/** A page of the tags. */
export type TagList = {
  results: Array<Tag>;
  /** For `cursor`. */
  next: string | null;
};

/** An agent, as colleagues see them. */
export type Colleague = {
  /** Stays when the name changes. */
  id: string;
  /** By which notes mention the agent, as by the display name. */
  username: string;
  /** The name that customers see. */
  display_name: string;
  /** Whether the agent is rung when a customer waits. */
  on_duty: boolean;
};

/** A page of the agents who can be assigned. */
export type ColleagueList = {
  results: Array<Colleague>;
  /** For `cursor`. */
  next: string | null;
};

/** A visitor who is kept from posting. */
export type Block = {
  /** Their newest room. */
  room_id: string;
  /** The name in it, if there is one. */
  customer_name: string | null;
  /** The signed identity's `sub`; null for an anonymous visitor. */
  user: string | null;
  /** When the block ends by itself; null: never. */
  blocked_until: Timestamp | null;
};

/** A page of the visitors who are kept from posting. */
export type BlockList = {
  results: Array<Block>;
  /** For `cursor`. */
  next: string | null;
};

/** The key that browsers subscribe with. */
export type PushKeyAnswer = {
  /** The `applicationServerKey`, in base64url. */
  key: string;
};

/** The keys of a subscription. */
export type PushSubscriptionKeys = {
  /** The browser's public key: 65 bytes in base64url. */
  p256dh: string;
  /** A secret of the browser: 16 bytes in base64url. */
  auth: string;
};

/**
 * A subscription as the browser's `PushSubscription.toJSON()` has it. Its expiration time is
 * ignored: the push service says when a subscription has ended.
 */
export type PushSubscriptionRequest = {
  /** An https URL of at most 2,000 characters, not at a private address. */
  endpoint: string;
  keys: PushSubscriptionKeys;
  /**
   * The language of the console there, such as `de` or `fr-CA`; what is not a name or somebody's words is
   * in it. English if it is left out or not spoken here.
   */
  language?: string;
};

/** Which subscription is meant. */
export type PushSubscriptionRemoval = {
  /** As it was when it subscribed; the other fields are ignored. */
  endpoint: string;
};

/** A device that rings. */
export type PushDevice = {
  /** Where it is reached. */
  endpoint: string;
  /** When it subscribed. */
  created_at: Timestamp;
  /** Why its push service refused the last message; null if it did not. */
  problem: string | null;
};

/** One device. */
export type PushSubscriptionAnswer = { subscription: PushDevice };

/** A page of the devices of this session. */
export type PushSubscriptionList = {
  results: Array<PushDevice>;
  /** For `cursor`. */
  next: string | null;
};

/** How a test went. */
export type PushTestOutcome = "accepted" | "gone" | "refused" | "failed";

/** How a test went on one device. */
export type PushTestResult = {
  /** The device. */
  endpoint: string;
  /**
   * `accepted`: its push service will deliver it; `gone`: the push service does not know the
   * device any more, and it was removed; `refused`; `failed`.
   */
  outcome: PushTestOutcome;
  /** What was wrong and what to do; null if it was accepted. */
  detail: string | null;
};

/** How a test went on every device of this session. */
export type PushTestAnswer = { results: Array<PushTestResult> };

/** What the rows of a report are. */
export type ReportBy = "day" | "agent" | "tag";

/** How many messages each side wrote. */
export type MessageFigures = {
  /** Customers. */
  customer: number;
  /** Agents. */
  agent: number;
};

/** Durations, in milliseconds. Null without any. */
export type Durations = {
  /** How many there are. */
  count: number;
  /** At least half are not longer. */
  median_ms: number | null;
  /** At least 90 % are not longer. */
  p90_ms: number | null;
  /** The same, counting only the time in which the shop is open. */
  open_median_ms: number | null;
  /** The same for 90 %. */
  open_p90_ms: number | null;
};

/** Ratings. */
export type RatingFigures = {
  /** How many there are. */
  count: number;
  /** Their mean, rounded to hundredths. Null without any. */
  average: number | null;
  /** How many there are of each score, from 1 to 5. */
  scores: number[];
};

/** The figures of a day, an agent, a tag, or of everything. */
export type ReportRow = {
  /** The day, or the id of the agent or tag. Null: of nobody, of nobody known, without a tag. */
  key: string | null;
  /** The name of the agent or tag. */
  name: string | null;
  /** Conversations that began. */
  conversations: number;
  /** Those among them that no agent has answered. */
  unanswered: number;
  /** Messages that were written. */
  messages: MessageFigures;
  /** From the customer's first message to the first answer. */
  first_answer: Durations;
  /** From the first message to the closing. */
  whole: Durations;
  /** What customers thought when conversations were closed. */
  ratings: RatingFigures;
};

/** A report. */
export type Report = {
  /** The first day, `YYYY-MM-DD`. */
  from: string;
  /** The last day. */
  to: string;
  /** The shop's time zone, in which days begin. */
  time_zone: string;
  /** What the rows are. */
  by: ReportBy;
  /**
   * Every day of the range; or agents or tags with something in it, by name. What belongs to
   * nobody is in a row without a key.
   */
  rows: Array<ReportRow>;
  /** Everything once, also what has several tags. */
  total: ReportRow;
};

/** What a job does. */
export type JobKind = "backup" | "export" | "erase" | "rewrite";

/** Whether a job is running, and how it has ended. */
export type JobState = "running" | "done" | "failed" | "cancelled";

/** A job. */
export type Job = {
  /** Its id. */
  id: string;
  /** What it does. */
  kind: JobKind;
  /** Whether it is running, and how it has ended. */
  state: JobState;
  /**
   * Units that are done: pages of a backup, messages of an export, rooms and messages of an
   * erasure.
   */
  done: number;
  /** Units in all; 0 while that is not known. */
  total: number;
  /** For people: its result, or why it failed and what to do. */
  message: string | null;
  /** When it was started. */
  created_at: Timestamp;
};

/** The form of an export. */
export type ExportFormat = "jsonl" | "csv";

/** A job to start. */
export type NewJob = {
  kind: JobKind;
  /** For `export`: one person, as `user:…`, `email:…` or `phone:…`. */
  person?: string;
  /** For `export`: one room. */
  room?: string;
  /** For `export`: `jsonl`, which `shoptalk import` reads, or `csv`. Default: `jsonl`. */
  format?: ExportFormat;
  /** For `erase`: the person, as `user:…`, `email:…` or `phone:…`. */
  who?: string;
  /** For `erase`: only report what would be erased. */
  dry_run?: boolean;
};

/** One job. */
export type JobAnswer = { job: Job };

/** The state of the automatic backups. */
export type BackupState = {
  /** When the newest good one was made. */
  last_at: Timestamp | null;
  /** Its size. */
  last_bytes: number | null;
  /** Why the attempt after it has failed, and what to do. */
  failure: string | null;
  /** The time between two automatic ones; 0: none are made. */
  every_ms: number;
};

/** A page of the jobs. */
export type JobList = {
  results: Array<Job>;
  /** For `cursor`. */
  next: string | null;
  /** Null when the server makes no backups: those of PostgreSQL are made by its own tools. */
  backup: BackupState | null;
};

/** How much was erased. */
export type ErasedCounts = {
  /** Visitors: an identity, or a browser that was never signed in. */
  visitors: number;
  /** Rooms. */
  rooms: number;
  /** Messages in them, of either side. */
  messages: number;
  /** Tokens that were ended. */
  tokens: number;
};

/** A copy of the database that is older than an erasure. */
export type KeptBackup = {
  /** The file, or the directory with files that a restore has set aside. */
  file: string;
  /** When it was made. */
  made_at: Timestamp;
  /**
   * When it is deleted at the latest, as long as backups are made; null when nobody but the
   * operator deletes it.
   */
  kept_until: Timestamp | null;
};

/** What an erasure has done. It has ids only, and nothing that names the person. */
export type Receipt = {
  /** Names the erasure in the audit; null when nothing was erased. */
  erasure: string | null;
  /** Whether nothing was erased, and this is what would be. */
  dry_run: boolean;
  /** How much was erased. */
  erased: ErasedCounts;
  /** The rooms that were erased. */
  rooms: Array<string>;
  /** Rooms of others that mention the person's email address. They were not touched. */
  mentioned_in: Array<string>;
  /** Whether there may be more rooms that mention it. */
  mentioned_in_truncated: boolean;
  /** Since when nobody can read any of it; null until then. */
  unreachable_at: Timestamp | null;
  /**
   * When the file was rewritten without it; null until then, and always with PostgreSQL, which
   * overwrites the bytes in its own time.
   */
  bytes_gone_at: Timestamp | null;
  /**
   * On PostgreSQL, where `bytes_gone_at` stays null: what becomes of the bytes, and where they may
   * still be.
   */
  bytes_note?: string;
  /** Older copies of the database, which still hold it. */
  backups: Array<KeptBackup>;
};

/** A day of the week. */
export type Day = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun";

/** Hours of a day of the week. */
export type Interval = {
  /** The day on which it begins. */
  day: Day;
  /** `HH:MM`. */
  from: string;
  /** `HH:MM`, up to `24:00`. Before `from`: on the next day. */
  to: string;
};

/** Hours of a day. */
export type TimeSpan = {
  /** `HH:MM`. */
  from: string;
  /** `HH:MM`, up to `24:00`. Before `from`: on the next day. */
  to: string;
};

/** Days with other hours than those of the week. */
export type Exception = {
  /** The first day, `YYYY-MM-DD`. */
  from: string;
  /** The last day. */
  to: string;
  /** The hours of each of these days. Empty: closed. */
  hours: Array<TimeSpan>;
};

/** The shop and its hours. */
export type Shop = {
  /** At most 100 characters. */
  name: string;
  /** An IANA name such as `Europe/Berlin`; the hours are in it. */
  time_zone: string;
  /** The hours of each week. Empty: always open. */
  hours: Array<Interval>;
  /** Days with other hours. */
  exceptions: Array<Exception>;
  /** Closed until then, whatever the hours say. */
  closed_until: Timestamp | null;
};

/** Texts of the widget in one language. An empty one is the widget's own. */
export type WidgetTexts = {
  /** The button and the dialog's title; at most 40 characters. */
  title: string;
  /** What stands above the conversation; at most 300 characters. */
  greeting: string;
  /** What stands under the title while nobody is there; at most 300 characters. */
  away_text: string;
};

/** The side of the page that the widget's button is on. */
export type WidgetSide = "left" | "right";

/** How a field is asked for. */
export type Ask = "optional" | "required" | "hidden";

/** Which fields the widget asks for before a conversation. If all are hidden, it asks nothing. */
export type Prechat = {
  /** The customer's name. */
  name: Ask;
  /** Their email address. */
  email: Ask;
  /** Their phone number. */
  phone: Ask;
};

/** How the widget looks and what it says, where the tag on the shop's page does not say otherwise. */
export type Widget = {
  /** By language: `ar`, `de`, `en`, `es` or `fr`. */
  texts: { [key in string]: WidgetTexts };
  /** `#rgb` or `#rrggbb`. Empty: the widget's own colour. */
  accent: string;
  /** Where the button is. */
  side: WidgetSide;
  /** Which fields are asked before the chat. */
  prechat: Prechat;
};

/** When a customer who waits rings whom. The first alert is at once. */
export type Alerts = {
  /** After this time everybody on duty is rung. 1 second to 7 days. */
  escalate_ms: number;
  /** After this time a mail is sent. 1 second to 7 days. */
  mail_ms: number;
};

/** When unread replies go by mail. */
export type MailSettings = {
  /** How long a customer must be away before a reply goes by mail. 1 second to 7 days. */
  after_ms: number;
};

/** The settings of the shop. */
export type SettingsAnswer = {
  /** Counts the changes; a change names the version that it was made from. */
  version: number;
  shop: Shop;
  widget: Widget;
  alerts: Alerts;
  mail: MailSettings;
  /**
   * The keys that the configuration of the server has, such as `mail.after_ms`. They win, and
   * a change of them changes nothing.
   */
  fixed: Array<string>;
};

/** Why a mail that came in is no message. */
export type QuarantineReason = "too_large" | "unreadable" | "automatic" | "own_mail" | "delivery_report" | "no_reply_address" | "forged" | "no_sender" | "foreign_sender" | "no_room" | "blocked" | "empty";

/** A mail that came in and became no message. */
export type QuarantinedMail = {
  /** SHA-256 of the mail, in hexadecimal digits. */
  id: string;
  /** Why. */
  reason: QuarantineReason;
  /** Whom it says that it is from. */
  from: string | null;
  /** Its subject. */
  subject: string | null;
  /** The room of its reply address, if that is ours. */
  room_id: string | null;
  /** Its bytes. */
  size: number;
  /** The beginning of its text. */
  text: string | null;
  /** When it came. */
  at: Timestamp;
};

/** A page of the mail that became no message. */
export type QuarantineList = {
  results: Array<QuarantinedMail>;
  /** For `cursor`. */
  next: string | null;
};

/** An address that mail does not reach. */
export type BouncedAddress = {
  /** In lower case. */
  address: string;
  /** When that was noticed last. */
  at: Timestamp;
  /** Why, as a mail server said it. */
  reason: string;
  /** A conversation that was mailed there, if that is still remembered. */
  room_id: string | null;
};

/** A page of the addresses that mail does not reach. */
export type BouncedList = {
  results: Array<BouncedAddress>;
  /** For `cursor`. */
  next: string | null;
};

/** Which address is meant. */
export type BouncedRemoval = {
  /** The address, in any case. */
  address: string;
};

/** What is known about mail to a customer. */
export type RoomMail = {
  /**
   * Why mail to the customer's address does not arrive, as a mail server said it; null while
   * nothing is known against the address.
   */
  undeliverable: string | null;
};

/** What the server saw of a request. */
export type Seen = {
  /** Such as `HTTP/1.1`. */
  http_version: string;
  /** Address and port of the TCP connection's other end. */
  peer: string;
  /** Whether that is one of `server.trusted_proxies`. */
  peer_is_trusted: boolean;
  /** Whether that is an address of the same machine. */
  peer_is_loopback: boolean;
  /** The client's address, by which limits count. */
  client: string;
  /** The addresses in `X-Forwarded-For`, from left to right. */
  forwarded_for: Array<string>;
  /** Whether any header says that the request was forwarded. */
  is_forwarded: boolean;
  /** The header `X-Forwarded-Proto`. */
  forwarded_proto?: string;
  /** The header `Origin`. */
  origin?: string;
  /** The origins of the server's own pages, from `server.public_url` or the listen address. */
  own_origins: Array<string>;
  /** Whether `server.public_url` is set. */
  has_public_url: boolean;
  /** The `ETag` of the widget without its encoding, to compare with what a browser gets. */
  widget?: string;
  /** The server's clock, in milliseconds since 1970. */
  now_ms: number;
};

/** An attempt to open a WebSocket. */
export type UpgradeProbe = {
  /** Whether it opened. */
  opened: boolean;
  /** The status of the response. A browser does not show it to pages. */
  status?: number;
  /** The subprotocol in the response. */
  subprotocol?: string;
  /** The detail of the server's refusal, if it was the server that refused. */
  refusal?: string;
};

/** A socket on which nothing was sent. */
export type QuietProbe = {
  /** How long it was to be quiet. */
  wanted_s: number;
  /** How long it stayed open. */
  lasted_s: number;
  /** Whether it was cut before the server's last frame came. */
  was_cut: boolean;
};

/** The response to `/widget.js`. */
export type WidgetProbe = {
  /** The status. */
  status: number;
  /** The header `Cache-Control`, several joined by commas. */
  cache_control?: string;
  /** The header `Expires`. */
  expires?: string;
  /** The header `Age`: the seconds for which a cache has had it. */
  age?: string;
  /** The header `ETag`. */
  etag?: string;
  /** The header `Access-Control-Allow-Origin`, several joined by commas. */
  allow_origin?: string;
};

/** A request with a large body. */
export type BodyProbe = {
  /** Bytes that were sent. */
  bytes: number;
  /** The status of the response. */
  status: number;
  /** Whether the server itself responded, rather than a proxy. */
  is_from_server: boolean;
};

/** Both clocks at about the same time. */
export type ClockProbe = {
  /** The server's, in milliseconds since 1970. */
  server_ms: number;
  /** The doctor's, halfway through the request. */
  local_ms: number;
  /** How long the request took. */
  round_trip_ms: number;
};

/** How long a certificate is valid. */
export type Validity = {
  /** Seconds from now on; 0 when it has expired. */
  left_s: number;
  /** Seconds in all. */
  whole_s: number;
};

/** A certificate as a client judges it. */
export type Certificate = {
  /** Why it was refused. */
  refused?: string;
  /** How long it is valid, if it was accepted and can be read. */
  validity?: Validity;
};

/** What was seen from the outside of the proxy. */
export type Observations = {
  /** The origin that was tried: scheme, host and port, as browsers write it. */
  origin: string;
  /** The response header `Server`, which names the proxy. */
  server_header?: string;
  /** Why the server could not be reached. */
  unreachable?: string;
  /** The certificate, of an https URL. A browser does not show it to pages. */
  certificate?: Certificate;
  /** A WebSocket with the own origin and the subprotocol `shoptalk.v1`. */
  upgrade?: UpgradeProbe;
  /** A WebSocket that offers only an unknown subprotocol, which the server refuses. */
  unknown_subprotocol?: UpgradeProbe;
  /** A WebSocket from a foreign page, which the server refuses. A browser cannot try it. */
  foreign_origin?: UpgradeProbe;
  /** What the server saw of a request with a forged `X-Forwarded-For`. */
  seen?: Seen;
  /** Why the server did not report what it saw. */
  unseen?: string;
  /** The `Origin` that this request was sent with. */
  sent_origin?: string;
  /** The doctor's own address and port on that connection. A browser does not know it. */
  local_address?: string;
  /** When the frames of the doctor's socket arrived, in milliseconds after the first. */
  ticks_ms?: Array<number>;
  /** A socket on which nothing was sent. */
  quiet?: QuietProbe;
  /** The response to `/widget.js`. */
  widget?: WidgetProbe;
  /** A request with a large body. */
  body?: BodyProbe;
  /** A comparison of the clocks. */
  clock?: ClockProbe;
};

/** A proxy whose configuration is known here. */
export type Proxy = "nginx" | "caddy" | "apache" | "haproxy";

/** The lines for one proxy. */
export type Advice = {
  /** Which proxy. */
  proxy: Proxy;
  /** Its name for people. */
  name: string;
  /** The lines to add, or what to remove. */
  lines: string;
};

/** All checks. */
export type Check = "reach" | "certificate" | "public_url" | "upgrade" | "http_version" | "subprotocol" | "origin" | "forged_address" | "client_address" | "buffering" | "quiet" | "widget" | "body_size" | "clock" | "data_directory" | "file_system" | "fsync" | "open_files" | "free_space" | "backup" | "database" | "bus" | "mail_relay" | "mailbox" | "cards" | "cards_signature";

/** How a check ended. */
export type Level = "ok" | "skipped" | "problem";

/** The outcome of one check. */
export type Finding = {
  /** Which check. */
  check: Check;
  /** Its name for people. */
  title: string;
  /** How it ended. */
  level: Level;
  /** What was seen and, for a problem, what to do. */
  detail: string;
  /** The lines to change in the proxy's configuration. */
  advice: Array<Advice>;
};

/** The outcome of every check. */
export type FindingList = { results: Array<Finding> };

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
