/**
 * Whether the server works the whole way: it tries itself, and this asks how that went. A
 * connection alone does not tell, as it stands also while nothing can be saved.
 */
import { signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import type { Problem } from "../../shared/protocol";

const EVERY_MS = 30_000;
const PATIENCE_MS = 10_000;

/** What does not work, in the server's words; empty while all does. */
export const ailment = signal("");

/** Asks now and every half a minute, until the signal. */
export function watchCanary(clock: Clock, signal: AbortSignal) {
  let stop = () => {};
  const ask = async () => {
    ailment.value = await tried();
    if (!signal.aborted) stop = clock.after(EVERY_MS, ask);
  };
  signal.addEventListener("abort", () => {
    stop();
    ailment.value = "";
  });
  ask();
}

async function tried(): Promise<string> {
  try {
    const answer = await fetch("/readyz", { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.ok) return "";
    const problem: Partial<Problem> = await answer.json();
    // A restart says so itself, on the connection.
    return problem.code === "draining" ? "" : (problem.detail ?? `it answers ${answer.status}`);
  } catch (error) {
    // Without a network the connection is gone as well, and that is shown.
    return error instanceof DOMException && error.name === "TimeoutError"
      ? "it does not answer"
      : "";
  }
}
