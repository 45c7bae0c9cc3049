/**
 * Compresses with zopfli: the same bytes with every Node and on every machine, which Node's own
 * zlib does not promise (2,046 or 2,050 bytes for the same launcher). So a budget holds for what
 * is sent, and not for the zlib of the day. They are also one to two percent fewer.
 */
import { gunzipSync } from "node:zlib";
import zopfli from "@gfx/zopfli";

export async function gzip(bytes) {
  const packed = Buffer.from(await zopfli.gzipAsync(bytes, { numiterations: 60 }));
  // The compressor is a binary from a registry; that it changed nothing is looked at here.
  if (!gunzipSync(packed).equals(bytes)) throw new Error("gzip changed what it compressed");
  return packed;
}
