import { useSignal } from "@preact/signals";
import type { Agent } from "../../shared/protocol";
import { call } from "../api";
import { useApp, useDesk, useLanguage } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";
import { LanguageChoice } from "./language-choice";

/** What agents set for themselves: alerts, appearance, name, password. */
export function Settings({ close }: { close: () => void }) {
  const { settings, alerts, session } = useApp();
  const { t, describeError } = useLanguage();
  const { panels } = useDesk();
  const result = useSignal<{ text: string; isError: boolean } | undefined>(undefined);
  const { sound, notify, theme } = settings.current.value;
  const agent = session.agent.value;
  const save = async (event: SubmitEvent, text: string) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    try {
      const fields = Object.fromEntries(new FormData(form));
      session.update((await call<{ agent: Agent }>("PATCH", "me/", fields)).agent);
      result.value = { text, isError: false };
      if ("password" in fields) form.reset();
    } catch (error) {
      result.value = { text: describeError(error), isError: true };
    }
  };
  return (
    <Dialog title={t("settings.title")} close={close}>
      <p class={result.value?.isError ? "problem" : "done"} role="alert">
        {result.value?.text}
      </p>
      <section>
        <h3>{t("settings.alerts")}</h3>
        <label class="switch">
          <input
            type="checkbox"
            checked={sound}
            onChange={(event) => settings.change({ sound: event.currentTarget.checked })}
          />
          {t("settings.sound")}
        </label>
        <label class="switch">
          <input
            type="checkbox"
            checked={notify}
            onChange={(event) => {
              settings.change({ notify: event.currentTarget.checked });
              if (event.currentTarget.checked) alerts.requestPermission();
            }}
          />
          {t("settings.notifications")}
        </label>
        <p class="dim">
          {alerts.problem.value ||
            (notify && alerts.permission.value === "granted"
              ? t("settings.soundAndSight")
              : t("settings.onlySound"))}
        </p>
        <button
          type="button"
          onClick={() => alerts.show(t("settings.testTitle"), t("settings.testBody"), () => {})}
        >
          {t("settings.test")}
        </button>
        <p class="dim">{t("settings.devicesHint")}</p>
        <button type="button" onClick={() => panels.open("notifications")}>
          {t("settings.openNotifications")}
        </button>
      </section>
      <section>
        <h3>{t("settings.appearance")}</h3>
        <div class="field">
          <label for="theme">{t("settings.theme")}</label>
          <select
            id="theme"
            value={theme}
            onChange={(event) =>
              settings.change({ theme: event.currentTarget.value as typeof theme })
            }
          >
            <option value="auto">{t("settings.themeAuto")}</option>
            <option value="light">{t("settings.themeLight")}</option>
            <option value="dark">{t("settings.themeDark")}</option>
          </select>
        </div>
        <LanguageChoice />
      </section>
      <section>
        <h3>{t("settings.yourName")}</h3>
        <form onSubmit={(event) => save(event, t("settings.nameSaved"))}>
          <Field
            label={t("settings.displayName")}
            name="display_name"
            defaultValue={agent?.display_name}
            required
            hint={t("settings.displayNameHint")}
            dir="auto"
          />
          <button type="submit">{t("settings.saveName")}</button>
        </form>
      </section>
      <section>
        <h3>{t("settings.yourPassword")}</h3>
        <form onSubmit={(event) => save(event, t("settings.passwordChanged"))}>
          <input type="text" autocomplete="username" value={agent?.username} hidden readonly />
          <Field
            label={t("settings.currentPassword")}
            name="current_password"
            type="password"
            autocomplete="current-password"
            required
          />
          <Field
            label={t("settings.newPassword")}
            name="password"
            type="password"
            autocomplete="new-password"
            minLength={8}
            required
            hint={t("settings.passwordHint")}
          />
          <button type="submit">{t("settings.changePassword")}</button>
        </form>
      </section>
      {/* What else only a key or the palette opens, and phones have neither. */}
      <section>
        <h3>{t("list.name")}</h3>
        <div class="actions">
          <button type="button" onClick={() => panels.open("replies")}>
            {t("settings.openReplies")}
          </button>
          <button type="button" onClick={() => panels.open("blocks")}>
            {t("settings.openBlocks")}
          </button>
          {agent?.role === "admin" && (
            <button type="button" onClick={() => panels.open("tags")}>
              {t("settings.openTags")}
            </button>
          )}
        </div>
      </section>
      {agent?.role === "admin" && (
        <section>
          <h3>{t("settings.server")}</h3>
          <p class="dim">{t("settings.serverHint")}</p>
          <div class="actions">
            <button type="button" onClick={() => panels.open("shop")}>
              {t("settings.openShop")}
            </button>
            <button type="button" onClick={() => panels.open("reports")}>
              {t("reports.open")}
            </button>
            <button type="button" onClick={() => panels.open("data")}>
              {t("settings.openData")}
            </button>
            <button type="button" onClick={() => panels.open("mail")}>
              {t("settings.openMail")}
            </button>
            <button type="button" onClick={() => panels.open("bounced")}>
              {t("settings.openBounced")}
            </button>
            <button type="button" onClick={() => panels.open("tokens")}>
              {t("settings.openTokens")}
            </button>
            <button type="button" onClick={() => panels.open("doctor")}>
              {t("settings.openDoctor")}
            </button>
          </div>
        </section>
      )}
      <section class="actions">
        <button type="button" onClick={() => session.signOut(false)}>
          {t("settings.signOut")}
        </button>
        <button type="button" onClick={() => session.signOut(true)}>
          {t("settings.signOutEverywhere")}
        </button>
      </section>
    </Dialog>
  );
}
