import type { Problem } from "../shared/protocol";

/** The server refused a call. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Partial<Problem>,
    readonly retryAfterS: number,
  ) {
    super(problem.detail ?? `the server responded with ${status}`);
  }

  /** What is wrong with one field of a form. */
  errorOf(field: string): string | undefined {
    return this.problem.errors?.find((error) => error.field === field)?.message;
  }
}

export type Call = typeof call;

/** Calls the agents' API with the console's cookie. Throws `Refused`, or the network's error. */
export async function call<T = void>(
  method: string,
  path: string,
  body?: object,
  signal?: AbortSignal,
): Promise<T> {
  const response = await fetch(`/api/admin/${path}`, {
    method,
    ...(signal && { signal }),
    ...(body && { headers: { "content-type": "application/json" }, body: toJson(body) }),
  });
  if (response.status === 204) return undefined as T;
  const json = await response.json().catch(() => ({}));
  if (response.ok) return json;
  throw new Refused(response.status, json, Number(response.headers.get("retry-after")));
}

/** Entries of a page: as many as the server gives. */
const PAGE_ITEMS = 200;

/**
 * Calls for all pages of a list. What is beside the results comes from the first page.
 *
 * While a cluster is upgraded, an older node may ignore the cursor and respond with the whole list:
 * what has an `id` that was there already is left out. `idOf` says which it is in other lists.
 */
export async function callForAll<T extends Pages>(
  call: Call,
  path: string,
  idOf: (entry: T["results"][number]) => unknown = (entry: { id?: unknown }) => entry.id ?? entry,
): Promise<T> {
  const first = `${path}?limit=${PAGE_ITEMS}`;
  const list = await call<T>("GET", first);
  const results = new Map<unknown, T["results"][number]>();
  const add = (entries: T["results"]) => {
    for (const entry of entries) if (!results.has(idOf(entry))) results.set(idOf(entry), entry);
  };
  add(list.results);
  for (let { next } = list; next; ) {
    const page = await call<T>("GET", `${first}&cursor=${encodeURIComponent(next)}`);
    add(page.results);
    next = page.next;
  }
  return { ...list, results: [...results.values()], next: null };
}

interface Pages {
  // biome-ignore lint/suspicious/noExplicitAny: entries of lists have nothing in common.
  results: readonly any[];
  next: string | null;
}

/** JSON without half an emoji, which a cut paste leaves and no server can read. */
const toJson = (body: object) =>
  JSON.stringify(body, (_, value) => (typeof value === "string" ? value.toWellFormed() : value));
