import { signal } from "@preact/signals";
import type { Colleague, ColleagueList, Tag, TagList } from "../../shared/protocol";
import type { Call } from "../api";

export type Directory = ReturnType<typeof makeDirectory>;

/** Who can be assigned, and which tags there are. */
export function makeDirectory({ call }: { call: Call }) {
  const colleagues = signal<readonly Colleague[]>([]);
  const tags = signal<readonly Tag[]>([]);

  return {
    colleagues,
    tags,

    async load() {
      const [agents, all] = await Promise.all([
        call<ColleagueList>("GET", "colleagues/"),
        call<TagList>("GET", "tags/"),
      ]);
      colleagues.value = agents.results;
      tags.value = all.results;
    },
  };
}
