import { signal } from "@preact/signals";
import { expect, it } from "vitest";
import { english, fakeCall, refused } from "../testing/fixtures";
import { makeRedaction } from "./redaction";

function start(...responses: unknown[]) {
  const selected = signal<string | undefined>("a");
  const { calls, call } = fakeCall(...responses);
  const errors: string[] = [];
  const showError = (text: string) => errors.push(text);
  return {
    selected,
    calls,
    errors,
    redaction: makeRedaction({ language: english, call, selected, showError }),
  };
}

it("removes a message of the open conversation", async () => {
  const { redaction, calls, errors } = start({});
  await redaction.redact(3);
  expect(calls).toEqual([{ method: "POST", path: "rooms/a/messages/3/redact/", body: undefined }]);
  expect(errors).toEqual([]);
});

it("shows why a message was not removed", async () => {
  const { redaction, errors } = start(
    refused(403, "forbidden", "this call requires the role admin"),
  );
  await redaction.redact(3);
  expect(errors).toEqual(["This call requires the role admin."]);
});

it("lets the agent choose messages of one conversation only", () => {
  const { redaction, selected } = start();
  redaction.toggleChoosing();
  expect(redaction.isChoosing()).toBe(true);
  selected.value = "b";
  expect(redaction.isChoosing()).toBe(false);
  selected.value = undefined;
  expect(redaction.isChoosing()).toBe(false);
  selected.value = "a";
  redaction.toggleChoosing();
  expect(redaction.isChoosing()).toBe(false);
});
