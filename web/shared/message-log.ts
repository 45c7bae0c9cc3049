import type { Message, Side } from "./protocol";

/**
 * A room's messages as one client has them: in seq order, each once, without a gap.
 *
 * It refuses what would leave a gap; its owner then asks the server to resume.
 */
export class MessageLog {
  messages: Message[] = [];
  /** The epoch that the seqs belong to; in another one they mean nothing. */
  epoch: string | undefined;

  /** The newest seq, or 0. */
  get lastSeq(): number {
    return this.messages.at(-1)?.seq ?? 0;
  }

  /** The oldest seq here, or 0. The server has messages before it if it is past 1. */
  get firstSeq(): number {
    return this.messages[0]?.seq ?? 0;
  }

  /** Appends the messages that are new; false when one before them is missing. */
  addNewer(messages: Message[]): boolean {
    for (const message of messages) {
      if (this.lastSeq && message.seq > this.lastSeq + 1) return false;
      if (message.seq > this.lastSeq) this.messages.push(message);
    }
    return true;
  }

  /** Puts a page of older messages in front; one that does not end right before is ignored. */
  addOlder(page: Message[]) {
    const older = page.filter(({ seq }) => seq < this.firstSeq);
    if (older.at(-1)?.seq === this.firstSeq - 1) this.messages = [...older, ...this.messages];
  }

  /** Removes the texts of these messages, as the server has. */
  redact(seqs: number[] = []) {
    this.messages = this.messages.map((message) =>
      seqs.includes(message.seq) ? { ...message, content: "" } : message,
    );
  }

  /** Marks what `reader` has read of the other side's messages, up to `seq`. */
  markRead(reader: Side, seq: number) {
    this.messages = this.messages.map((message) =>
      !message.is_read &&
      message.seq <= seq &&
      // A message counts as read when the other side has read it.
      (reader === "admin") === (message.sender_type === "customer")
        ? { ...message, is_read: true }
        : message,
    );
  }
}
