import { beforeEach, describe, expect, it } from "vitest";
import { makeStorage } from "../../shared/storage";
import { FakeClock } from "../../shared/testing/clock";
import { FakeStorage } from "../../shared/testing/storage";
import { english } from "../testing/fixtures";
import { type Composer, makeComposer } from "./composer";

const KEY = "shoptalk:console:ada:draft:room";

let clock: FakeClock;
let storage: FakeStorage;
let isOnline: boolean;
let typing: string[];
let posted: [string, string, string][];
let composer: Composer;

beforeEach(() => {
  clock = new FakeClock();
  storage = new FakeStorage();
  isOnline = true;
  typing = [];
  posted = [];
  composer = makeComposer({
    language: english,
    clock,
    storage: makeStorage(storage.view()),
    agentId: "ada",
    sendTyping(room) {
      if (isOnline) typing.push(room);
      return isOnline;
    },
    post: (kind, room, content) => posted.push([kind, room, content]),
  });
});

describe("a draft", () => {
  it("is stored per conversation while it is written", () => {
    composer.open("room");
    composer.write("half a sent");
    expect(storage.items).toEqual({ [KEY]: "half a sent" });
    composer.open("other");
    expect(composer.draft.value).toBe("");
    composer.open("room");
    expect(composer.draft.value).toBe("half a sent");
    composer.write("");
    expect(storage.items).toEqual({});
  });

  it("that cannot be stored is kept, with a warning", () => {
    composer.open("room");
    storage.full = true;
    composer.write("half a sent");
    expect(composer.draft.value).toBe("half a sent");
    expect(composer.problem.value).toMatch(/cannot store the draft/);
    composer.open("room");
    expect([composer.draft.value, composer.problem.value]).toEqual(["half a sent", ""]);
  });

  it("stays behind an inserted text", () => {
    composer.open("room");
    composer.insert("refused", "message");
    expect(composer.draft.value).toBe("refused");
    composer.insert("earlier", "message");
    expect(composer.draft.value).toBe("earlier\nrefused");
  });
});

describe("sending", () => {
  it("posts the trimmed text and empties the field", () => {
    composer.open("room");
    composer.write("  hello ");
    composer.submit();
    expect(posted).toEqual([["message", "room", "hello"]]);
    expect([composer.draft.value, storage.items]).toEqual(["", {}]);
  });

  it("is not possible without a conversation", () => {
    composer.write("hello");
    composer.submit();
    expect(posted).toEqual([]);
  });

  it.each([
    ["", false],
    [" \n\u200b", false],
    ["hello", true],
    ["12345678", true],
    ["😀😀😀😀😀😀😀😀", true],
    ["123456789", false],
  ])("%j with at most 8 characters: %s", (text, expected) => {
    composer.maxContent.value = 8;
    composer.open("room");
    composer.write(text);
    expect(composer.canSend.value).toBe(expected);
    composer.submit();
    expect(posted.length > 0).toBe(expected);
  });
});

describe("typing", () => {
  beforeEach(() => composer.open("room"));

  it("is sent at most every 2.5 s, and not for an emptied field", () => {
    composer.write("h");
    composer.write("he");
    clock.pass(2_500);
    composer.write("");
    expect(typing).toHaveLength(1);
    composer.write("hel");
    expect(typing).toHaveLength(2);
  });

  it("is sent again right after a message", () => {
    composer.write("h");
    composer.submit();
    composer.write("a");
    expect(typing).toHaveLength(2);
  });

  it("is tried again when there was no connection", () => {
    isOnline = false;
    composer.write("h");
    isOnline = true;
    composer.write("he");
    expect(typing).toEqual(["room"]);
  });
});

describe("a note", () => {
  const NOTE = "shoptalk:console:ada:draft-note:room";

  it("has a draft of its own, and neither is shown as the other's", () => {
    composer.open("room");
    composer.write("to the customer");
    composer.setKind("note");
    expect([composer.kind.value, composer.draft.value]).toEqual(["note", ""]);
    composer.write("to the others");
    expect(storage.items).toMatchObject({ [KEY]: "to the customer", [NOTE]: "to the others" });
    composer.setKind("message");
    expect(composer.draft.value).toBe("to the customer");
  });

  it("is sent as one, and the reply stays", () => {
    composer.open("room");
    composer.write("to the customer");
    composer.setKind("note");
    composer.write("to the others");
    composer.submit();
    composer.setKind("message");
    expect(posted).toEqual([["note", "room", "to the others"]]);
    expect(composer.draft.value).toBe("to the customer");
  });

  it("is written where it was begun, also after other rooms and a reload", () => {
    composer.open("room");
    composer.setKind("note");
    composer.write("to the others");
    composer.open("other");
    expect([composer.kind.value, composer.draft.value]).toEqual(["message", ""]);
    composer.write("to the customer");
    composer.submit();
    const reloaded = makeComposer({
      language: english,
      clock,
      storage: makeStorage(storage.view()),
      agentId: "ada",
      sendTyping: () => true,
      post: (kind, room, content) => posted.push([kind, room, content]),
    });
    reloaded.open("room");
    expect([reloaded.kind.value, reloaded.draft.value]).toEqual(["note", "to the others"]);
    reloaded.submit();
    expect(posted).toEqual([
      ["message", "other", "to the customer"],
      ["note", "room", "to the others"],
    ]);
  });

  it("is a note even where nothing can be stored", () => {
    composer.open("room");
    storage.full = true;
    composer.setKind("note");
    composer.write("to the others");
    composer.submit();
    expect(posted).toEqual([["note", "room", "to the others"]]);
  });

  it("that was refused is put back as one", () => {
    composer.open("room");
    composer.write("to the customer");
    composer.insert("refused", "note");
    expect([composer.kind.value, composer.draft.value]).toEqual(["note", "refused"]);
    composer.setKind("message");
    expect(composer.draft.value).toBe("to the customer");
  });

  it("sends no typing", () => {
    composer.open("room");
    composer.setKind("note");
    composer.write("to the others");
    expect(typing).toEqual([]);
    composer.setKind("message");
    composer.write("h");
    expect(typing).toEqual(["room"]);
  });

  it("of an erased conversation is forgotten with its mode", () => {
    composer.open("room");
    composer.write("to the customer");
    composer.setKind("note");
    composer.write("to the others");
    composer.forget("room");
    expect(storage.items).toEqual({});
  });
});
