/**
 * Builds the front ends: `node build.mjs [--out DIR]`.
 *
 * Writes to DIR (default: web/dist) `widget.js`, `*.html` and `assets/NAME-HASH.EXT`, each with
 * `.gz` and `.br` beside it, and `files.txt`: a line per file with the hash of its content.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { minify } from "terser";
import { build, transformWithOxc } from "vite";
import { gzip } from "./gzip.mjs";

const root = dirname(fileURLToPath(import.meta.url));
const flag = process.argv.indexOf("--out");
const out = flag < 0 ? join(root, "dist") : process.argv[flag + 1];

/** The oldest browsers: for light-dark(), relative colours, private fields. */
const BROWSERS = ["chrome125", "firefox128", "safari18"];
const TERSER = {
  ecma: 2020,
  module: true,
  // The other options are chosen by trial: their code compresses better.
  compress: {
    passes: 3,
    unsafe: true,
    unsafe_arrows: true,
    unsafe_math: true,
    booleans: false,
    conditionals: false,
    dead_code: false,
    inline: 1,
    properties: false,
    sequences: false,
  },
};
/**
 * Properties that only the widget's code uses: these get short names. Never those of frames, of the
 * storage or of `window.shoptalk`, which other code reads, or of the browser's own objects.
 */
const OWN_PROPERTIES = `
  settle addNewer addOlder addStyle base button checkNow clearMemory clock emit forget frame
  hello
  firstSeq icon items jwt keyPrefix lastSeq markRead networkLost onChange onFrame onState onStop
  openSocket pause prefix probe redact redirect replaceSocket resume resumePage resync storage storageArea
  storageChanged tagData tries until
`;

/**
 * Replaces `texts.key` in the widget by the text of a language: no object, no file to load.
 * Texts in another script than the code stay together in one list, which compresses better.
 */
async function translation(language) {
  const path = join(root, `widget/locales/${language}.ts`);
  const { code } = await transformWithOxc(readFileSync(path, "utf8"), path);
  const { texts } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const joined = Object.values(texts).join("|");
  const asList = /\p{Script=Arabic}/u.test(joined);
  const list = `export const texts = ${JSON.stringify(joined)}.split("|");\n`;
  return {
    name: "translation",
    enforce: "pre",
    resolveId: (source) => (source === "./locales/en" ? path : null),
    load: (id) => (id === path ? code.replace(/export const texts = [^;]*;/, list) : null),
    transform: (code, id) => {
      if (id === path) return null;
      const textFor = (key) =>
        asList ? `texts[${Object.keys(texts).indexOf(key)}]` : JSON.stringify(texts[key]);
      return code.replaceAll(/\btexts\.(\w+)/g, (_, key) => textFor(key));
    },
  };
}

function replaceEnd(text, end, replacement) {
  if (!text.endsWith(end)) throw new Error(`a file does not end with ${end}`);
  return text.slice(0, -end.length) + replacement;
}

/** Bundles one entry and returns its files: name → { code | source, isEntry }. */
async function bundle(entry, format, define = {}, plugins = []) {
  const [bundled] = await build({
    root,
    plugins,
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    define: { "process.env.NODE_ENV": '"production"', ...define },
    build: {
      write: false,
      minify: "oxc",
      cssMinify: "lightningcss",
      target: BROWSERS,
      cssTarget: BROWSERS,
      lib: { entry: join(root, entry), formats: [format], name: "shoptalk" },
      rolldownOptions: {
        output: { entryFileNames: "[name].js", chunkFileNames: "[name].js", format },
      },
    },
  });
  return bundled.output;
}

const hashOf = (text) =>
  createHash("sha256").update(text).digest("base64url").replace(/[-_]/g, "").slice(0, 8);

/** Writes a file under its name with a hash of its content, and returns that name. */
function writeHashed(name, text, hash = hashOf(text)) {
  const [, stem, extension] = /([^/]+)\.(\w+)$/.exec(name);
  const path = `assets/${stem}-${hash}.${extension}`;
  write(path, text);
  return path;
}

/**
 * Writes a file in each encoding. Its `end` is uncompressed in Brotli, so that the server can replace
 * it without a compressor (`src/http/pages/widget.rs`).
 */
