import type { FieldPath } from "../../desk/shop-settings";
import { LANGUAGES, type LanguageCode } from "../../language/languages";
import type { PlainKey } from "../../language/texts";
import { useLanguage } from "../context";

const TEXTS_PREFIX = "widget.texts.";

type TextsPath = Extract<FieldPath, `${typeof TEXTS_PREFIX}${string}`>;

const NAMES: Record<Exclude<FieldPath, TextsPath>, PlainKey> = {
  "shop.name": "shop.name",
  "shop.time_zone": "shop.timeZone",
  "shop.hours": "shop.hours",
  "shop.exceptions": "shop.exceptions",
  "shop.closed_until": "shop.closedUntil",
  "widget.accent": "shop.accent",
  "widget.side": "shop.side",
  "widget.prechat": "shop.prechat",
  "alerts.escalate_ms": "shop.escalate",
  "alerts.mail_ms": "shop.alertMail",
  "mail.after_ms": "shop.mailAfter",
};

const isOfTexts = (path: FieldPath): path is TextsPath => path.startsWith(TEXTS_PREFIX);

/** What a field of the settings is called on the form. */
export function useFieldName() {
  const { t } = useLanguage();
  return (path: FieldPath): string => {
    if (!isOfTexts(path)) return t(NAMES[path]);
    const code = path.slice(TEXTS_PREFIX.length) as LanguageCode;
    return t("shop.textsIn", { language: LANGUAGES[code].name });
  };
}
