// Stand-in until the generated file lands.
export type Status = "waiting" | "active" | "closed";
export type Side = "customer" | "admin";
export type SenderType = "customer" | "admin" | "system";
export type SystemEvent = "closed" | "reopened";
export type Role = "admin" | "agent";
export type ErrorCode = string;
export interface Room { id: string; status: Status; customer_name: string | null; customer_email: string | null; customer_phone: string | null; user: string | null; page_url: string | null; created_at: string; updated_at: string; last_message_at: string | null; last_seq: number; customer_read_seq: number; admin_read_seq: number }
export interface Message { id: string; room_id: string; seq: number; sender_type: SenderType; sender_name: string; content: string; event: SystemEvent | null; is_read: boolean; created_at: string }
export interface LastMessage { seq: number; sender_type: SenderType; sender_name: string; content: string; created_at: string }
export interface Summary extends Room { last_message: LastMessage | null; unread_count: number; waiting_since: string | null; customer_online: boolean; blocked: boolean; version: number }
export interface Agent { id: string; username: string; display_name: string; role: Role; disabled: boolean; created_at: string }
export interface Counts { waiting: number; active: number; closed: number }
export interface Problem { type: string; title: string; status: number; code: ErrorCode; detail: string; errors?: { field: string; message: string }[] }
interface WelcomeBase { type: "welcome"; protocol: number; epoch: string; recovered: boolean; more: boolean; ping_interval_ms: number; max_content: number; reconnect_window_ms: number }
export type VisitorWelcome = WelcomeBase & { room_id: string; room: Room; messages: Message[]; agents_online: boolean };
export type AgentWelcome = WelcomeBase & { agent: Agent; cursor: string; summaries: Summary[]; counts: Counts; online: string[] };
type RoomEvent =
  | { type: "messages"; room_id: string; messages: Message[]; more: boolean }
  | { type: "message"; room_id: string; message: Message }
  | { type: "ack"; room_id: string; id: string; seq: number; created_at: string; duplicate: boolean }
  | { type: "read"; room_id: string; reader: Side; seq: number }
  | { type: "typing"; room_id: string; sender_type: SenderType; sender_name: string; expires_in_ms: number }
  | { type: "room"; room_id: string; room: Room }
  | { type: "history"; room_id: string; messages: Message[]; more: boolean }
  | { type: "ping"; last_seq?: number }
  | { type: "error"; id?: string; room_id?: string; code: ErrorCode; message: string; retryable: boolean; retry_after_ms?: number }
  | { type: "going_away"; reconnect_within_ms: number };
export type VisitorServerFrame = VisitorWelcome | RoomEvent | { type: "presence"; agents_online: boolean };
export type AgentServerFrame =
  | AgentWelcome
  | RoomEvent
  | { type: "joined"; room_id: string; room: Room; messages: Message[]; recovered: boolean; more: boolean }
  | { type: "summary"; cursor: string; summary: Summary }
  | { type: "summaries"; cursor: string; summaries: Summary[]; more: boolean }
  | { type: "counts"; counts: Counts }
  | { type: "online"; room_id: string; customer_online: boolean };
export type VisitorClientFrame =
  | { type: "hello"; token?: string; epoch?: string; after?: number; tail?: number }
  | { type: "post"; id: string; content: string }
  | { type: "read"; seq: number }
  | { type: "typing" }
  | { type: "history"; before: number; limit?: number }
  | { type: "close" }
  | { type: "pong" };
export type AgentClientFrame =
  | { type: "hello"; token?: string; epoch?: string; cursor?: string }
  | { type: "join"; room_id: string; epoch?: string; after?: number; tail?: number }
  | { type: "leave"; room_id: string }
  | { type: "post"; room_id: string; id: string; content: string }
  | { type: "read"; room_id: string; seq: number }
  | { type: "typing"; room_id: string }
  | { type: "history"; room_id: string; before: number; limit?: number }
  | { type: "status"; room_id: string; status: Status }
  | { type: "pong" };
