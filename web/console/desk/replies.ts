import { signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import type {
  CannedReply,
  Interval,
  ReplyAnswer,
  ReplyList,
  ReplyRequest,
} from "../../shared/protocol";
import { type Call, callForAll } from "../api";
import type { Language } from "../language/language";
import { makeChoices } from "./choices";
import { fillIn, type PlaceValues } from "./placeholders";

/** A slash at the beginning of a word, and what follows it up to the caret. */
const SHORTCUT = /(?:^|\s)\/(\S*)$/;

/** Others may have written some since: an open list is loaded again after this time. */
const FRESH_MS = 60_000;

export type Replies = ReturnType<typeof makeReplies>;

/**
 * Canned replies. All of them are in memory, so that the list follows each key at once.
 *
 * A slash at the beginning of a word opens the list.
 */
export interface RepliesOptions {
  clock: Clock;
  call: Call;
  /** What is known of the open conversation. */
  values: () => PlaceValues;
  language: Language;
}

export function makeReplies({ clock, call, values, language }: RepliesOptions) {
  const { format } = language;
  const all = signal<readonly CannedReply[]>([]);
  /** When the shop is open each week; empty: always. */
  let hours: readonly Interval[] = [];
  const choices = makeChoices<CannedReply>({
    pattern: SHORTCUT,
    matching: (word) => matching(all.value, word),
    textOf: ({ content }) => fillIn(content, places()),
  });
  let loadedAt = Number.NEGATIVE_INFINITY;

  return {
    ...choices,
    all,

    load,

    /** The agent has typed or moved the caret. */
    follow(draft: string, caret: number) {
      const hasWord = choices.follow(draft, caret);
      if (hasWord && clock.now() - loadedAt > FRESH_MS) {
        // Those at hand are shown meanwhile, and stay if it fails.
        load().catch(() => {});
      }
    },

    async add(reply: ReplyRequest) {
      const { reply: added } = await call<ReplyAnswer>("POST", "replies/", reply);
      put(added);
    },

    async change(id: string, change: Partial<ReplyRequest>) {
      const { reply } = await call<ReplyAnswer>("PATCH", `replies/${id}/`, change);
      put(reply);
    },

    async remove(id: string) {
      await call("DELETE", `replies/${id}/`);
      all.value = all.value.filter((reply) => reply.id !== id);
    },
  };

  /** Loads what there is now. */
  async function load() {
    loadedAt = clock.now();
    const list = await callForAll<ReplyList>(call, "replies/");
    all.value = list.results;
    // A node that is not upgraded yet sends none.
    hours = list.hours ?? [];
  }

  function places(): PlaceValues {
    return { ...values(), hours: hours.length ? format.hours(hours) : undefined };
  }

  function put(reply: CannedReply) {
    const others = all.value.filter(({ id }) => id !== reply.id);
    all.value = [...others, reply].sort((a, b) => a.shortcut.localeCompare(b.shortcut));
  }
}

/** Replies in which every word occurs; those whose shortcut begins with the text come first. */
function matching(replies: readonly CannedReply[], text: string): CannedReply[] {
  const wanted = text.toLowerCase();
  const ranked = replies.flatMap((reply) => {
    const rank = rankOf(reply, wanted);
    return rank < 0 ? [] : [{ reply, rank }];
  });
  return ranked.sort((a, b) => a.rank - b.rank).map(({ reply }) => reply);
}

function rankOf({ shortcut, title, content }: CannedReply, wanted: string): number {
  const places = [shortcut, title, content].map((part) => part.toLowerCase().indexOf(wanted));
  if (places[0] === 0) return 0;
  const place = places.findIndex((index) => index >= 0);
  return place < 0 ? -1 : place + 1;
}
