import type { Message, Side } from "./protocol";

/**
 * A room's messages as one reader has them: in seq order, each once, without a gap.
 *
 * Whoever feeds it asks the server again when `take` finds a gap; it never holds one.
 */
export class Log {
  messages: Message[] = [];
  /** The epoch of the seqs; another one makes them meaningless. */
  epoch: string | undefined;

  /** The newest seq, or 0. */
  get last(): number {
    return this.messages.at(-1)?.seq ?? 0;
  }

  /** Whether older messages exist on the server. */
  get hasOlder(): boolean {
    return (this.messages[0]?.seq ?? 0) > 1;
  }

  /** Adds what is new at either end. False when something between is missing. */
  take(messages: Message[]): boolean {
    for (const message of messages) {
      if (message.seq <= this.last) continue;
      if (this.last && message.seq > this.last + 1) return false;
      this.messages.push(message);
    }
    return true;
  }

  /** Adds an older page in front; what does not touch the front is left out. */
  takeOlder(page: Message[]) {
    const first = this.messages[0]?.seq ?? 0;
    const older = page.filter(({ seq }) => seq < first);
    if (older.at(-1)?.seq === first - 1) this.messages = [...older, ...this.messages];
  }

  /** The other side has read up to `seq`. */
  read(reader: Side, seq: number) {
    this.messages = this.messages.map((message) =>
      !message.is_read &&
      message.seq <= seq &&
      // Whether this reader's mark is the one that counts for the message.
      (reader === "admin") === (message.sender_type === "customer")
        ? { ...message, is_read: true }
        : message,
    );
  }
}
