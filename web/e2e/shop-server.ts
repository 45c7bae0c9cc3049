import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { Card } from "../shared/protocol";

/** The shop's own server, which has cards about customers. */
export class ShopServer {
  /** What it was asked, the newest last. */
  readonly asked: { room_id: string; name: string | null }[] = [];
  /** Replies to the next requests. */
  reply: (response: ServerResponse, name: string | null) => void = (response) =>
    replyWith(response, []);

  private constructor(readonly settings: Record<string, string>) {}

  static async start(): Promise<ShopServer> {
    const server = createServer();
    const { port } = await new Promise<AddressInfo>((done) =>
      server.listen(0, "127.0.0.1", () => done(server.address() as AddressInfo)),
    );
    const shop = new ShopServer({
      SHOPTALK_CARDS__URL: `http://127.0.0.1:${port}/cards`,
      SHOPTALK_CARDS__SECRET: "a secret of the shop with 32 bytes",
      SHOPTALK_CARDS__ALLOW_PRIVATE: "true",
    });
    server.on("request", async (request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part) => parts.push(part));
      await once(request, "end");
      const question = JSON.parse(Buffer.concat(parts).toString());
      shop.asked.push(question);
      shop.reply(response, question.name);
    });
    onTestFinished(async () => {
      server.closeAllConnections();
      server.close();
    });
    return shop;
  }
}

export function replyWith(response: ServerResponse, cards: Partial<Card>[]) {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ cards }));
}
