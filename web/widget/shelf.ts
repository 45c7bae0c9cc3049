import type { Shelf } from "../shared/outbox";

/** The browser's storage, or memory where a browser refuses it: then only a reload forgets. */
export function shelf(): Shelf {
  try {
    return localStorage;
  } catch {
    return {};
  }
}
