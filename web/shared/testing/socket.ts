import type { Socket } from "../connection";

interface Frame {
  type: string;
  [field: string]: unknown;
}

/** A socket whose other end is the test. */
export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  /** The frames that the client sent. */
  sent: Frame[] = [];
  /** The client has closed it. */
  closed = false;
  /** The server has accepted it. */
  opened = false;

  send(text: string) {
    // A browser's socket throws before it is open, and ignores what is sent after its end.
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

  /** The server accepts the connection. */
  open() {
    this.opened = true;
    this.onopen?.();
  }

  /** The server sends a frame. */
  deliver(frame: Frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The server or the network ends the connection. */
  end(code = 1006) {
    this.onclose?.({ code });
  }
}
