import { useId } from "preact/hooks";
import type { Settings } from "../desk/settings";
import { CODES, LANGUAGES } from "../language/languages";
import { useApp } from "./context";

/** The choice of the console's language, kept on this device. */
export function LanguageChoice() {
  const { settings, language, notices } = useApp();
  const { t } = language;
  const id = useId();
  const choose = async (choice: Settings["language"]) => {
    try {
      await language.show(choice);
      settings.change({ language: choice });
    } catch {
      notices.showToast(t("error.unreachable"));
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
    </div>
  );
}
