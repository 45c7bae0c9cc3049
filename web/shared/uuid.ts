let lastMs = 0;

/**
 * A UUID v7: ordered by time, and after `newest` even when the clock went back. Made by hand because
 * `crypto.randomUUID` exists on secure pages only, and a shop's page may be plain http.
 */
export function uuid(newest = ""): string {
  const newestMs = Number(`0x${newest.replace("-", "").slice(0, 12)}`) || 0;
  lastMs = Math.max(Date.now(), lastMs + 1, newestMs + 1);
  let hex = lastMs.toString(16).padStart(12, "0");
  for (const byte of crypto.getRandomValues(new Uint8Array(18))) hex += (byte & 15).toString(16);
  // 72 random bits; the 7 is the version, the 8 the variant.
  return hex.replace(/(.{8})(.{4})(...)(...)/, "$1-$2-7$3-8$4-");
}
