import { useDesk, useLanguage } from "./context";

/** A program's suggestion above the field, which takes it or dismisses it. */
export function Suggestion({ take }: { take: (text: string) => void }) {
  const { t, rich } = useLanguage();
  const { suggestion } = useDesk();
  const shown = suggestion.shown.value;
  return (
    <div class="suggestion" aria-live="polite">
      {shown && (
        <section class={shown.isStale ? "stale" : ""} aria-label={t("suggestion.name")}>
          <small class="dim">{rich("suggestion.by", { name: <bdi>{shown.by}</bdi> })}</small>
          <p dir="auto">{shown.content}</p>
          {shown.isStale && <small class="problem">{t("suggestion.stale")}</small>}
          <div class="buttons">
            <button type="button" onClick={() => take(suggestion.take())}>
              {t("suggestion.take")}
            </button>
            <button type="button" class="plain" onClick={suggestion.dismiss}>
              {t("suggestion.dismiss")}
            </button>
          </div>
        </section>
      )}
    </div>
  );
}
