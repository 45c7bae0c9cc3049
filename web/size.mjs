/**
 * What the widget weighs: `npm run size`. Prints a table of bytes and exits with 1 past a budget.
 *
 * The whole widget is the launcher and the chat in its largest language: what a visitor who
 * opens the chat has loaded.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Bytes of gzip as the server sends them: `gzip.mjs` makes the same ones everywhere. */
const BUDGETS = { launcher: 2_048, whole: 10_240 };

/** The sizes of what `build.mjs` left in `dist`, and the budgets that were passed. */
export function weigh(dist) {
  const size = (file) => readFileSync(`${dist}/${file}`).length;
  const row = (file) => ({
    file,
    plain: size(file),
    gzip: size(`${file}.gz`),
    brotli: size(`${file}.br`),
  });
  const found = (pattern) =>
    readdirSync(`${dist}/assets`)
      .filter((name) => pattern.test(name))
      .map((name) => row(`assets/${name}`));
  const launcher = row("widget.js");
  const chats = found(/^chat-.+\.js$/);
  const parts = [launcher, chats.toSorted((a, b) => b.gzip - a.gzip)[0]];
  const sum = (form) => parts.reduce((bytes, part) => bytes + part[form], 0);
  const whole = {
    file: "the whole widget",
    plain: sum("plain"),
    gzip: sum("gzip"),
    brotli: sum("brotli"),
  };
  const over = [];
  if (launcher.gzip > BUDGETS.launcher) over.push(`the launcher is past ${BUDGETS.launcher}`);
  if (whole.gzip > BUDGETS.whole) over.push(`the whole widget is past ${BUDGETS.whole}`);
  return { rows: [launcher, ...chats, whole], over };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { rows, over } = weigh(fileURLToPath(new URL("dist", import.meta.url)));
  console.table(rows);
  for (const line of over) console.error(`${line} bytes of gzip`);
  process.exitCode = over.length ? 1 : 0;
}
