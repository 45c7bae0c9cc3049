import { shell } from "./shell";

export const texts = { ...shell };
