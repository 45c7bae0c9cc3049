import { signal } from "@preact/signals";
import type { Colleague, ColleagueList, Summary, Tag, TagList } from "../../shared/protocol";
import { type Call, callForAll } from "../api";

export type Directory = ReturnType<typeof makeDirectory>;

/** Who can be assigned, and which tags there are. */
export function makeDirectory({ call }: { call: Call }) {
  const colleagues = signal<readonly Colleague[]>([]);
  const tags = signal<readonly Tag[]>([]);

  /** What was asked for: somebody who is disabled, for example, is no colleague any more. */
  const asked = new Set<string>();

  return {
    colleagues,
    tags,
    load,

    /** Loads both again when a conversation has a tag or an agent that is not known here. */
    noticed(summaries: readonly Summary[]) {
      const unknown = summaries.flatMap(({ tags: shown, assignee }) => [
        ...shown.filter((tag) => !isKnown(tag)).map(({ id, name }) => `${id} ${name}`),
        ...(assignee && !colleagues.value.some(({ id }) => id === assignee.id)
          ? [assignee.id]
          : []),
      ]);
      if (unknown.every((key) => asked.has(key))) return;
      for (const key of unknown) asked.add(key);
      // Without them, everything else goes on.
      load().catch(() => {});
    },
  };

  function isKnown(tag: Tag) {
    return tags.value.some(({ id, name }) => id === tag.id && name === tag.name);
  }

  async function load() {
    const [agents, all] = await Promise.all([
      callForAll<ColleagueList>(call, "colleagues/"),
      callForAll<TagList>(call, "tags/"),
    ]);
    colleagues.value = agents.results;
    tags.value = all.results;
  }
}
