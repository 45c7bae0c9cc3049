import { h, render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Widget, WidgetTexts } from "../../../shared/protocol";
import launcherCss from "../../../widget/launcher.css?inline";
import { texts as ar } from "../../../widget/locales/ar";
import { texts as de } from "../../../widget/locales/de";
import { texts as en } from "../../../widget/locales/en";
import { texts as es } from "../../../widget/locales/es";
import { texts as fr } from "../../../widget/locales/fr";
import widgetCss from "../../../widget/style.css?inline";
import type { LanguageCode } from "../../language/languages";
import { useLanguage } from "../context";
import previewCss from "./preview.css?inline";

const LOCALES = { ar, de, en, es, fr };

// untranslated: the labels of the widget's button, as `launcher.ts` has them.
const OWN_LABEL = "Chat";
const BUTTON_LABELS: Record<string, string> = { ar: "دردشة" };

/** The widget's own texts, for what is left empty. */
export const widgetTexts = Object.fromEntries(
  Object.entries(LOCALES).map(([language, texts]) => [
    language,
    { title: BUTTON_LABELS[language] ?? OWN_LABEL, greeting: texts.hello, away_text: texts.away },
  ]),
) as Record<LanguageCode, WidgetTexts>;

interface Props {
  widget: Widget;
  language: LanguageCode;
}

/** The widget as it would look, with the styles of the real one. Nothing in it can be used. */
export function Preview({ widget, language }: Props) {
  const { t } = useLanguage();
  const host = useRef<HTMLDivElement>(null);
  const root = useRef<ShadowRoot>(undefined);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    if (!root.current) {
      root.current = element.attachShadow({ mode: "open" });
      root.current.adoptedStyleSheets = [launcherCss, widgetCss, previewCss].map(styleSheet);
    }
    render(<Frame widget={widget} language={language} sample={t("shop.sample")} />, root.current);
  }, [widget, language]);
  return (
    <figure class="preview">
      <figcaption>{t("shop.preview")}</figcaption>
      <div ref={host} inert />
    </figure>
  );
}

function styleSheet(css: string) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return sheet;
}

function Frame({ widget, language, sample }: Props & { sample: string }) {
  const texts = LOCALES[language];
  const own = widget.texts[language];
  const title = own?.title || widgetTexts[language].title;
  const greeting = own?.greeting || texts.hello;
  const { name, email, phone } = widget.prechat;
  const asked = [
    [name, texts.yourName],
    [email, texts.yourEmail],
    [phone, texts.yourPhone],
  ] as const;
  const shown = asked.filter(([ask]) => ask !== "hidden");
  // Custom properties are set on the element, since the page's policy forbids style attributes.
  const accent = (element: HTMLElement | null) => {
    if (widget.accent) element?.style.setProperty("--accent", widget.accent);
    else element?.style.removeProperty("--accent");
  };
  return (
    <div
      class="frame"
      ref={accent}
      lang={language}
      dir={language === "ar" ? "rtl" : "ltr"}
      data-side={widget.side}
    >
      <div class="panel">
        <header>
          <div>
            <strong dir="auto">{title}</strong>
            <small dir="auto">{own?.away_text || texts.away}</small>
          </div>
        </header>
        {shown.length > 0 ? (
          <div class="intro">
            <p dir="auto">{greeting}</p>
            {shown.map(([ask, label]) => (
              <label key={label}>
                {label}
                {ask === "required" && " *"}
                <input tabIndex={-1} />
              </label>
            ))}
            <button type="button" class="wide">
              {texts.startChat}
            </button>
          </div>
        ) : (
          <div class="log">
            <div class="text" dir="auto">
              {greeting}
            </div>
            <div class="line customer">
              <div class="text" dir="auto">
                {sample}
              </div>
            </div>
          </div>
        )}
      </div>
      <button type="button" class="launch">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          {h("path", {
            d: "M21 12a8.5 8.5 0 0 1-12.6 7.4L3 21l1.6-5A8.5 8.5 0 1 1 21 12ZM8 10h8M8 14h5",
          })}
        </svg>
        {own?.title}
      </button>
    </div>
  );
}
