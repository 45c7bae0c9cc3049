/**
 * The desk of one signed-in agent: made at sign-in, closed and dropped at sign-out.
 *
 * Each part owns its state and is made by a function that gets what it depends on, so it can be
 * tested alone. This file puts the parts together and is the only one that takes frames: `receive`
 * shows which part handles what. Views read the parts' signals and call their functions.
 *
 * - `connection.ts`: the socket; `health.ts`: whether the server works
 * - `lobby.ts`: the lists of conversations; `search.ts`: the search in them
 * - `conversation.ts`: the open one; `joining.ts`, `typists.ts`: parts of it
 * - `composer.ts`: the field to write in; `outgoing.ts`: messages that are not in a log yet
 * - `directory.ts`: colleagues and tags; `handling.ts`: who answers, tags, spam, what is put off;
 *   `selection.ts`: marked rows; `viewers.ts`: who else looks
 * - `notes.ts`: notes among agents about conversations; `mentions.ts`: colleagues in them
 * - `replies.ts`: canned replies, for the field to write in; `choices.ts`: the list that opens there
 * - `ratings.ts`: what the customer thinks of the open conversation
 * - `redaction.ts`: removing the text of a message
 * - `ringing.ts`: whether this device is rung while the console is closed
 * - `profile.ts`, `cards.ts`: who the customer is, and what the shop says about them
 * - `panels.ts`: which dialog is open
 *
 * What exists before sign-in, such as notices and settings, is made by `../app.ts`.
 */
import { batch } from "@preact/signals";
import { followBrowserEvents } from "../../shared/browser";
import type { Clock } from "../../shared/clock";
import type { Socket } from "../../shared/connection";
import type { AgentServerFrame } from "../../shared/protocol";
import type { BrowserStorage } from "../../shared/storage";
import type { Call } from "../api";
import type { Language } from "../language/language";
import type { Alerts } from "./alerts";
import { makeCards } from "./cards";
import { makeComposer } from "./composer";
import { makeDeskConnection } from "./connection";
import { makeConversation } from "./conversation";
import { makeDirectory } from "./directory";
import { makeHandling } from "./handling";
import { makeHealth } from "./health";
import { makeLobby } from "./lobby";
import { makeMentions } from "./mentions";
import { makeNotes } from "./notes";
import type { Notices } from "./notices";
import { makeOutgoing } from "./outgoing";
import { makePanels } from "./panels";
import { makeProfile } from "./profile";
import { makeRatings } from "./ratings";
import { makeRedaction } from "./redaction";
import { makeReplies } from "./replies";
import { makeRinging, type NoPush, type PushBrowser } from "./ringing";
import { makeSearch } from "./search";
import { makeSelection } from "./selection";
import type { Session } from "./session";
import type { DeviceSettings } from "./settings";
import { makeSuggestion } from "./suggestion";
import { makeViewers } from "./viewers";

export interface DeskOptions {
  agentId: string;
  clock: Clock;
  call: Call;
  storage: BrowserStorage;
  openSocket: () => Socket;
  session: Session;
  notices: Notices;
  alerts: Alerts;
  language: Language;
  settings: DeviceSettings;
  pushBrowser: PushBrowser | NoPush;
  /** Calls `then` once, for the next frame of the screen. */
  schedule: (then: () => void) => void;
  isPageVisible: () => boolean;
  showDetails: boolean;
}

export type Desk = ReturnType<typeof makeDesk>;

