import type { Host } from "./interfaces";

/** The texts in the visitor's language: the build makes a chat file per language with its texts. */
export { labels, texts } from "./locales/en";

/** What the launcher passed in; there is one chat per page. */
export let host: Host;
/** These make elements: the launcher's file has their code, so the chat's need not. */
export let h: Host["h"];
export let icon: Host["icon"];

export function setHost(given: Host) {
  host = given;
  ({ h, icon } = given);
}
