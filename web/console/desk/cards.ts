import { signal } from "@preact/signals";
import type { Card, CardsAnswer } from "../../shared/protocol";
import type { Call } from "../api";
import type { Language } from "../language/language";

interface Options {
  call: Call;
  language: Language;
}

/** What the shop's own server says about a customer. */
export type ShopCards =
  | { state: "loading" }
  /** The shop has no server for it. */
  | { state: "off" }
  | { state: "loaded"; cards: readonly Card[] }
  /** The shop's server has failed; the reason is the chat's server's own, in English. */
  | { state: "failed"; reason: string }
  /** The chat's server has failed; the error is in the console's language. */
  | { state: "refused"; error: string };

/** The shop's cards about the customer of a conversation: loaded each time they are shown. */
export function makeCards({ call, language }: Options) {
  const shown = signal<{ room: string; cards: ShopCards } | undefined>(undefined);
  let loading = new AbortController();
  let isOff = false;

  return {
    /** What there is for a conversation, once it was loaded or is being loaded. */
    of: (room: string) => (shown.value?.room === room ? shown.value.cards : undefined),

    /** Loads those of a conversation, and nothing else any more. */
    async load(room: string) {
      stop();
      const { signal } = loading;
      // Who has none sees nothing come and go with each conversation.
      shown.value = { room, cards: { state: isOff ? "off" : "loading" } };
      const cards = await ask(room, signal);
      if (signal.aborted) return;
      isOff = cards.state === "off";
      shown.value = { room, cards };
    },

    stop,
  };

  async function ask(room: string, signal: AbortSignal): Promise<ShopCards> {
    try {
      const path = `rooms/${room}/cards/`;
      const { cards, problem } = await call<CardsAnswer>("GET", path, undefined, signal);
      if (problem) return { state: "failed", reason: problem };
      return cards ? { state: "loaded", cards } : { state: "off" };
    } catch (error) {
      return { state: "refused", error: language.describeError(error) };
    }
  }

  /** Loads nothing any more. The server hears of it, and ends its request to the shop's. */
  function stop() {
    loading.abort();
    loading = new AbortController();
  }
}
