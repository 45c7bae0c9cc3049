/** The chat's file, loaded when it is first needed: style sheet and dialog. */
import { host, setHost } from "./host";
import type { Chat, Host } from "./interfaces";
import css from "./style.css?inline";
import { makeView } from "./view";

export function start(given: Host): Chat {
  setHost(given);
  host.addStyle(css);
  return makeView();
}
