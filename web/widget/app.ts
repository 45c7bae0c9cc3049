/** The chat, fetched when it is first needed: its style, and the dialog that shows it. */
import { shell, use } from "./host";
import type { Chat, Shell } from "./interfaces";
import css from "./style.css?inline";
import { makeView } from "./view";

export function start(brought: Shell): Chat {
  use(brought);
  shell.dress(css);
  return makeView();
}
