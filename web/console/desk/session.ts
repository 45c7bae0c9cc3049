import { batch, signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import type { Agent } from "../../shared/protocol";
import type { BrowserStorage } from "../../shared/storage";
import { type Call, Refused } from "../api";
import type { Language } from "../language/language";
import type { Notices } from "./notices";

export interface SessionOptions {
  call: Call;
  clock: Clock;
  storage: BrowserStorage;
  notices: Notices;
  language: Language;
  onSignIn: (agent: Agent) => void;
  onSignOut: () => void;
  reloadPage: () => void;
}

export type Session = ReturnType<typeof makeSession>;

/** Who was signed in last: a page that opens need not ask the server before it connects. */
const AGENT_KEY = "shoptalk:console:agent";
const RETRY_MS = 3_000;

/** An agent's sign-in. The session itself is the server's cookie. */
export function makeSession({
  call,
  clock,
  storage,
  notices,
  language: { t, describeError },
  onSignIn,
  onSignOut,
  reloadPage,
}: SessionOptions) {
  /** Who is signed in; undefined until known, null for nobody. */
  const agent = signal<Agent | null | undefined>(undefined);

  return {
    agent,
    restore,
    signIn,
    end,
    attempt,

    /** Ends the session here, or all of this agent's. Drafts and unsent messages stay stored. */
    async signOut(everywhere: boolean) {
      if (await attempt(() => call("POST", "logout/", { everywhere }))) end();
    },

    /** Whether this agent is to be alerted, on any device, when a customer waits. */
    async setOnDuty(on_duty: boolean) {
      const asked = agent.value;
      const changed = await attempt(async () => {
        agent.value = (await call<{ agent: Agent }>("PATCH", "me/", { on_duty })).agent;
      });
      // The switch shows again what holds.
      if (!changed && asked && agent.value === asked) agent.value = { ...asked };
    },

    /** The agent's details as the server has them now. */
    update(fresh: Agent) {
      agent.value = fresh;
    },

    /** Whether the welcome is for this agent; if not, the page is loaded again for the other one. */
    confirm(welcomed: Agent): boolean {
      if (welcomed.id === agent.value?.id) {
        agent.value = welcomed;
        return true;
      }
      // Somebody else has signed in from another tab; drafts and unsent messages are per agent.
      storage.set(AGENT_KEY, JSON.stringify(welcomed));
      reloadPage();
      return false;
    },
  };

  /** Finds out who is signed in. If an agent is stored, the welcome will confirm or refuse it. */
  async function restore() {
    try {
      signIn(storedAgent() ?? (await call<{ agent: Agent }>("GET", "me/")).agent);
    } catch (error) {
      if (error instanceof Refused && error.status === 401) agent.value = null;
      else {
        notices.showBanner(() => describeError(error));
        clock.after(RETRY_MS, restore);
      }
    }
  }

  function storedAgent(): Agent | undefined {
    try {
      const stored: Agent = JSON.parse(storage.get(AGENT_KEY)!);
      if (stored.id) return stored;
    } catch {
      // Nothing is stored, or something else under our key.
    }
    return undefined;
  }

  function signIn(signedIn: Agent) {
    storage.set(AGENT_KEY, JSON.stringify(signedIn));
    batch(() => {
      notices.dismissBanner();
      agent.value = signedIn;
      onSignIn(signedIn);
    });
  }

  /** The session has ended; `reason` is shown to the agent. */
  function end(reason?: () => string) {
    storage.remove(AGENT_KEY);
    batch(() => {
      onSignOut();
      agent.value = null;
      if (reason) notices.showBanner(reason, { isFinal: true });
      else notices.dismissBanner();
    });
  }

  /** Runs a call to the server and shows why it failed; returns whether it worked. */
  async function attempt(task: () => Promise<unknown>): Promise<boolean> {
    try {
      await task();
      return true;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) end(() => t("session.ended"));
      else notices.showToast(describeError(error));
      return false;
    }
  }
}
