import type { Shell } from "./shell";

/**
 * What makes elements, as the launcher brought it: `dom.ts` is in the launcher's file, and the
 * chat's file does not carry it again.
 */
export let h: Shell["h"];
export let icon: Shell["icon"];

export function use(shell: Shell) {
  h = shell.h;
  icon = shell.icon;
}
