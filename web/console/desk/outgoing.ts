import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import { makeOutbox, type OutboxItem } from "../../shared/outbox";
import type { AgentClientFrame, AgentServerFrame, Message, Note } from "../../shared/protocol";
import type { BrowserStorage } from "../../shared/storage";
import type { Language } from "../language/language";

/** What becomes of a text: a message to the customer, or a note for the other agents. */
export type Kind = "message" | "note";

/** A message or note of the open conversation that has not arrived in it yet. */
export interface PendingMessage extends OutboxItem {
  kind: Kind;
  /** The server has acked it. */
  isSent: boolean;
}

export interface OutgoingOptions {
  clock: Clock;
  storage: BrowserStorage;
  agentId: string;
  send: (frame: AgentClientFrame) => boolean;
  language: Language;
  /** The open conversation. */
  selected: ReadonlySignal<string | undefined>;
  messages: ReadonlySignal<readonly Message[]>;
  notes: ReadonlySignal<readonly Note[]>;
}

export type Outgoing = ReturnType<typeof makeOutgoing>;

/**
 * The agent's messages and notes until they have arrived: the outboxes of all rooms, and what is
 * acked. Notes have an outbox and keys in the storage of their own, so that nothing that sends
 * messages ever finds one.
 */
export function makeOutgoing({
  clock,
  storage,
  agentId,
  send,
  language: { describeRefusal },
  selected,
  messages,
  notes,
}: OutgoingOptions) {
  /** Rises with each change of the outbox, which is no signal itself. */
  const revision = signal(0);
  /** Acked in the open conversation; shown until their messages arrive, so nothing flickers. */
  const acked = signal<readonly PendingMessage[]>([]);
  const onChange = () => {
    revision.value++;
  };
  const outboxes = {
    message: makeOutbox({
      clock,
      storage,
      prefix: `shoptalk:console:${agentId}:out:`,
      send: ({ id, room, content }) => send({ type: "post", room_id: room, id, content }),
      onChange,
    }),
    note: makeOutbox({
      clock,
      storage,
      prefix: `shoptalk:console:${agentId}:out-note:`,
      send: ({ id, room, content }) => send({ type: "note", room_id: room, id, content }),
      onChange,
    }),
  };
  const both = Object.values(outboxes);
  const itemsOf = (kind: Kind) =>
    outboxes[kind].items().map((item): PendingMessage => ({ ...item, kind, isSent: false }));
  /** What is in the outboxes, in all conversations. */
  const queued = computed(() => {
    revision.value;
    return [...itemsOf("message"), ...itemsOf("note")].sort((a, b) => a.at - b.at);
  });

  return {
    queued,

    /** What to show after the messages of the open conversation. */
    pending: computed((): PendingMessage[] => {
      const here = { message: ids(messages.value), note: ids(notes.value) };
      const unsent = queued.value.filter(({ room }) => room === selected.value);
      return [...acked.value, ...unsent].filter(({ id, kind }) => !here[kind].has(id));
    }),

    /** Stores a message or note and sends it. */
    post: (kind: Kind, room: string, content: string) => outboxes[kind].add(room, content),

    /** Removes what the server refused, and returns its text. */
    discard({ kind, id, content }: PendingMessage): string {
      outboxes[kind].settle(id);
      return content;
    },

    resume: () => both.forEach((outbox) => void outbox.resume()),
    pause: () => both.forEach((outbox) => void outbox.pause()),
    storageChanged: (key: string | null) =>
      both.forEach((outbox) => void outbox.storageChanged(key)),

    /** The server acked one; with `show`, it is shown until it arrives in the conversation. */
    acked(kind: Kind, id: string, show: boolean) {
      const item = itemsOf(kind).find((each) => each.id === id);
      if (item && show) acked.value = [...acked.value, { ...item, isSent: true }];
      outboxes[kind].settle(id);
    },

    /** Messages or notes have arrived in the conversation. */
    arrived(kind: Kind, arrived: readonly { id: string }[]) {
      const known = ids(arrived);
      for (const id of known) outboxes[kind].settle(id);
      acked.value = acked.value.filter((item) => item.kind !== kind || !known.has(item.id));
    },

    /** The server replied with an error that may be about a message. */
    refused({ id, code, message, retryable, retry_after_ms }: ErrorFrame) {
      // A frame that the server could not read has no id, and may have been a message.
      if (!id && code !== "bad_frame") return;
      const reason = describeRefusal(code, message);
      for (const outbox of both) outbox.refused(id, reason, retryable, retry_after_ms);
    },

    /** Another conversation is shown. */
    clearAcked() {
      acked.value = [];
    },
  };
}

const ids = (of: readonly { id: string }[]) => new Set(of.map(({ id }) => id));

type ErrorFrame = Extract<AgentServerFrame, { type: "error" }>;
