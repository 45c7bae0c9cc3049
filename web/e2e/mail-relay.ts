import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A mail as it was handed over. */
export interface Mail {
  recipients: string[];
  /** Its headers and its body; lines that were folded for their transport are whole again. */
  text: string;
}

/** A mail relay of the tests: it takes every mail and delivers none. */
export class MailRelay {
  readonly mails: Mail[] = [];
  /** With which line every recipient is refused, if so. */
  refused: string | undefined;

  private constructor(readonly url: string) {}

  static async start(): Promise<MailRelay> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      relay.#serve(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const relay = new MailRelay(`smtp://127.0.0.1:${port}`);
    onTestFinished(async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    });
    return relay;
  }

  /** The mails to an address. */
  to(address: string): Mail[] {
    return this.mails.filter(({ recipients }) => recipients.includes(address));
  }

  #serve(socket: Socket) {
    let received = "";
    let recipients: string[] = [];
    let isData = false;
    const reply = (line: string) => socket.write(`${line}\r\n`);
    reply("220 relay.example ESMTP");
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      for (;;) {
        const end = isData ? "\r\n.\r\n" : "\r\n";
        const at = received.indexOf(end);
        if (at < 0) return;
        const text = received.slice(0, at);
        received = received.slice(at + end.length);
        if (isData) {
          isData = false;
          this.mails.push({ recipients, text: unfolded(text) });
          recipients = [];
          reply("250 taken");
          continue;
        }
        const recipient = /^RCPT TO:<(.+?)>/i.exec(text)?.[1];
        if (recipient && this.refused) {
          reply(this.refused);
          continue;
        }
        if (recipient) recipients.push(recipient);
        isData = /^DATA/i.test(text);
        if (isData) reply("354 go on");
        else if (/^EHLO/i.test(text)) reply("250-relay.example\r\n250 8BITMIME");
        else if (/^QUIT/i.test(text)) socket.end("221 bye\r\n");
        else reply("250 fine");
      }
    });
  }
}

/** Joins the lines of folded headers and of quoted-printable text. */
const unfolded = (text: string) => text.replace(/=\r\n/g, "").replace(/\r\n[ \t]+/g, " ");
