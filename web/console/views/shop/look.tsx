import { useSignal } from "@preact/signals";
import type { Ask, Prechat, Widget, WidgetSide, WidgetTexts } from "../../../shared/protocol";
import { NO_TEXTS, type ShopSettings } from "../../desk/shop-settings";
import { CODES, LANGUAGES, type LanguageCode } from "../../language/languages";
import { useLanguage } from "../context";
import { Control } from "./control";
import { Preview, widgetTexts } from "./preview";

/** The widget's own colour, as `launcher.css` has it. */
const OWN_ACCENT = "#2f55d4";

const ASKS: readonly Ask[] = ["optional", "required", "hidden"];

/** How the widget looks and what it says, with a preview beside. */
export function Look({ settings }: { settings: ShopSettings }) {
  const { t, code } = useLanguage();
  const language = useSignal<LanguageCode>(code.value);
  const widget = settings.draft.value?.widget;
  if (!widget) return null;
  const change = (fields: Partial<Widget>) => settings.change("widget", fields);
  return (
    <section>
      <h3>{t("shop.widget")}</h3>
      <p class="dim">{t("shop.widgetHint")}</p>
      <div class="look">
        <div class="look-fields">
          <Accent widget={widget} change={change} error={settings.errorOf("widget.accent")} />
          <Control label={t("shop.side")} error={settings.errorOf("widget.side")}>
            {(props) => (
              <select
                {...props}
                value={widget.side}
                onChange={({ currentTarget: { value } }) => change({ side: value as WidgetSide })}
              >
                <option value="right">{t("shop.right")}</option>
                <option value="left">{t("shop.left")}</option>
              </select>
            )}
          </Control>
          <Asked prechat={widget.prechat} change={(prechat) => change({ prechat })} />
          <Texts settings={settings} widget={widget} language={language} />
        </div>
        <Preview widget={widget} language={language.value} />
      </div>
    </section>
  );
}

interface AccentProps {
  widget: Widget;
  change: (fields: Partial<Widget>) => void;
  error: string | undefined;
}

function Accent({ widget, change, error }: AccentProps) {
  const { t } = useLanguage();
  return (
    <>
      <Control label={t("shop.accent")} error={error}>
        {(props) => (
          <input
            {...props}
            type="color"
            value={wholeColour(widget.accent || OWN_ACCENT)}
            onInput={({ currentTarget: { value } }) => change({ accent: value })}
          />
        )}
      </Control>
      {widget.accent && (
        <button type="button" onClick={() => change({ accent: "" })}>
          {t("shop.ownColor")}
        </button>
      )}
    </>
  );
}

/** #0a7 as #00aa77, which the browser's field wants. */
const wholeColour = (colour: string) =>
  colour.length === 4 ? colour.replace(/[\da-f]/gi, (digit) => digit + digit) : colour;

function Asked({ prechat, change }: { prechat: Prechat; change: (prechat: Prechat) => void }) {
  const { t } = useLanguage();
  const labels = { name: t("shop.askName"), email: t("shop.askEmail"), phone: t("shop.askPhone") };
  return (
    <fieldset class="asked">
      <legend>{t("shop.prechat")}</legend>
      {(Object.keys(labels) as (keyof Prechat)[]).map((field) => (
        <Control key={field} label={labels[field]}>
          {(props) => (
            <select
              {...props}
              value={prechat[field]}
              onChange={({ currentTarget: { value } }) =>
                change({ ...prechat, [field]: value as Ask })
              }
            >
              {ASKS.map((ask) => (
                <option key={ask} value={ask}>
                  {t(`shop.${ask}`)}
                </option>
              ))}
            </select>
          )}
        </Control>
      ))}
    </fieldset>
  );
}

interface TextsProps {
  settings: ShopSettings;
  widget: Widget;
  language: { value: LanguageCode };
}

function Texts({ settings, widget, language }: TextsProps) {
  const { t } = useLanguage();
  const texts = widget.texts[language.value] ?? NO_TEXTS;
  const own = widgetTexts[language.value];
  const errorOf = (key: string) => settings.errorOf(`widget.texts.${language.value}.${key}`);
  const change = (fields: Partial<WidgetTexts>) => {
    const changed = { ...widget.texts, [language.value]: { ...texts, ...fields } };
    settings.change("widget", { texts: changed });
  };
  const text = (
    key: keyof WidgetTexts,
    label: string,
    placeholder: string,
    maxLength: number,
    hint?: string,
  ) => (
    <Control label={label} hint={hint} error={errorOf(key)}>
      {(props) => (
        <input
          {...props}
          lang={language.value}
          dir="auto"
          placeholder={placeholder}
          maxLength={maxLength}
          value={texts[key]}
          onInput={({ currentTarget: { value } }) => change({ [key]: value })}
        />
      )}
    </Control>
  );
  return (
    <>
      <Control label={t("shop.language")} error={settings.errorOf("widget.texts")}>
        {(props) => (
          <select
            {...props}
            value={language.value}
            onChange={({ currentTarget: { value } }) => {
              language.value = value as LanguageCode;
            }}
          >
            {CODES.map((code) => (
              <option key={code} value={code}>
                {LANGUAGES[code].name}
              </option>
            ))}
          </select>
        )}
      </Control>
      {text("title", t("shop.widgetTitle"), own.title, 40, t("shop.widgetTitleHint"))}
      {text("greeting", t("shop.greeting"), own.greeting, 300)}
      {text("away_text", t("shop.awayText"), own.away_text, 300, t("shop.awayTextHint"))}
    </>
  );
}
