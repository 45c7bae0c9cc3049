/**
 * The widget's size: `npm run size`. Prints a table of bytes; exits with 1 when a budget is exceeded.
 *
 * The whole widget is the launcher and the chat in its largest language: everything that a visitor
 * who opens the chat loads. What only some visitors need is in a further file.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** In bytes of gzip, as the server sends them. */
const BUDGETS_BYTES = { launcher: 2_048, whole: 10_240, more: 3_072 };

/** The sizes of what `build.mjs` wrote to `dist`, and which budgets are exceeded. */
export function measure(dist) {
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
  const mores = found(/^more-.+\.js$/);
  const parts = [launcher, chats.toSorted((a, b) => b.gzip - a.gzip)[0]];
  const sum = (form) => parts.reduce((bytes, part) => bytes + part[form], 0);
  const whole = {
    file: "the whole widget",
    plain: sum("plain"),
    gzip: sum("gzip"),
    brotli: sum("brotli"),
  };
  const exceeded = [];
  if (launcher.gzip > BUDGETS_BYTES.launcher)
    exceeded.push(`the launcher exceeds ${BUDGETS_BYTES.launcher}`);
  if (whole.gzip > BUDGETS_BYTES.whole)
    exceeded.push(`the whole widget exceeds ${BUDGETS_BYTES.whole}`);
  for (const { file, gzip } of mores) {
    if (gzip > BUDGETS_BYTES.more) exceeded.push(`${file} exceeds ${BUDGETS_BYTES.more}`);
  }
  return { rows: [launcher, ...chats, ...mores, whole], exceeded };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { rows, exceeded } = measure(fileURLToPath(new URL("dist", import.meta.url)));
  console.table(rows);
  for (const line of exceeded) console.error(`${line} bytes of gzip`);
  process.exitCode = exceeded.length ? 1 : 0;
}
