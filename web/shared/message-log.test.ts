import { describe, expect, it } from "vitest";
import { Log } from "./message-log";
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
const seqs = (log: Log) => log.messages.map(({ seq }) => seq);

function logOf(from: number, to: number): Log {
  const log = new Log();
  log.take(page(from, to));
  return log;
}

describe("taking what is new", () => {
  it("starts with nothing, and nothing older", () => {
    const log = new Log();
    expect([log.last, log.hasOlder]).toEqual([0, false]);
  });

  it("starts wherever the server starts", () => {
    const log = logOf(7, 9);
    expect(seqs(log)).toEqual([7, 8, 9]);
    expect([log.last, log.hasOlder]).toEqual([9, true]);
    expect(logOf(1, 2).hasOlder).toBe(false);
  });

  it("takes each once, however often and however late it comes", () => {
    const log = logOf(1, 3);
    expect(log.take(page(2, 4))).toBe(true);
    expect(log.take(page(1, 1))).toBe(true);
    expect(log.take(page(4, 4))).toBe(true);
    expect(seqs(log)).toEqual([1, 2, 3, 4]);
  });

  it("says when something between is missing, and takes nothing behind the gap", () => {
    const log = logOf(1, 3);
    expect(log.take([message(5)])).toBe(false);
    expect(log.take([message(4), message(6), message(7)])).toBe(false);
    expect(seqs(log)).toEqual([1, 2, 3, 4]);
    expect(log.take(page(5, 7))).toBe(true);
    expect(log.last).toBe(7);
  });

  it("starts over with what the server gives instead of a resume", () => {
    const log = logOf(1, 3);
    log.messages = [];
    expect([seqs(log), log.last]).toEqual([[], 0]);
    log.take(page(40, 42));
    expect(seqs(log)).toEqual([40, 41, 42]);
  });
});

describe("taking what is older", () => {
  it("puts a page in front", () => {
    const log = logOf(50, 52);
    log.takeOlder(page(40, 49));
    expect(seqs(log)).toEqual(page(40, 52).map(({ seq }) => seq));
    expect(log.hasOlder).toBe(true);
    log.takeOlder(page(1, 39));
    expect(log.hasOlder).toBe(false);
  });

  it("takes the part that is older of a page that overlaps", () => {
    const log = logOf(50, 52);
    log.takeOlder(page(48, 51));
    expect(seqs(log)).toEqual([48, 49, 50, 51, 52]);
  });

  it("leaves out a page that does not touch, and one that is known", () => {
    const log = logOf(50, 52);
    log.takeOlder(page(40, 48));
    log.takeOlder(page(50, 52));
    log.takeOlder([]);
    expect(seqs(log)).toEqual([50, 51, 52]);
  });
});

describe("read marks", () => {
  const mixed = () => {
    const log = new Log();
    log.take([message(1), message(2, "admin"), message(3, "system"), message(4), message(5)]);
    return log;
  };
  const read = (log: Log) => log.messages.filter((m) => m.is_read).map((m) => m.seq);

  it("the shop's marks the customer's messages, up to it", () => {
    const log = mixed();
    log.read("admin", 4);
    expect(read(log)).toEqual([1, 4]);
  });

  it("the customer's marks the shop's and the system's messages, up to it", () => {
    const log = mixed();
    log.read("customer", 2);
    expect(read(log)).toEqual([2]);
    log.read("customer", 5);
    expect(read(log)).toEqual([2, 3]);
  });

  it("never goes back", () => {
    const log = mixed();
    log.read("admin", 5);
    log.read("admin", 1);
    expect(read(log)).toEqual([1, 4, 5]);
  });

  it("keeps what did not change the same, so that it need not be drawn again", () => {
    const log = mixed();
    const [first, second] = log.messages;
    log.read("admin", 1);
    expect(log.messages[0]).not.toBe(first);
    expect(log.messages[1]).toBe(second);
  });
});

it.each(seeds(100))("is gapless whatever comes in whatever order, history %i", (seed) => {
  const random = seeded(seed);
  const log = new Log();
  const head = 60;
  for (let step = 0; step < 200; step++) {
    const from = 1 + Math.floor(random() * head);
    const pageOf = page(from, Math.min(head, from + Math.floor(random() * 8)));
    const last = log.last;
    let complete = true;
    if (random() < 0.7) complete = log.take(pageOf);
    else log.takeOlder(pageOf);
    expect(log.last, `SEED=${seed}`).toBeGreaterThanOrEqual(last);
    if (!complete) expect(log.last, `SEED=${seed}: a gap said for nothing`).toBeLessThan(from - 1);
    const [first] = log.messages;
    if (first) expect(seqs(log), `SEED=${seed}`).toEqual(seqs(logOf(first.seq, log.last)));
  }
});
