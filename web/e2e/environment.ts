import { Person, type PersonOptions } from "./browser";
import { Agent, Customer } from "./page-objects";
import { Relay } from "./proxy";
import { Server } from "./server";
import { type Page, Shop } from "./shop";

export const PASSWORD = "a long enough password";

export interface WorldOptions {
  /** Settings of the server. */
  env?: Record<string, string>;
  /** The shop's page. */
  page?: Page;
  /** A network that can fail, between one side and the server. */
  proxyFor?: "customer" | "agent";
  /** The network fails in this test, or the server does. */
  badNetwork?: boolean;
}

/** A server with an agent «ada» and a shop that embeds its chat, until the test ends. */
export class World {
  private constructor(
    readonly server: Server,
    readonly shop: Shop,
    readonly proxy: Relay | undefined,
    readonly options: WorldOptions,
  ) {}

  static async start(options: WorldOptions = {}): Promise<World> {
    const shop = await Shop.start();
    const env: Record<string, string> = {
      SHOPTALK_SERVER__ALLOWED_ORIGINS: shop.origin,
      ...options.env,
    };
    const server = await Server.start({ env });
    const proxy = options.proxyFor && (await Relay.start(server.origin));
    if (options.proxyFor === "agent") {
      // The console works from the server's own origin only, so that must be the proxy's.
      await server.stop();
      env.SHOPTALK_SERVER__PUBLIC_URL = proxy!.origin;
      await server.start();
    }
    await server.addAgent("ada", PASSWORD);
    shop.chat = options.proxyFor === "customer" ? proxy!.origin : server.origin;
    shop.page = options.page ?? {};
    return new World(server, shop, proxy, options);
  }

  /** A customer on the shop's page, in a browser of their own. */
  async customer(options: PersonOptions = {}, path = "/"): Promise<Customer> {
    return this.customerOf(await this.#person(options), path);
  }

  /** The same customer in another tab. */
  async customerOf(person: Person, path = "/"): Promise<Customer> {
    return new Customer(await person.tab(this.shop.origin + path));
  }

  /** Somebody with a browser and no page yet. */
  async person(options: PersonOptions = {}): Promise<Person> {
    return this.#person(options);
  }

  /** «ada» at the console, signed in. */
  async agent(options: PersonOptions = {}): Promise<Agent> {
    return this.agentOf(await this.#person(options));
  }

  /** «ada» in a browser that the test keeps an eye on. */
  async agentOf(person: Person): Promise<Agent> {
    const origin = this.options.proxyFor === "agent" ? this.proxy!.origin : this.server.origin;
    const agent = new Agent(await person.tab(`${origin}/admin/chat`));
    await agent.signIn("ada", PASSWORD);
    return agent;
  }

  #person(options: PersonOptions) {
    return Person.arrives({ badNetwork: this.options.badNetwork ?? false, ...options });
  }
}
