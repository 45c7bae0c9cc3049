import { reconnect, stale, state, trouble, waiting } from "../desk/desk";
import { ailment } from "../desk/health";

/** Whether what one sees is what there is. */
export function Status() {
  const unsent = waiting.value.length;
  const shown = state.value === "connected" && stale.value ? "catching-up" : state.value;
  const words = {
    connected: "Real-time connected",
    "catching-up": "Catching up",
    offline: `Offline. ${unsent ? `${unsent} unsent ${unsent === 1 ? "message is" : "messages are"}` : "Unsent messages are"} kept and sent when the server is back`,
  }[shown];
  const ails = state.value !== "offline" && ailment.value;
  return (
    <div class="status" role="status" data-state={ails ? "ailing" : shown}>
      <span class="dot" aria-hidden="true" />
      {words}
      {ails && `, but the server does not work: ${ails}`}
    </div>
  );
}

/** What the server says about itself, and a way out where there is one. */
export function Trouble() {
  if (!trouble.value) return null;
  return (
    <div class="trouble" role="alert">
      {trouble.value.words}
      {trouble.value.final && (
        <button type="button" onClick={reconnect}>
          Try again
        </button>
      )}
    </div>
  );
}
