import { signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import type { Problem } from "../../shared/protocol";
import type { Language } from "../language/language";

const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 10_000;

/**
 * Asks the server every half a minute whether it works, storage included. The connection alone
 * does not show that: it stays open while nothing can be saved.
 */
export function makeHealth({ clock, language: { t } }: { clock: Clock; language: Language }) {
  /** What does not work, in the server's words; empty while everything does. */
  const problem = signal("");
  let isStopped = false;
  let cancelTimer = () => {};
  check();

  return {
    problem,

    stop() {
      isStopped = true;
      cancelTimer();
    },
  };

  async function check() {
    const found = await fetchProblem();
    if (isStopped) return;
    problem.value = found;
    cancelTimer = clock.after(INTERVAL_MS, check);
  }

  async function fetchProblem(): Promise<string> {
    try {
      const response = await fetch("/readyz", { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (response.ok) return "";
      const problem: Partial<Problem> = await response.json();
      // A restart is announced on the connection.
      return problem.code === "draining"
        ? ""
        : (problem.detail ?? t("health.status", { status: `${response.status}` }));
    } catch (error) {
      // Without a network the connection is lost as well, and that is shown.
      return error instanceof DOMException && error.name === "TimeoutError"
        ? t("health.silent")
        : "";
    }
  }
}
