/** How views get at the console's state. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { App } from "../app";
import type { Desk } from "../desk/desk";

export const AppContext = createContext<App | undefined>(undefined);
export const DeskContext = createContext<Desk | undefined>(undefined);

/** The state that exists before sign-in, too. */
export const useApp = (): App => required(useContext(AppContext));

/** The texts: `const { t } = useLanguage()`. */
export const useLanguage = () => useApp().language;

/** The desk of the signed-in agent. */
export const useDesk = (): Desk => required(useContext(DeskContext));

function required<T>(value: T | undefined): T {
  if (!value) throw new Error("the view is outside of its context");
  return value;
}
