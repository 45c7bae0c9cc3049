import type { Summary } from "../../shared/protocol";
import { Refused } from "../api";
import type { Language } from "../language/language";

export interface HandlingOptions {
  agentId: string;
  change: (id: string, fields: object) => Promise<void>;
  add: (summaries: readonly Summary[]) => void;
  summaryOf: (id: string) => Summary | undefined;
  showError: (text: string) => void;
  language: Language;
}

export type Handling = ReturnType<typeof makeHandling>;

/** Who answers a conversation, its tags, whether it is spam, until when it is put off. */
export function makeHandling({
  agentId,
  change,
  add,
  summaryOf,
  showError,
  language: { t, describeError },
}: HandlingOptions) {
  return {
    assign,

    /** Takes a conversation, or gives it back. */
    claim(id: string) {
      const isMine = summaryOf(id)?.assignee?.id === agentId;
      return assign(id, isMine ? null : agentId);
    },

    /** Takes a conversation. */
    take(id: string) {
      return assign(id, agentId);
    },

    addTag(id: string, tag: string) {
      const tags = tagsOf(id);
      return attempt(() => change(id, { tags: [...new Set([...tags, tag])] }));
    },

    /** Puts a tag on a conversation, or takes it off. */
    toggleTag(id: string, tag: string) {
      const tags = tagsOf(id);
      const changed = tags.includes(tag) ? tags.filter((each) => each !== tag) : [...tags, tag];
      return attempt(() => change(id, { tags: changed }));
    },

    blockUntil: (id: string, until: Date) =>
      attempt(() => change(id, { blocked_until: until.toISOString() })),

    close: (id: string) => attempt(() => change(id, { status: "closed" })),

    reopen: (id: string) => attempt(() => change(id, { status: "active" })),

    setSpam: (id: string, spam: boolean) => attempt(() => change(id, { spam })),

    snooze: (id: string, until: Date | null) =>
      attempt(() => change(id, { snoozed_until: until?.toISOString() ?? null })),
  };

  function tagsOf(id: string): string[] {
    return (summaryOf(id)?.tags ?? []).map((tag) => tag.id);
  }

  /** Gives a conversation to an agent, or to nobody, unless somebody else was quicker. */
  async function assign(id: string, assignee: string | null) {
    const expected = summaryOf(id)?.assignee?.id ?? null;
    try {
      await change(id, { assignee, expect_assignee: expected });
    } catch (error) {
      const summary = error instanceof Refused ? error.problem.summary : undefined;
      if (!summary) return showError(describeError(error));
      add([summary]);
      const name = summary.assignee?.display_name;
      showError(name ? t("handling.quicker", { name }) : t("handling.freed"));
    }
  }

  async function attempt(task: () => Promise<unknown>) {
    try {
      await task();
    } catch (error) {
      showError(describeError(error));
    }
  }
}

/** Nine o'clock of the day after. */
export function tomorrow(now: number): Date {
  const day = new Date(now);
  day.setDate(day.getDate() + 1);
  day.setHours(9, 0, 0, 0);
  return day;
}
