import { MINUTE_MS, type ShopSettings } from "../../desk/shop-settings";
import { useLanguage } from "../context";
import { Control } from "./control";

/** When a customer who waits rings whom, and when replies go by mail. */
export function Alerts({ settings }: { settings: ShopSettings }) {
  const { t } = useLanguage();
  const draft = settings.draft.value;
  if (!draft) return null;
  const { alerts, mail } = draft;
  return (
    <>
      <section>
        <h3>{t("shop.alerts")}</h3>
        <p class="dim">{t("shop.alertsHint")}</p>
        <div class="grid">
          <Minutes
            settings={settings}
            field="alerts.escalate_ms"
            label={t("shop.escalate")}
            ms={alerts.escalate_ms}
            change={(escalate_ms) => settings.change("alerts", { escalate_ms })}
          />
          <Minutes
            settings={settings}
            field="alerts.mail_ms"
            label={t("shop.alertMail")}
            ms={alerts.mail_ms}
            change={(mail_ms) => settings.change("alerts", { mail_ms })}
          />
        </div>
      </section>
      <section>
        <h3>{t("shop.mail")}</h3>
        <Minutes
          settings={settings}
          field="mail.after_ms"
          label={t("shop.mailAfter")}
          ms={mail.after_ms}
          change={(after_ms) => settings.change("mail", { after_ms })}
        />
      </section>
    </>
  );
}

interface MinutesProps {
  settings: ShopSettings;
  field: string;
  label: string;
  ms: number;
  change: (ms: number) => void;
}

/** A time in minutes; a key that the server's configuration has cannot be changed. */
function Minutes({ settings, field, label, ms, change }: MinutesProps) {
  const { t } = useLanguage();
  const isFixed = settings.isFixed(field);
  return (
    <Control
      label={label}
      hint={isFixed ? t("shop.fixed") : undefined}
      error={settings.errorOf(field)}
    >
      {(props) => (
        <input
          {...props}
          type="number"
          inputmode="decimal"
          min={0}
          max={10_080}
          step="any"
          disabled={isFixed}
          value={ms / MINUTE_MS}
          onChange={({ currentTarget: { valueAsNumber } }) =>
            change(Math.round((valueAsNumber || 0) * MINUTE_MS))
          }
        />
      )}
    </Control>
  );
}
