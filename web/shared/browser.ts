import type { Connection, Socket } from "./connection";

/** Opens a WebSocket; browsers accept addresses that begin with http or https, too. */
export function openWebSocket(url: string): Socket {
  return new WebSocket(url, "shoptalk.v1") as unknown as Socket;
}

/**
 * Passes on the browser's events after which a connection should not wait for its timers, `until` a
 * signal aborts.
 */
export function followBrowserEvents(
  connection: Pick<Connection<never>, "checkNow" | "networkLost">,
  until?: { signal: AbortSignal },
) {
  const checkIfVisible = () => {
    if (!document.hidden) connection.checkNow();
  };
  // The document's visibilitychange bubbles to the window.
  for (const type of ["pageshow", "focus", "visibilitychange"]) {
    addEventListener(type, checkIfVisible, until);
  }
  // Hidden pages reconnect as well: they alert to new messages by sound.
  addEventListener("online", connection.checkNow, until);
  addEventListener("offline", connection.networkLost, until);
}
