/**
 * English, and the keys that every translation has.
 *
 * Texts are messages of ICU: `{name}` for a text, `{count, number}`, `{count, plural, …}`, and
 * `<b>…</b>` for an element.
 */
import { customer } from "./customer";
import { data } from "./data";
import { desk } from "./desk";
import { dialogs } from "./dialogs";
import { handling } from "./handling";
import { mail } from "./mail";
import { notifications } from "./notifications";
import { replies } from "./replies";
import { reports } from "./reports";
import { shell } from "./shell";
import { shop } from "./shop";
import { tokens } from "./tokens";

export const texts = {
  ...shell,
  ...desk,
  ...dialogs,
  ...mail,
  ...handling,
  ...notifications,
  ...replies,
  ...reports,
  ...data,
  ...shop,
  ...tokens,
  ...customer,
};
