/** French. Agents are addressed as "vous"; the apostrophe is ’, since ' quotes in ICU's format. */
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
  ...data,
  ...mail,
  ...handling,
  ...notifications,
  ...replies,
  ...reports,
  ...shop,
  ...tokens,
  ...customer,
};
