import type { Shell } from "./interfaces";

/** The words of the visitor's language: the build makes a chat of each and puts them in. */
export { said, words } from "./locales/en";

/** What the launcher brought: there is one chat on a page. */
export let shell: Shell;
/**
 * What makes elements: `dom.ts` is in the launcher's file, and the chat's file does not carry it
 * again.
 */
export let h: Shell["h"];
export let icon: Shell["icon"];

export function use(brought: Shell) {
  shell = brought;
  ({ h, icon } = brought);
}
