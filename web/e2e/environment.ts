import { BrowserProfile, type ProfileOptions } from "./browser";
import { Agent, Visitor } from "./page-objects";
import { TcpProxy } from "./proxy";
import { Server } from "./server";
import { Shop, type ShopPage } from "./shop";

/** The password of the agent "ada". */
export const PASSWORD = "a long enough password";
/** Setting: after a loss, clients reconnect within 0.2 s instead of 5 s. */
export const FAST_RECONNECT = { SHOPTALK_SOCKET__RECONNECT_WINDOW_MS: "200" };
/** Setting: no rate limits. */
export const UNLIMITED = { SHOPTALK_LIMITS__ENABLED: "false" };

export interface EnvironmentOptions {
  /** Settings of the server, as environment variables. */
  settings?: Record<string, string>;
  /** The shop's page. */
  page?: ShopPage;
  /** Puts a network that can fail between one side and the server. */
  proxyFor?: "visitor" | "agent";
  /** Network errors in the browsers do not fail the test. */
  allowNetworkErrors?: boolean;
}

/** A server with the agent "ada" and a shop that embeds its chat, until the test ends. */
export class Environment {
  private constructor(
    readonly server: Server,
    readonly shop: Shop,
    readonly proxy: TcpProxy | undefined,
    readonly options: EnvironmentOptions,
  ) {}

  static async start(options: EnvironmentOptions = {}): Promise<Environment> {
    const shop = await Shop.start();
    const settings: Record<string, string> = {
      SHOPTALK_SERVER__ALLOWED_ORIGINS: shop.origin,
      ...options.settings,
    };
    const server = await Server.start({ settings });
    const proxy = options.proxyFor && (await TcpProxy.start(server.origin));
    if (options.proxyFor === "agent") {
      // The console works from the server's own origin only, so that must be the proxy's.
      await server.stop();
      settings.SHOPTALK_SERVER__PUBLIC_URL = proxy!.origin;
      await server.start();
    }
    await server.addAgent("ada", PASSWORD);
    shop.chat = options.proxyFor === "visitor" ? proxy!.origin : server.origin;
    shop.page = options.page ?? {};
    return new Environment(server, shop, proxy, options);
  }

  /** A visitor on the shop's page, in a browser of their own. */
  async visitor(options: ProfileOptions = {}, path = "/"): Promise<Visitor> {
    return this.visitorIn(await this.profile(options), path);
  }

  /** A visitor in a new tab of a browser. */
  async visitorIn(profile: BrowserProfile, path = "/"): Promise<Visitor> {
    return new Visitor(await profile.tab(this.shop.origin + path));
  }

  /** The agent "ada" at the console, signed in. */
  async agent(options: ProfileOptions = {}): Promise<Agent> {
    return this.agentIn(await this.profile(options));
  }

  /** The agent "ada", or another one, in a new tab of a browser. */
  async agentIn(profile: BrowserProfile, name = "ada"): Promise<Agent> {
    const origin = this.options.proxyFor === "agent" ? this.proxy!.origin : this.server.origin;
    const agent = new Agent(await profile.tab(`${origin}/admin/chat`));
    await agent.signIn(name, PASSWORD);
    return agent;
  }

  /** The admin "ada" without a console: a function that makes calls below `/api/admin/`. */
  async admin() {
    const login = { username: "ada", password: PASSWORD };
    const { token } = await this.call("POST", "admin/login/", login);
    return (method: string, path: string, body?: object) =>
      this.call(method, `admin/${path}`, body, token);
  }

  /** Posts to the rooms of customers, without a page. */
  postToRooms(path: string, body: object, token?: string) {
    return this.call("POST", `chat/rooms/${path}`, body, token);
  }

  private async call(method: string, path: string, body?: object, token?: string) {
    const response = await fetch(`${this.server.origin}/api/${path}`, {
      method,
      headers: {
        "content-type": "application/json",
        ...(token && { authorization: `Bearer ${token}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw Error(`${method} ${path}: ${response.status}`);
    return response.json();
  }

  /** A browser without a page. */
  profile(options: ProfileOptions = {}): Promise<BrowserProfile> {
    const { allowNetworkErrors = false } = this.options;
    return BrowserProfile.create({ allowNetworkErrors, ...options });
  }
}
