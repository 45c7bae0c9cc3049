import { signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import { type ConnectionState, makeConnection, type Socket } from "../../shared/connection";
import type { AgentClientFrame, AgentServerFrame } from "../../shared/protocol";
import type { Language } from "../language/language";
import type { PlainKey } from "../language/texts";
import type { Notices } from "./notices";

export interface DeskConnectionOptions {
  clock: Clock;
  openSocket: () => Socket;
  notices: Notices;
  language: Language;
  hello: () => AgentClientFrame;
  /** See `ConnectionOptions.probe`. */
  probe: () => AgentClientFrame | undefined;
  onFrame: (frame: AgentServerFrame) => void;
  onOffline: () => void;
  /** The server refused the session's cookie. */
  onSessionEnd: (reason: () => string) => void;
}

export type DeskConnection = ReturnType<typeof makeDeskConnection>;

const SESSION_ENDED = 4500;
const STOP_TEXTS: Record<number, PlainKey> = {
  4504: "stop.tooMany",
  4505: "stop.notAllowed",
};

/** The agent's connection: `shared/connection.ts`, its state as a signal, its end as a banner. */
export function makeDeskConnection({
  clock,
  openSocket,
  notices,
  language: { t },
  hello,
  probe,
  onFrame,
  onOffline,
  onSessionEnd,
}: DeskConnectionOptions) {
  const state = signal<ConnectionState>("offline");
  const connection = makeConnection<AgentServerFrame, AgentClientFrame>({
    clock,
    openSocket,
    hello,
    resumePage: "summaries",
    probe,
    onFrame,
    onState(now) {
      state.value = now;
      if (now === "offline") onOffline();
      if (now === "connected") notices.clearBanner();
    },
    onStop(code) {
      if (code === SESSION_ENDED) {
        onSessionEnd(() => t("session.endedSignIn"));
      } else {
        const key = STOP_TEXTS[code] ?? "stop.tooOld";
        notices.showBanner(() => t(key), { isFinal: true });
      }
    },
  });

  return {
    state,
    open: connection.open,
    close: connection.close,
    checkNow: connection.checkNow,
    networkLost: connection.networkLost,

    /** Sends a frame; false when there is no connection. */
    send: (frame: AgentClientFrame) => connection.send(frame),

    /** Connects again after a stop, because the agent asks for it. */
    reconnect() {
      notices.dismissBanner();
      connection.open();
    },
  };
}
