import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import { makeOutbox, type OutboxItem } from "../../shared/outbox";
import type { AgentClientFrame, AgentServerFrame, Message } from "../../shared/protocol";
import type { BrowserStorage } from "../../shared/storage";
import type { Language } from "../language/language";

/** A message of the open conversation that is not in its log yet. */
export interface PendingMessage extends OutboxItem {
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
}

export type Outgoing = ReturnType<typeof makeOutgoing>;

/** The agent's messages until they are in a log: the outbox of all rooms, and what is acked. */
export function makeOutgoing({
  clock,
  storage,
  agentId,
  send,
  language: { describeRefusal },
  selected,
  messages,
}: OutgoingOptions) {
  /** Rises with each change of the outbox, which is no signal itself. */
  const revision = signal(0);
  /** Acked in the open conversation; shown until their messages arrive, so nothing flickers. */
  const acked = signal<readonly OutboxItem[]>([]);
  const outbox = makeOutbox({
    clock,
    storage,
    prefix: `shoptalk:console:${agentId}:out:`,
    send: ({ id, room, content }) => send({ type: "post", room_id: room, id, content }),
    onChange() {
      revision.value++;
    },
  });
  /** What is in the outbox, in all conversations. */
  const queued = computed(() => {
    revision.value;
    return outbox.items();
  });

  return {
    queued,

    /** What to show after the messages of the open conversation. */
    pending: computed((): PendingMessage[] => {
      const inLog = new Set(messages.value.map(({ id }) => id));
      const sent = acked.value.map((item) => ({ ...item, isSent: true }));
      const unsent = queued.value
        .filter(({ room }) => room === selected.value)
        .map((item) => ({ ...item, isSent: false }));
      return [...sent, ...unsent].filter(({ id }) => !inLog.has(id));
    }),

    /** Stores a message and sends it. */
    post: (room: string, content: string) => outbox.add(room, content),

    /** Removes a message that the server refused, and returns its text. */
    discard: (id: string) => outbox.discard(id),

    resume: outbox.resume,
    pause: outbox.pause,
    storageChanged: outbox.storageChanged,

    /** The server acked a message; with `show`, it is shown until it arrives in the log. */
    acked(id: string, show: boolean) {
      const item = outbox.items().find((each) => each.id === id);
      if (item && show) acked.value = [...acked.value, item];
      outbox.acked(id);
    },

    /** Messages have arrived in the log. */
    arrived(arrived: readonly Message[]) {
      const ids = new Set(arrived.map(({ id }) => id));
      for (const id of ids) outbox.acked(id);
      acked.value = acked.value.filter(({ id }) => !ids.has(id));
    },

    /** The server replied with an error that may be about a message. */
    refused({ id, code, message, retryable, retry_after_ms }: ErrorFrame) {
      // A frame that the server could not read has no id, and may have been a message.
      if (!id && code !== "bad_frame") return;
      outbox.refused(id, describeRefusal(code, message), retryable, retry_after_ms);
    },

    /** Another conversation is shown. */
    clearAcked() {
      acked.value = [];
    },
  };
}

type ErrorFrame = Extract<AgentServerFrame, { type: "error" }>;
