import { signal } from "@preact/signals";
import { expect, it } from "vitest";
import type { Rating, RatingList, Summary } from "../../shared/protocol";
import type { Call } from "../api";
import { minute, settle, summary } from "../testing/fixtures";
import { makeRatings } from "./ratings";

const rating = (closing: number, score = 5): Rating => ({
  closing,
  score,
  comment: null,
  created_at: minute(0),
  changed_at: minute(0),
});

function start() {
  const selected = signal<string | undefined>(undefined);
  const state = signal<Summary | undefined>(undefined);
  const answers: { path: string; answer: (results: Rating[]) => void; fail: () => void }[] = [];
  const call = ((_: string, path: string) =>
    new Promise<RatingList>((resolve, reject) => {
      const answer = (results: Rating[]) => resolve({ results, next: null });
      answers.push({ path, answer, fail: () => reject(new Error("offline")) });
    })) as Call;
  const ratings = makeRatings({ call, selected, summary: state });
  const show = (id: string, change: Partial<Summary>) => {
    selected.value = id;
    state.value = summary(id, change);
  };
  return { ratings, answers, selected, state, show };
}

it("loads those of a conversation when it is opened", async () => {
  const { ratings, answers, selected } = start();
  expect(answers).toHaveLength(0);
  selected.value = "a";
  expect(answers[0]!.path).toBe("rooms/a/ratings/?limit=200");
  answers[0]!.answer([rating(2)]);
  await settle();
  expect(ratings.list.value).toEqual([rating(2)]);
  selected.value = "b";
  expect(ratings.list.value, "nothing of another conversation").toEqual([]);
  selected.value = undefined;
  expect(answers).toHaveLength(2);
  ratings.stop();
});

it("loads them again with each version of a closed conversation, and of no open one", async () => {
  const { ratings, answers, show } = start();
  show("a", { version: 1 });
  show("a", { version: 2 });
  expect(answers).toHaveLength(1);
  show("a", { version: 3, status: "closed" });
  show("a", { version: 4, status: "closed" });
  expect(answers).toHaveLength(3);
  answers[2]!.answer([rating(2, 1)]);
  answers[1]!.answer([]);
  answers[0]!.fail();
  await settle();
  expect(ratings.list.value, "an answer that comes late changes nothing").toEqual([rating(2, 1)]);
  ratings.stop();
});
