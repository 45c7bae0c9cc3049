import { signal } from "@preact/signals";
import { expect, it } from "vitest";
import type { Message, Suggestion } from "../../shared/protocol";
import { english, fakeCall, message, minute, refused } from "../testing/fixtures";
import { makeSuggestion } from "./suggestion";

const suggestion: Suggestion = {
  after_seq: 1,
  content: "It comes today",
  by: "Robot",
  created_at: minute(1),
};

function start(...responses: unknown[]) {
  const selected = signal<string | undefined>("room");
  const messages = signal<readonly Message[]>([message(1)]);
  const { calls, call } = fakeCall(...responses);
  const errors: string[] = [];
  const made = makeSuggestion({
    call,
    selected,
    messages,
    showError: (text) => errors.push(text),
    language: english,
  });
  const draft = (draft: Suggestion | null, room_id = "room") =>
    made.receive({ type: "draft", room_id, draft });
  return { ...made, selected, messages, calls, errors, draft };
}

it("is shown in its own conversation until it is removed", () => {
  const { shown, draft, selected } = start();
  draft(suggestion);
  expect(shown.value).toEqual({ ...suggestion, isStale: false });
  selected.value = "another";
  expect(shown.value).toBeUndefined();
  selected.value = "room";
  draft(null, "another");
  expect(shown.value).toBeDefined();
  draft(null);
  expect(shown.value).toBeUndefined();
});

it("is stale once the customer has written again, and gone once an agent has answered", () => {
  const { shown, draft, messages } = start();
  draft(suggestion);
  messages.value = [message(1), message(2)];
  expect(shown.value?.isStale).toBe(true);
  messages.value = [message(1), message(2, { sender_type: "admin" })];
  expect(shown.value).toBeUndefined();
});

it("is not shown again after it was taken, but the next one is", () => {
  const { shown, draft, take } = start();
  draft(suggestion);
  expect(take()).toBe("It comes today");
  expect(shown.value).toBeUndefined();
  draft({ ...suggestion });
  expect(shown.value, "joining again brings the same one").toBeUndefined();
  draft({ ...suggestion, created_at: minute(2) });
  expect(shown.value).toBeDefined();
});

it("is dismissed for all agents", async () => {
  const { shown, draft, dismiss, calls, errors } = start(undefined, refused(503));
  draft(suggestion);
  await dismiss();
  expect(calls).toEqual([{ method: "DELETE", path: "rooms/room/draft/", body: undefined }]);
  expect(shown.value).toBeUndefined();
  expect(errors).toEqual([]);
  await dismiss();
  expect(errors).toHaveLength(1);
});