function write(path, text, end = "") {
  const file = join(out, path);
  const bytes = Buffer.from(text);
  listed.push(`${path} ${createHash("sha256").update(bytes).digest("base64url").slice(0, 16)}\n`);
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  compressing.push(gzip(bytes).then((packed) => writeFileSync(`${file}.gz`, packed)));
  // By Node itself, since no budget depends on these bytes.
  const finishFlush = end ? constants.BROTLI_OPERATION_FLUSH : constants.BROTLI_OPERATION_FINISH;
  const start = bytes.subarray(0, bytes.length - Buffer.byteLength(end));
  const packed = brotliCompressSync(start, { params, finishFlush });
  writeFileSync(`${file}.br`, end ? Buffer.concat([packed, stored(end)]) : packed);
}

/** The last bytes of a Brotli stream that was flushed: an uncompressed block, and its end. */
function stored(text) {
  const block = Buffer.from(`...${text}\x03`);
  block.writeUIntLE(((block.length - 5) << 3) | (1 << 19), 0, 3);
  return block;
}

/**
 * Minifies a file. With a `nameCache`, `OWN_PROPERTIES` get short names, the same ones in all files
 * that share it.
 */
const minifyCode = async (code, nameCache) => {
  const own = nameCache ? `|${OWN_PROPERTIES.trim().split(/\s+/).join("|")}` : "";
  const properties = { builtins: true, regex: new RegExp(`^(#.*${own})$`) };
  const options = { ...TERSER, mangle: { properties }, nameCache };
  return (await minify(code, options)).code.replaceAll(/\bconst(?=[ [{])/g, "let");
};

/** Builds a module with lazy chunks: the chunks first, since the module imports their hashed names. */
async function buildModule(entry, name) {
  const files = await bundle(entry, "es");
  const main = files.find((file) => file.isEntry);
  let { code } = main;
  for (const chunk of files.filter((file) => file.type === "chunk" && !file.isEntry)) {
    const path = writeHashed(chunk.fileName, await minifyCode(chunk.code));
    code = code.replaceAll(`./${chunk.fileName}`, `./${path.slice("assets/".length)}`);
  }
  const style = files.find((file) => file.fileName.endsWith(".css"));
  if (style) hashedNames[`${name}.css`] = writeHashed(`${name}.css`, style.source);
  return writeHashed(`${name}.js`, await minifyCode(code));
}

/** The lines of `files.txt`. */
const listed = [];
/** Promises of files that are being compressed. */
const compressing = [];
/** By file: its hashed name, which replaces `{{FILE}}` in the pages. */
const hashedNames = {};

rmSync(out, { recursive: true, force: true });
const widgetNames = {};
const chats = [];
for (const file of readdirSync(join(root, "widget/locales"))) {
  const language = file.replace(".ts", "");
  for (const [name, entry] of Object.entries({ chat: "app", more: "more" })) {
    const plugins = [await translation(language)];
    const [{ code }] = await bundle(`widget/${entry}.ts`, "es", {}, plugins);
    chats.push([name, language, await minifyCode(code, widgetNames)]);
  }
}
// One hash for all languages, so that the launcher can derive each name from the English one, and
// each chat the name of its further file.
const hash = hashOf(chats.join());
for (const [name, language, code] of chats) {
  writeHashed(language === "en" ? `${name}.js` : `${name}-${language}.js`, code, hash);
}
const app = JSON.stringify(`assets/chat-${hash}.js`);
const [launcher] = await bundle("widget/launcher.ts", "es", { __APP__: app });
// What admins have set is an argument at the end of the file: none here, others by the server.
const withArgument = `(__SETTINGS__=>{${launcher.code}})(SETTINGS)`;
const widget = replaceEnd(await minifyCode(withArgument, widgetNames), "(SETTINGS);", "({});");
write("widget.js", widget, "({});");
hashedNames["console.js"] = await buildModule("console/main.tsx", "console");

for (const file of readdirSync(join(root, "storefront"))) {
  if (!file.endsWith(".html")) {
    hashedNames[file] = writeHashed(file, readFileSync(join(root, "storefront", file)));
  }
}
for (const file of ["console/index.html", "storefront/shop.html", "storefront/embed.html"]) {
  const page = readFileSync(join(root, file), "utf8").replaceAll(/\{\{(.+?)\}\}/g, (_, name) => {
    if (!hashedNames[name]) throw new Error(`${file} names ${name}, which is not built`);
    return `/${hashedNames[name]}`;
  });
  write(file.replace(/.*\/(index)?/, "").replace(/^\./, "console."), page);
}
// What makes the console installable has fixed names: browsers keep them.
for (const file of readdirSync(join(root, "console/install"))) {
  const bytes = readFileSync(join(root, "console/install", file));
  write(file, file.endsWith(".js") ? await minifyCode(bytes.toString()) : bytes);
}
await Promise.all(compressing);
writeFileSync(join(out, "files.txt"), listed.join(""));
