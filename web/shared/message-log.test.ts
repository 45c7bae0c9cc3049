import { describe, expect, it } from "vitest";
import { MessageLog } from "./message-log";
import type { Message, SenderType } from "./protocol";
import { seeded, seeds } from "./testing/random";

const message = (seq: number, sender_type: SenderType = "customer"): Message => ({
  id: `id-${seq}`,
  room_id: "room",
  seq,
  sender_type,
  sender_name: "",
  content: `${seq}`,
  event: null,
  is_read: false,
  created_at: "2026-01-01T00:00:00.000Z",
});
const page = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
const seqs = (log: MessageLog) => log.messages.map(({ seq }) => seq);

function logOf(from: number, to: number): MessageLog {
  const log = new MessageLog();
  log.addNewer(page(from, to));
  return log;
}

it("a message whose text was removed keeps its place, and no other changes", () => {
  const log = logOf(1, 3);
  const before = log.messages;
  log.redact([2, 9]);
  expect(log.messages.map(({ content }) => content)).toEqual(["1", "", "3"]);
  expect([log.messages[0], log.lastSeq]).toEqual([before[0], 3]);
  log.redact(undefined);
  expect(seqs(log)).toEqual([1, 2, 3]);
});

describe("newer messages", () => {
  it("start from an empty log, which has nothing older", () => {
    const log = new MessageLog();
    expect([log.lastSeq, log.firstSeq]).toEqual([0, 0]);
  });

  it("may start at any seq", () => {
    const log = logOf(7, 9);
    expect(seqs(log)).toEqual([7, 8, 9]);
    expect([log.lastSeq, log.firstSeq]).toEqual([9, 7]);
  });

  it("are added once each, however often and late they come", () => {
    const log = logOf(1, 3);
    expect(log.addNewer(page(2, 4))).toBe(true);
    expect(log.addNewer(page(1, 1))).toBe(true);
    expect(log.addNewer(page(4, 4))).toBe(true);
    expect(seqs(log)).toEqual([1, 2, 3, 4]);
  });

  it("are refused from a gap on", () => {
    const log = logOf(1, 3);
    expect(log.addNewer([message(5)])).toBe(false);
    expect(log.addNewer([message(4), message(6), message(7)])).toBe(false);
    expect(seqs(log)).toEqual([1, 2, 3, 4]);
    expect(log.addNewer(page(5, 7))).toBe(true);
    expect(log.lastSeq).toBe(7);
  });

  it("replace everything when the server could not resume", () => {
    const log = logOf(1, 3);
    log.messages = [];
    expect([seqs(log), log.lastSeq]).toEqual([[], 0]);
    log.addNewer(page(40, 42));
    expect(seqs(log)).toEqual([40, 41, 42]);
  });
});

describe("older messages", () => {
  it("go in front", () => {
    const log = logOf(50, 52);
    log.addOlder(page(40, 49));
    expect(seqs(log)).toEqual(page(40, 52).map(({ seq }) => seq));
    expect(log.firstSeq).toBe(40);
    log.addOlder(page(1, 39));
    expect(log.firstSeq).toBe(1);
  });

  it("may overlap with what is there", () => {
    const log = logOf(50, 52);
    log.addOlder(page(48, 51));
    expect(seqs(log)).toEqual([48, 49, 50, 51, 52]);
  });

  it("are ignored when they leave a gap or are known", () => {
    const log = logOf(50, 52);
    log.addOlder(page(40, 48));
    log.addOlder(page(50, 52));
    log.addOlder([]);
    expect(seqs(log)).toEqual([50, 51, 52]);
  });
});

describe("read marks", () => {
  const mixed = () => {
    const log = new MessageLog();
    log.addNewer([message(1), message(2, "admin"), message(3, "system"), message(4), message(5)]);
    return log;
  };
  const read = (log: MessageLog) => log.messages.filter((m) => m.is_read).map((m) => m.seq);

  it("of the shop mark the visitor's messages up to the seq", () => {
    const log = mixed();
    log.markRead("admin", 4);
    expect(read(log)).toEqual([1, 4]);
  });

  it("of the visitor mark the shop's and the system's messages up to the seq", () => {
    const log = mixed();
    log.markRead("customer", 2);
    expect(read(log)).toEqual([2]);
    log.markRead("customer", 5);
    expect(read(log)).toEqual([2, 3]);
  });

  it("never move back", () => {
    const log = mixed();
    log.markRead("admin", 5);
    log.markRead("admin", 1);
    expect(read(log)).toEqual([1, 4, 5]);
  });

  it("keep unchanged messages identical, so that they are not rendered again", () => {
    const log = mixed();
    const [first, second] = log.messages;
    log.markRead("admin", 1);
    expect(log.messages[0]).not.toBe(first);
    expect(log.messages[1]).toBe(second);
  });
});

it.each(seeds(100))("has no gap whatever comes in which order, history %i", (seed) => {
  const random = seeded(seed);
  const log = new MessageLog();
  const head = 60;
  for (let step = 0; step < 200; step++) {
    const from = 1 + Math.floor(random() * head);
    const pageOf = page(from, Math.min(head, from + Math.floor(random() * 8)));
    const last = log.lastSeq;
    let complete = true;
    if (random() < 0.7) complete = log.addNewer(pageOf);
    else log.addOlder(pageOf);
    expect(log.lastSeq, `SEED=${seed}`).toBeGreaterThanOrEqual(last);
    if (!complete)
      expect(log.lastSeq, `SEED=${seed}: refused without a gap`).toBeLessThan(from - 1);
    const [first] = log.messages;
    if (first) expect(seqs(log), `SEED=${seed}`).toEqual(seqs(logOf(first.seq, log.lastSeq)));
  }
});
