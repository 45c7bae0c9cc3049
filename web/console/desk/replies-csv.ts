/** Canned replies as a CSV file, for spreadsheets and for moving in from elsewhere. */
import Papa from "papaparse";
import type { CannedReply, ReplyRequest } from "../../shared/protocol";

const COLUMNS = ["shortcut", "title", "content", "shared"];
/** What a spreadsheet would take for the beginning of a formula; written with an apostrophe. */
const ESCAPED = /^'(?=[=+\-@\t\r])/;
const YES = /^(1|true|yes|shared)$/i;

/** A row of a file, with the line that it begins on. */
export interface CsvRow {
  line: number;
  reply: ReplyRequest;
}

export function toCsv(replies: readonly CannedReply[]): string {
  const rows = replies.map(({ shortcut, title, content, shared }) => [
    shortcut,
    title,
    content,
    String(shared),
  ]);
  return Papa.unparse({ fields: COLUMNS, data: rows }, { escapeFormulae: true });
}

/**
 * The rows of a file with the columns `shortcut` and `content`, and perhaps `title` and `shared`.
 * Undefined when it is no such file.
 */
export function fromCsv(text: string): CsvRow[] | undefined {
  const { data, meta } = Papa.parse<Record<string, string | undefined>>(text, {
    header: true,
    skipEmptyLines: "greedy",
    transformHeader: (header) =>
      header
        .replace(/^\ufeff/, "")
        .trim()
        .toLowerCase(),
    transform: (value) => value.replace(ESCAPED, ""),
  });
  if (!["shortcut", "content"].every((column) => meta.fields?.includes(column))) return undefined;
  return data.map(({ shortcut = "", title = "", content = "", shared = "" }, row) => ({
    line: row + 2,
    reply: { shortcut, title, content, shared: YES.test(shared.trim()) },
  }));
}