export function makeDesk({
  agentId,
  clock,
  call,
  storage,
  openSocket,
  session,
  notices,
  alerts,
  language,
  settings,
  pushBrowser,
  schedule,
  isPageVisible,
  showDetails,
}: DeskOptions) {
  const { t, describeRefusal } = language;
  const connection = makeDeskConnection({
    clock,
    openSocket,
    notices,
    language,
    hello: () => ({ type: "hello", ...lobby.resumeFrom() }),
    probe() {
      const id = conversation.selected.value;
      return id ? { type: "history", room_id: id, before: 1, limit: 1 } : undefined;
    },
    onFrame: (frame) => batch(() => receive(frame)),
    onOffline() {
      outgoing.pause();
      conversation.disconnected();
    },
    onSessionEnd: session.end,
  });
  const { send } = connection;
  const lobby = makeLobby({
    agentId,
    clock,
    call,
    attempt: session.attempt,
    schedule,
    isConnected: () => connection.state.value === "connected",
    visibleRoom: () => conversation.visibleRoom(),
    onNewMessage: (summary) => alerts.newMessage(summary, () => conversation.open(summary.id)),
  });
  const conversation = makeConversation({
    clock,
    send,
    lobby,
    lastNote: (id) => notes.resumeFrom(id),
    isPageVisible,
    onOpen: (id) => composer.open(id),
    onLeave: () => outgoing.clearAcked(),
    onMessages: (messages) => outgoing.arrived("message", messages),
    showError: notices.showToast,
    language,
  });
  const notes = makeNotes({
    call,
    selected: conversation.selected,
    onNotes: (arrived) => outgoing.arrived("note", arrived),
  });
  const outgoing = makeOutgoing({
    clock,
    storage,
    agentId,
    send,
    language,
    selected: conversation.selected,
    messages: conversation.messages,
    notes: notes.list,
  });
  const composer = makeComposer({
    clock,
    storage,
    language,
    agentId,
    sendTyping: (room) => send({ type: "typing", room_id: room }),
    post: outgoing.post,
  });
  const replies = makeReplies({
    clock,
    call,
    values: () => ({
      agent_name: session.agent.value?.display_name,
      customer_name: conversation.room.value?.customer_name,
    }),
    language,
  });
  const search = makeSearch({
    clock,
    call,
    language,
    conversations: lobby.conversations,
    onResults: lobby.add,
  });
  const directory = makeDirectory({ call });
  const mentions = makeMentions(agentId, directory.colleagues);
  const handling = makeHandling({
    agentId,
    change: lobby.change,
    add: lobby.add,
    summaryOf: lobby.summaryOf,
    showError: notices.showToast,
    language,
  });
  const selection = makeSelection(search.listed);
  const viewers = makeViewers({
    selected: conversation.selected,
    ownName: () => session.agent.value?.display_name,
  });
  const redaction = makeRedaction({
    call,
    selected: conversation.selected,
    showError: notices.showToast,
    language,
  });
  const suggestion = makeSuggestion({
    call,
    selected: conversation.selected,
    messages: conversation.messages,
    showError: notices.showToast,
    language,
  });
  const profile = makeProfile({ call, language });
  const cards = makeCards({ call, language });
  const ratings = makeRatings({
    call,
    selected: conversation.selected,
    summary: conversation.summary,
  });
  const ringing = makeRinging({ call, settings, browser: pushBrowser, language });
  const health = makeHealth({ clock, language });
  const panels = makePanels({ showDetails });

  const closed = new AbortController();
  followBrowserEvents(connection, closed);
  addEventListener("storage", ({ key }) => outgoing.storageChanged(key), {
    signal: closed.signal,
  });
  connection.open();
  ringing.resume().then(() => {
    if (ringing.problem.value) notices.showToast(ringing.problem.value);
  });

  return {
    connection,
    lobby,
    conversation,
    notes,
    outgoing,
    composer,
    replies,
    search,
    directory,
    mentions,
    handling,
    selection,
    viewers,
    ratings,
    redaction,
    suggestion,
    profile,
    cards,
    ringing,
    health,
    panels,

    /** Ends everything that runs. */
    close() {
      closed.abort();
      lobby.close();
      health.stop();
      ratings.stop();
      ringing.stop();
      connection.close();
    },
  };

  function receive(frame: AgentServerFrame) {
    switch (frame.type) {
      case "welcome":
        if (!session.confirm(frame.agent)) return;
        composer.maxContent.value = frame.max_content;
        lobby.welcome(frame);
        // Without them, everything else goes on.
        replies.load().catch(() => {});
        directory.load().catch(() => {});
        if (!frame.more) outgoing.resume();
        conversation.rejoin();
        break;
      case "summaries":
        lobby.summaries(frame.summaries, frame.cursor);
        if (!frame.more) outgoing.resume();
        break;
      case "summary":
        lobby.summaries([frame.summary], frame.cursor);
        directory.noticed([frame.summary]);
        break;
      case "removed":
        erased(frame.room_id, frame.cursor);
        break;
      case "counts":
        lobby.counted(frame.counts);
        break;
      case "viewers":
        viewers.receive(frame);
        break;
      case "online":
        lobby.online(frame.room_id, frame.customer_online);
        break;
      case "going_away":
        notices.showBanner(() => t("banner.restarting"));
        break;
      case "ack":
        notices.clearBanner();
        outgoing.acked("message", frame.id, conversation.lacks(frame.room_id, frame.seq));
        break;
      case "noted":
        notices.clearBanner();
        outgoing.acked("note", frame.id, frame.room_id === conversation.selected.value);
        break;
      case "note":
        notes.receive(frame);
        break;
      case "error":
        refused(frame);
        break;
      case "joined":
        if (frame.room_id === conversation.selected.value) notices.clearBanner();
        conversation.receive(frame);
        suggestion.receive(frame);
        notes.receive(frame);
        break;
      case "history":
        conversation.receive(frame);
        notes.receive(frame);
        break;
      case "draft":
        suggestion.receive(frame);
        break;
      case "page":
        profile.receive(frame);
        break;
      case "messages":
      case "message":
      case "redacted":
      case "read":
      case "typing":
      case "room":
        conversation.receive(frame);
        break;
      case "ping":
        // The connection replies to it.
        break;
    }
  }

  function erased(room: string, cursor?: string) {
    lobby.removed(room, cursor);
    composer.forget(room);
    notes.erased(room);
    conversation.erased(room);
  }

  function refused(frame: Extract<AgentServerFrame, { type: "error" }>) {
    outgoing.refused(frame);
    // It was erased while this console was offline.
    if (frame.code === "not_found" && frame.room_id && !frame.id) return erased(frame.room_id);
    const isAboutRoom = !frame.id && frame.code !== "bad_frame" && frame.retryable;
    conversation.refused(isAboutRoom ? frame.room_id : undefined, frame.retry_after_ms);
    if (frame.code === "storage_unavailable") {
      notices.showBanner(() => t("banner.disk"));
    } else if (frame.code === "busy") {
      notices.showBanner(() => t("banner.busy"));
    } else if (!frame.id) notices.showToast(describeRefusal(frame.code, frame.message));
  }
}
