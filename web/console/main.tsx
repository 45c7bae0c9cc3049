import { effect } from "@preact/signals";
import { render } from "preact";
import "./style.css";
import { makeApp } from "./app";
import { showWaitingCount } from "./badge";
import { followNotifications } from "./push-browser";
import { App } from "./views/app";
import { AppContext } from "./views/context";

const app = makeApp({ setupCode: takeSetupCode() });

effect(() => {
  const { theme } = app.settings.current.value;
  document.documentElement.style.colorScheme = theme === "auto" ? "light dark" : theme;
});
effect(() => {
  document.documentElement.lang = app.language.code.value;
  document.documentElement.dir = app.language.dir.value;
});
// Without the texts of another language, the page is in English.
await app.language.show(app.settings.current.value.language).catch(() => {});
render(
  <AppContext.Provider value={app}>
    <App />
  </AppContext.Provider>,
  document.body,
);
showWaitingCount(app.language, () => app.waitingCount.value);
followNotifications();
app.session.restore();

/** The code of a setup link. It leaves the address bar at once, since it is a secret. */
function takeSetupCode(): string | undefined {
  if (!location.pathname.startsWith("/admin/setup")) return undefined;
  const code = location.hash.slice(1);
  history.replaceState(null, "", "/admin/setup");
  return code;
}
