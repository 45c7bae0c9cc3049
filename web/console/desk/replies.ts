import { computed, signal } from "@preact/signals";
import type { Clock } from "../../shared/clock";
import type { CannedReply, ReplyAnswer, ReplyList, ReplyRequest } from "../../shared/protocol";
import type { Call } from "../api";
import { fillIn, type PlaceValues } from "./placeholders";

/** A slash at the beginning of a word, and what follows it up to the caret. */
const SHORTCUT = /(?:^|\s)\/(\S*)$/;

/** Others may have written some since: an open list is loaded again after this time. */
const FRESH_MS = 60_000;

/** A part of the draft that a reply takes the place of. */
export interface Insertion {
  from: number;
  to: number;
  text: string;
}

export type Replies = ReturnType<typeof makeReplies>;

/**
 * Canned replies. All of them are in memory, so that the list follows each key at once.
 *
 * A slash at the beginning of a word opens the list; what is chosen takes the place of that word
 * and is never sent by that.
 */
export interface RepliesOptions {
  clock: Clock;
  call: Call;
  /** What is known of the open conversation. */
  values: () => PlaceValues;
}

export function makeReplies({ clock, call, values }: RepliesOptions) {
  const all = signal<readonly CannedReply[]>([]);
  /** The word behind a slash before the caret. */
  const word = signal<{ text: string; from: number; to: number } | undefined>(undefined);
  const chosen = signal(0);
  let loadedAt = Number.NEGATIVE_INFINITY;
  const matches = computed(() =>
    word.value === undefined ? [] : matching(all.value, word.value.text),
  );

  return {
    all,
    matches,
    isOpen: computed(() => matches.value.length > 0),
    /** Which of the matches is marked. */
    chosen: computed(() => Math.min(chosen.value, matches.value.length - 1)),

    load,

    /** The agent has typed or moved the caret. */
    follow(draft: string, caret: number) {
      const found = SHORTCUT.exec(draft.slice(0, caret));
      const text = found?.[1];
      if (text !== word.value?.text) chosen.value = 0;
      if (text !== undefined && clock.now() - loadedAt > FRESH_MS) {
        // Those at hand are shown meanwhile, and stay if it fails.
        load().catch(() => {});
      }
      word.value =
        text === undefined ? undefined : { text, from: caret - text.length - 1, to: caret };
    },

    /** Marks the next match, or the one before. */
    move(step: 1 | -1) {
      const count = matches.value.length;
      if (count) chosen.value = (Math.min(chosen.value, count - 1) + step + count) % count;
    },

    /** What to insert for the marked match, or for another one. */
    take(reply: CannedReply | undefined = matches.value[chosen.value]): Insertion | undefined {
      const place = word.value;
      word.value = undefined;
      if (!reply || !place) return undefined;
      return { from: place.from, to: place.to, text: fillIn(reply.content, values()) };
    },

    /** Closes the list until the next key. */
    close() {
      word.value = undefined;
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
    all.value = (await call<ReplyList>("GET", "replies/")).results;
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
