import { batch, computed, signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import { MessageLog } from "../../shared/message-log";
import type { AgentClientFrame, AgentServerFrame, Message, Room } from "../../shared/protocol";
import type { Language } from "../language/language";
import { makeJoining } from "./joining";
import type { Lobby } from "./lobby";
import { makeTypists } from "./typists";

/** The frames about one joined room. */
type RoomFrame = Extract<
  AgentServerFrame,
  { type: "joined" | "messages" | "message" | "redacted" | "read" | "typing" | "room" | "history" }
>;

export interface ConversationOptions {
  clock: Clock;
  /** Sends a frame; false when there is no connection. */
  send: (frame: AgentClientFrame) => boolean;
  lobby: Pick<Lobby, "epoch" | "summaryOf">;
  /** The number of the last note of a room, to resume from. */
  lastNote: (id: string) => number | undefined;
  isPageVisible: () => boolean;
  onOpen: (id: string) => void;
  onLeave: () => void;
  /** Messages have arrived in the log. */
  onMessages: (messages: readonly Message[]) => void;
  showError: (text: string) => void;
  language: Language;
}

export type Conversation = ReturnType<typeof makeConversation>;

/** Messages of a first page. */
const PAGE = 50;
/** Messages of a page on the way back to a searched message. */
const LARGE_PAGE = 200;
/** How many logs are kept after their conversation was left: coming back shows them at once. */
const MAX_LOGS = 30;

/**
 * The open conversation: which one it is, its messages, and who is typing in it.
 *
 * The messages come from the room's log alone. What else is shown between them, such as notes, is a
 * part of its own that gets the same frames in `desk.ts`.
 */
export function makeConversation({
  clock,
  send,
  lobby,
  lastNote,
  isPageVisible,
  onOpen,
  onLeave,
  onMessages,
  showError,
  language: { t },
}: ConversationOptions) {
  const selected = signal<string | undefined>(undefined);
  const room = signal<Room | undefined>(undefined);
  const messages = signal<readonly Message[]>([]);
  const isStale = signal(false);
  const target = signal<number | undefined>(undefined);
  const typists = makeTypists({ clock });
  /** Logs by room, the least recently opened first. */
  const logs = new Map<string, MessageLog>();
  const joining = makeJoining({
    clock,
    sendJoin,
    onRefused(isRefused) {
      isStale.value = isRefused;
    },
  });
  let isLoadingOlder = false;
  let readSeq = 0;

  return {
    /** The id of the open conversation. */
    selected,
    /** Its room, as its own frames have it. */
    room,
    messages,
    typists: typists.list,
    /** The server refuses the join for now: messages may be missing. */
    isStale,
    /** The seq of a message to scroll to and highlight once it is there. */
    target,
    /** The open conversation as the lobby has it. */
    summary: computed(() => (selected.value ? lobby.summaryOf(selected.value) : undefined)),

    open,
    leave,
    loadOlder,
    receive,
    visibleRoom,

    /** Whether this room is open and its log does not have this message yet. */
    lacks: (id: string, seq: number) => id === selected.value && seq > (logs.get(id)?.lastSeq ?? 0),

    /** The conversation was erased: nothing of it stays, and it closes if it is open. */
    erased(id: string) {
      logs.delete(id);
      if (id !== selected.value) return;
      leave();
      showError(t("conversation.erased"));
    },

    /** The connection is welcomed: the server knows nothing of former joins. */
    rejoin() {
      if (selected.value) joining.join(selected.value);
    },

    disconnected() {
      joining.disconnected();
      typists.clear();
    },

    /** The server replied with an error; `id` is the room of a retryable one. */
    refused(id: string | undefined, retryAfterMs?: number) {
      isLoadingOlder = false;
      if (id) joining.refused(id, retryAfterMs);
    },

    /** The agent has seen the newest message. */
    markRead() {
      const id = visibleRoom();
      const seq = messages.value.at(-1)?.seq ?? 0;
      if (!id || seq <= Math.max(readSeq, room.value?.admin_read_seq ?? 0)) return;
      if (!lobby.summaryOf(id)?.unread_count) return;
      if (send({ type: "read", room_id: id, seq })) readSeq = seq;
    },

    /** Closes or reopens the conversation for both sides. */
    setStatus(status: "active" | "closed") {
      const id = selected.value;
      if (id && !send({ type: "status", room_id: id, status })) {
        showError(t("conversation.offline"));
      }
    },
  };

  /** Opens a conversation; `seq` is a message to scroll to. */
  function open(id: string, seq?: number) {
    batch(() => {
      target.value = seq;
      if (selected.value !== id) {
        leave();
        select(id);
      }
    });
    loadTarget();
  }

  function select(id: string) {
    const log = logs.get(id) ?? new MessageLog();
    logs.delete(id);
    logs.set(id, log);
    if (logs.size > MAX_LOGS) logs.delete(logs.keys().next().value as string);
    selected.value = id;
    messages.value = log.messages;
    room.value = lobby.summaryOf(id);
    joining.join(id);
    onOpen(id);
  }

  /** Closes the view of the conversation; the conversation itself goes on. */
  function leave() {
    if (selected.value) send({ type: "leave", room_id: selected.value });
    joining.leave();
    typists.clear();
    selected.value = room.value = undefined;
    messages.value = [];
    isLoadingOlder = false;
    readSeq = 0;
    onLeave();
  }

  /** The conversation that the agent is looking at, if it is up to date. */
  function visibleRoom() {
    return isPageVisible() && !isStale.value ? selected.value : undefined;
  }

  function sendJoin(id: string) {
    const log = logs.get(id);
    const canResume = log?.epoch && log.epoch === lobby.epoch && log.lastSeq;
    const after_note = lastNote(id);
    send({
      type: "join",
      room_id: id,
      ...(canResume
        ? {
            epoch: log.epoch!,
            after: log.lastSeq,
            ...(after_note !== undefined && { after_note }),
          }
        : { tail: PAGE }),
    });
  }

  /** Requests the messages before the first one here. */
  function loadOlder(limit = PAGE) {
    const id = selected.value;
    const log = id && logs.get(id);
    if (!log || isLoadingOlder || log.firstSeq < 2) return;
    const before = log.messages[0]!.seq;
    isLoadingOlder = send({ type: "history", room_id: id, before, limit });
  }

  /** Requests older messages while the target is before the first one here. */
  function loadTarget() {
    if (target.value && (messages.value[0]?.seq ?? 0) > target.value) loadOlder(LARGE_PAGE);
  }

  function receive(frame: RoomFrame) {
    const log = logs.get(frame.room_id);
    if (!log || frame.room_id !== selected.value) return;
    switch (frame.type) {
      case "joined":
        if (!frame.recovered) log.messages = [];
        log.redact(frame.redacted);
        log.epoch = lobby.epoch;
        room.value = frame.room;
        joining.joined(frame.room_id);
        addMessages(log, frame.messages);
        break;
      case "messages":
        addMessages(log, frame.messages);
        break;
      case "message":
        addMessages(log, [frame.message]);
        typists.hide({
          name: frame.message.sender_name,
          isVisitor: frame.message.sender_type === "customer",
        });
        break;
      case "redacted":
        log.redact([frame.seq]);
        break;
      case "read":
        log.markRead(frame.reader, frame.seq);
        break;
      case "typing":
        typists.show(
          { name: frame.sender_name, isVisitor: frame.sender_type === "customer" },
          frame.expires_in_ms,
        );
        break;
      case "room":
        room.value = frame.room;
        break;
      case "history":
        isLoadingOlder = false;
        log.addOlder(frame.messages);
        break;
    }
    messages.value = [...log.messages];
    loadTarget();
  }

  function addMessages(log: MessageLog, added: readonly Message[]) {
    // After a gap, joining again brings what is missing.
    if (!log.addNewer([...added])) joining.join(selected.value!);
    onMessages(added);
  }
}
