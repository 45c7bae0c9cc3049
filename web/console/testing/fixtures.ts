import type { Agent, Joined, Message, Note, Problem, Room, Summary } from "../../shared/protocol";
import { type Call, Refused } from "../api";
import { makeLanguage } from "../language/language";

export const english = makeLanguage({ preferred: ["en"] });

/** A moment of the tests' day. */
export const minute = (n: number) => new Date(Date.UTC(2026, 0, 1, 12, n)).toISOString();

/** A room with one unread message of the visitor; its name is its id. */
export function summary(id: string, change: Partial<Summary> = {}): Summary {
  return {
    id,
    status: "active",
    customer_name: id,
    customer_email: null,
    customer_phone: null,
    user: null,
    page_url: null,
    created_at: minute(0),
    updated_at: minute(0),
    last_message_at: minute(0),
    last_seq: 1,
    customer_read_seq: 0,
    admin_read_seq: 0,
    last_message: {
      seq: 1,
      sender_type: "customer",
      sender_name: id,
      content: "?",
      created_at: minute(0),
    },
    unread_count: 1,
    waiting_since: null,
    customer_online: false,
    blocked: false,
    assignee: null,
    tags: [],
    spam: false,
    snoozed_until: null,
    version: 1,
    ...change,
  };
}

export function message(seq: number, change: Partial<Message> = {}): Message {
  return {
    id: `id-${seq}`,
    room_id: "room",
    seq,
    sender_type: "customer",
    sender_name: "Ann",
    content: `${seq}`,
    event: null,
    is_read: false,
    created_at: minute(0),
    ...change,
  };
}

export function note(no: number, change: Partial<Note> = {}): Note {
  return {
    id: `note-${no}`,
    room_id: "room",
    no,
    after_seq: 0,
    agent_id: "mia",
    agent_name: "Mia",
    content: `note ${no}`,
    created_at: minute(0),
    ...change,
  };
}

/** The reply to a join, of a room without messages and notes. */
export function joinedFrame(change: Partial<Joined> = {}): Joined {
  return {
    type: "joined",
    room_id: "room",
    room: summary(change.room_id ?? "room") as Room,
    messages: [],
    recovered: false,
    more: false,
    notes: [],
    last_note: 0,
    notes_more: false,
    ...change,
  };
}

export const agent = (id = "ada", change: Partial<Agent> = {}): Agent => ({
  id,
  username: id,
  display_name: id,
  role: "agent",
  disabled: false,
  on_duty: true,
  created_at: minute(0),
  ...change,
});

/** An API whose responses are given by the test; an `Error` is thrown. */
export function fakeCall(...responses: unknown[]) {
  const calls: { method: string; path: string; body?: object | undefined }[] = [];
  const call = async (method: string, path: string, body?: object) => {
    calls.push({ method, path, body });
    const response = responses.shift();
    if (response instanceof Error) throw response;
    return response;
  };
  return { calls, call: call as Call };
}

export const refused = (status: number, code: Problem["code"] = "invalid", detail = "no") =>
  new Refused(status, { code, detail }, 0);

/** Lets promises settle. */
export const settle = () => new Promise((resolve) => setTimeout(resolve));
