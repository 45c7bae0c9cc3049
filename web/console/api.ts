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

/** Calls for all pages of a list. What is beside the results comes from the first page. */
export async function callForAll<T extends Pages>(call: Call, path: string): Promise<T> {
  const list = await call<T>("GET", path);
  const results = [...list.results];
  for (let { next } = list; next; ) {
    const page = await call<T>("GET", `${path}?cursor=${encodeURIComponent(next)}`);
    results.push(...page.results);
    next = page.next;
  }
  return { ...list, results, next: null };
}

interface Pages {
  results: readonly unknown[];
  next: string | null;
}

/** JSON without half an emoji, which a cut paste leaves and no server can read. */
const toJson = (body: object) =>
  JSON.stringify(body, (_, value) => (typeof value === "string" ? value.toWellFormed() : value));
