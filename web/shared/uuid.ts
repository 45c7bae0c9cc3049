let lastMs = 0;

/**
 * A UUID v7: ordered by time, also past `newest` when a clock went back. Made by hand because
 * `crypto.randomUUID` exists on secure pages only, and a shop's page may be plain http.
 */
export function uuid(newest = ""): string {
  const newestMs = Number.parseInt(newest.replace("-", "").slice(0, 12), 16) || 0;
  lastMs = Math.max(Date.now(), lastMs + 1, newestMs + 1);
  const random = crypto.getRandomValues(new Uint8Array(10));
  const bytes = lastMs.toString(16).padStart(12, "0") + hex(random);
  return bytes.replace(
    /^(.{8})(.{4}).(.{3})(.)(.{3})(.{12})$/,
    (_, a, b, c, variant, d, e) =>
      `${a}-${b}-7${c}-${((Number.parseInt(variant, 16) & 3) | 8).toString(16)}${d}-${e}`,
  );
}

/** Two digits a byte. */
const hex = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
