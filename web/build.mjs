/**
 * Builds the front ends: `node build.mjs [--out DIR]`.
 *
 * Leaves in DIR (web/dist when left out) `widget.js`, `*.html`, `assets/NAME-HASH.EXT`, each
 * with `.gz` and `.br` beside it, and `files.txt`: a line for each with the hash of its content.
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

/** The browsers that the widget asks for: light-dark(), relative colours, private fields. */
const BROWSERS = ["chrome125", "firefox128", "safari18"];
const TERSER = {
  ecma: 2020,
  module: true,
  // What else looks arbitrary here makes code that gzip likes better.
  compress: {
    passes: 3,
    unsafe: true,
    unsafe_arrows: true,
    unsafe_math: true,
    booleans: false,
    dead_code: false,
    inline: 1,
    properties: false,
    sequences: false,
  },
};
/**
 * Properties that only the widget knows: these get short names. None of the wire's, the
 * storage's or `window.shoptalk`'s is one: other versions of this code read those.
 */
const OWN = `
  acked addNewer addOlder addStyle base button checkNow clearMemory clock discard emit forget frame
  hasOlder icon items keyPrefix lastSeq markRead networkLost onChange onFrame onState onStop
  openSocket pause prefix probe redirect replaceSocket resume resumePage resync storage storageArea
  storageChanged tries until
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
  const apart = /\p{Script=Arabic}/u.test(joined);
  const list = `export const texts = ${JSON.stringify(joined)}.split("|");\n`;
  return {
    name: "translation",
    enforce: "pre",
    resolveId: (source) => (source === "./locales/en" ? path : null),
    load: (id) => (id === path ? code.replace(/export const texts = [^;]*;/, list) : null),
    transform: (code, id) => {
      if (id === path) return null;
      const textFor = (key) =>
        apart ? `texts[${Object.keys(texts).indexOf(key)}]` : JSON.stringify(texts[key]);
      return code.replaceAll(/\btexts\.(\w+)/g, (_, key) => textFor(key));
    },
  };
}

/** Bundles one entry and answers its files: name → { code | source, isEntry }. */
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

/** The name of a file with the hash of what is in it, and the file written under that name. */
function hashed(name, text, hash = hashOf(text)) {
  const [, stem, extension] = /([^/]+)\.(\w+)$/.exec(name);
  const path = `assets/${stem}-${hash}.${extension}`;
  write(path, text);
  return path;
}

function write(path, text) {
  const file = join(out, path);
  const bytes = Buffer.from(text);
  listed.push(`${path} ${createHash("sha256").update(bytes).digest("base64url").slice(0, 16)}\n`);
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  packing.push(gzip(bytes).then((packed) => writeFileSync(`${file}.gz`, packed)));
  // Node's own, since no budget hangs on its bytes.
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params }));
}

/** Short names for `OWN` are the same in all that is minified with the same `names`. */
const minified = async (code, names) => {
  const own = names ? `|${OWN.trim().split(/\s+/).join("|")}` : "";
  const properties = { builtins: true, regex: new RegExp(`^(#.*${own})$`) };
  const options = { ...TERSER, mangle: { properties }, nameCache: names };
  return (await minify(code, options)).code.replaceAll(/\bconst(?=[ [{])/g, "let");
};

/** A module with lazy chunks: the chunks first, since the module names them with their hashes. */
async function module(entry, css) {
  const files = await bundle(entry, "es");
  const main = files.find((file) => file.isEntry);
  let { code } = main;
  for (const chunk of files.filter((file) => file.type === "chunk" && !file.isEntry)) {
    const path = hashed(chunk.fileName, await minified(chunk.code));
    code = code.replaceAll(`./${chunk.fileName}`, `./${path.slice("assets/".length)}`);
  }
  const style = files.find((file) => file.fileName.endsWith(".css"));
  if (style) pages[`${css}.css`] = hashed(`${css}.css`, style.source);
  return hashed(`${css}.js`, await minified(code));
}

/** The lines of `files.txt`. */
const listed = [];
/** What is being compressed. */
const packing = [];
/** What stands in the pages' `{{…}}`. */
const pages = {};

rmSync(out, { recursive: true, force: true });
const names = {};
const chats = [];
for (const file of readdirSync(join(root, "widget/locales"))) {
  const language = file.replace(".ts", "");
  const [{ code }] = await bundle("widget/app.ts", "es", {}, [await translation(language)]);
  chats.push([language, await minified(code, names)]);
}
// One hash for all languages, so that the launcher makes the others' names from the English one's.
const hash = hashOf(chats.join());
for (const [language, code] of chats) {
  hashed(language === "en" ? "chat.js" : `chat-${language}.js`, code, hash);
}
const app = JSON.stringify(`assets/chat-${hash}.js`);
const [launcher] = await bundle("widget/launcher.ts", "iife", { __APP__: app });
write("widget.js", await minified(launcher.code, names));
pages["console.js"] = await module("console/main.tsx", "console");

for (const file of readdirSync(join(root, "storefront"))) {
  if (!file.endsWith(".html")) {
    pages[file] = hashed(file, readFileSync(join(root, "storefront", file)));
  }
}
for (const file of ["console/index.html", "storefront/shop.html", "storefront/embed.html"]) {
  const page = readFileSync(join(root, file), "utf8").replaceAll(/\{\{(.+?)\}\}/g, (_, name) => {
    if (!pages[name]) throw new Error(`${file} asks for ${name}, which is not built`);
    return `/${pages[name]}`;
  });
  write(file.replace(/.*\/(index)?/, "").replace(/^\./, "console."), page);
}
await Promise.all(packing);
writeFileSync(join(out, "files.txt"), listed.join(""));
