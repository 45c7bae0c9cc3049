import {
  createDecipheriv,
  createECDH,
  type ECDH,
  hkdfSync,
  randomBytes,
  randomUUID,
} from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** What a device was sent, decrypted. */
export interface Rung {
  room_id: string | null;
  title: string;
  body: string;
  topic: string;
}

/**
 * A push service of the tests, in place of the one of the browser's maker, which is not reached. It
 * has one device, and reads what is sent to it as its browser would (RFC 8291).
 */
export class PushService {
  readonly rung: Rung[] = [];
  /** The status of the next response. */
  status = 201;
  readonly #key: ECDH = createECDH("prime256v1");
  readonly #auth = randomBytes(16);
  readonly #path = `/push/${randomUUID()}`;

  private constructor(private readonly origin: () => string) {
    this.#key.generateKeys();
  }

  static async start(): Promise<PushService> {
    const server = createServer();
    const { port } = await new Promise<AddressInfo>((done) =>
      server.listen(0, "127.0.0.1", () => done(server.address() as AddressInfo)),
    );
    const service = new PushService(() => `http://127.0.0.1:${port}`);
    server.on("request", async (request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part) => parts.push(part));
      await once(request, "end");
      const message = JSON.parse(service.#decrypt(Buffer.concat(parts)));
      service.rung.push({ ...message, topic: request.headers.topic });
      response.writeHead(service.status).end();
    });
    onTestFinished(async () => {
      server.closeAllConnections();
      server.close();
    });
    return service;
  }

  /** What the browser's `PushSubscription.toJSON()` returns. */
  get subscription() {
    return {
      endpoint: this.origin() + this.#path,
      expirationTime: null,
      keys: {
        p256dh: this.#key.getPublicKey("base64url"),
        auth: this.#auth.toString("base64url"),
      },
    };
  }

  #decrypt(body: Buffer): string {
    const salt = body.subarray(0, 16);
    const sender = body.subarray(21, 21 + body[20]!);
    const record = body.subarray(21 + body[20]!);
    const expand = (secret: Buffer, salt: Buffer, info: (string | Buffer)[], length: number) => {
      const bytes = Buffer.concat(info.map((part) => Buffer.from(part)));
      return Buffer.from(hkdfSync("sha256", secret, salt, bytes, length));
    };
    const shared = this.#key.computeSecret(sender);
    const info = ["WebPush: info\0", this.#key.getPublicKey(), sender];
    const secret = expand(shared, this.#auth, info, 32);
    const key = expand(secret, salt, ["Content-Encoding: aes128gcm\0"], 16);
    const nonce = expand(secret, salt, ["Content-Encoding: nonce\0"], 12);
    const decipher = createDecipheriv("aes-128-gcm", key, nonce);
    decipher.setAuthTag(record.subarray(-16));
    const text = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
    // A record ends with the delimiter 2.
    return text.subarray(0, text.lastIndexOf(2)).toString();
  }
}
