import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { Settings } from "../desk/settings";
import { CODES, LANGUAGES } from "../language/languages";
import { useApp } from "./context";

/** The choice of the console's language, kept on this device. */
export function LanguageChoice() {
  const { settings, language } = useApp();
  const { t } = language;
  const id = useId();
  const hasFailed = useSignal(false);
  const choose = async (choice: Settings["language"]) => {
    try {
      await language.show(choice);
      settings.change({ language: choice });
      hasFailed.value = false;
    } catch {
      hasFailed.value = true;
    }
  };
  return (
    <div class="field">
      <label for={id}>{t("settings.language")}</label>
      <select
        id={id}
        value={settings.current.value.language}
        onChange={(event) => choose(event.currentTarget.value as Settings["language"])}
      >
        <option value="auto">{t("settings.languageAuto")}</option>
        {CODES.map((code) => (
          <option key={code} value={code} lang={code} dir={LANGUAGES[code].dir}>
            {LANGUAGES[code].name}
          </option>
        ))}
      </select>
      <small class="problem" role="alert">
        {hasFailed.value && t("error.unreachable")}
      </small>
    </div>
  );
}
