import type { ReplyRequest } from "../../shared/protocol";
import type { CsvRow } from "./replies-csv";

/** A row that was not added, and why. */
export interface RefusedRow {
  line: number;
  shortcut: string;
  reason: string;
}

/** Adds replies one after the other; those that are refused do not keep the rest from being added. */
export async function importReplies(
  rows: readonly CsvRow[],
  add: (reply: ReplyRequest) => Promise<void>,
  describe: (error: unknown) => string,
): Promise<{ added: number; refused: RefusedRow[] }> {
  const refused: RefusedRow[] = [];
  for (const { line, reply } of rows) {
    try {
      await add(reply);
    } catch (error) {
      refused.push({ line, shortcut: reply.shortcut, reason: describe(error) });
    }
  }
  return { added: rows.length - refused.length, refused };
}
