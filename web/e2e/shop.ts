import { once } from "node:events";
import { createServer } from "node:http";
import { onTestFinished } from "vitest";
import { freePort } from "./server";

/** The shop's page. */
export interface ShopPage {
  /** The attributes of the widget's tag. */
  attributes?: string;
  title?: string;
  lang?: string;
  /** The page's own content. */
  body?: string;
  /** A style sheet of the page. */
  css?: string;
}

/** A shop on an origin of its own, with the strictest policy under which the widget must work. */
export class Shop {
  readonly origin: string;
  /** The browsers' reports of violations of the policy. */
  readonly reports: string[] = [];
  /** The origin of the widget. */
  chat = "";
  page: ShopPage = {};
  /** Further pages by their path, without the shop's policy. */
  readonly pages: Record<string, string> = {};

  private constructor(readonly port: number) {
    // Another host name than the server's, so that cookies and storage are separate.
    this.origin = `http://localhost:${port}`;
  }

  static async start(): Promise<Shop> {
    const shop = new Shop(await freePort());
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", shop.origin);
      if (pathname === "/csp") {
        let report = "";
        request.on("data", (part) => {
          report += part;
        });
        request.on("end", () => shop.reports.push(report));
        response.writeHead(204).end();
      } else if (pathname === "/page.css") {
        response.writeHead(200, { "content-type": "text/css" }).end(shop.page.css);
      } else if (shop.pages[pathname]) {
        response
          .writeHead(200, { "content-type": "text/html; charset=utf-8" })
          .end(shop.pages[pathname]);
      } else {
        response
          .writeHead(200, {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": shop.#policy(),
          })
          .end(shop.#html());
      }
    });
    server.listen(shop.port, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    });
    return shop;
  }

  #policy() {
    const { chat, page } = this;
    const sources = `${chat} ${chat.replace("http", "ws")}`;
    const styles = page.css ? " style-src 'self';" : "";
    return `default-src 'none'; script-src ${chat};${styles} connect-src ${sources}; report-uri /csp`;
  }

  #html() {
    const { attributes = "", title = "Shop", lang = "en", body = "", css } = this.page;
    return `<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
${css ? '<link rel="stylesheet" href="/page.css">' : ""}
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${body}
<script async src="${this.chat}/widget.js" ${attributes}></script>
</body>
</html>`;
  }
}

/** Escapes text for HTML. */
const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
