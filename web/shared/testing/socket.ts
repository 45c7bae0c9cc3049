import type { Wire } from "../connection";

interface Frame {
  type: string;
  [field: string]: unknown;
}

/** A socket whose other end is the test. */
export class FakeWire implements Wire {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  /** What the client sent. */
  sent: Frame[] = [];
  /** The client has closed it. */
  closed = false;
  /** The server has accepted it. */
  opened = false;

  send(text: string) {
    // A browser's socket throws before it is open, and swallows what comes after its end.
    if (!this.opened) throw new Error("the socket is still connecting");
    if (!this.closed) this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  /** The types of the frames sent. */
  get types() {
    return this.sent.map(({ type }) => type);
  }

  /** The server accepts. */
  open() {
    this.opened = true;
    this.onopen?.();
  }

  /** The server says something. */
  says(frame: Frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The socket ends without the client's doing. */
  ends(code = 1006) {
    this.onclose?.({ code });
  }
}
