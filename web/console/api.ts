import type { Problem } from "../shared/protocol";

/** A refusal of the server, in its words. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Partial<Problem>,
    readonly retryAfterS: number,
  ) {
    super(problem.detail ?? `the server answered ${status}`);
  }

  /** What is wrong with one field of a form. */
  about(field: string): string | undefined {
    return this.problem.errors?.find((error) => error.field === field)?.message;
  }
}

/** Calls the agents' API with the console's cookie. Throws `Refused`, or the network's error. */
export async function call<T = void>(method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`/api/admin/${path}`, {
    method,
    ...(body && { headers: { "content-type": "application/json" }, body: encode(body) }),
  });
  if (answer.status === 204) return undefined as T;
  const json = await answer.json().catch(() => ({}));
  if (answer.ok) return json;
  throw new Refused(answer.status, json, Number(answer.headers.get("retry-after")));
}

/** JSON that every server can read, whatever was pasted into a field. */
const encode = (body: object) =>
  JSON.stringify(body, (_, value) => (typeof value === "string" ? value.toWellFormed() : value));

/** What to tell a person about something that did not work. */
export function inWords(error: unknown): string {
  if (!(error instanceof Refused)) {
    return "The server cannot be reached. Nothing was changed; please try again.";
  }
  if (error.status === 429) {
    return `Too many attempts. Please try again in ${spell(error.retryAfterS)}.`;
  }
  if (error.problem.code === "storage_unavailable") {
    return "The server cannot write to its disk at the moment. Nothing was changed.";
  }
  if (error.problem.code === "draining") return "The server is restarting. Please try again.";
  if (error.problem.code === "busy") return "The server is very busy. Please try again.";
  const details = error.problem.errors?.map(({ field, message }) => `${field} ${message}`);
  return sentence(details?.length ? details.join("; ") : error.message);
}

const spell = (seconds: number) =>
  seconds > 90 ? `${Math.ceil(seconds / 60)} minutes` : `${Math.max(1, seconds)} seconds`;

const sentence = (text: string) => {
  const clean = text.replaceAll("_", " ");
  return clean.charAt(0).toUpperCase() + clean.slice(1) + (/[.!?]$/.test(clean) ? "" : ".");
};
