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

/** JSON without half an emoji, which a cut paste leaves and no server can read. */
const toJson = (body: object) =>
  JSON.stringify(body, (_, value) => (typeof value === "string" ? value.toWellFormed() : value));
