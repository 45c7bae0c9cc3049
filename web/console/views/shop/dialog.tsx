import { useMemo } from "preact/hooks";
import { call } from "../../api";
import { type Conflict, makeShopSettings, type ShopSettings } from "../../desk/shop-settings";
import { useLanguage } from "../context";
import { Dialog } from "../dialog";
import { Alerts } from "./alerts";
import { Control } from "./control";
import { useFieldName } from "./fields";
import { Hours } from "./hours";
import { Look } from "./look";

/** The settings of the shop, for admins. */
export function ShopDialog({ close }: { close: () => void }) {
  const language = useLanguage();
  const { t } = language;
  const settings = useMemo(() => makeShopSettings({ call, language }), []);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    settings.save();
  };
  const count = settings.changes.value.length;
  return (
    <Dialog title={t("shop.title")} close={close} className="wide shop">
      {settings.draft.value ? (
        <form onSubmit={submit} noValidate>
          <Shop settings={settings} />
          <Hours settings={settings} />
          <Look settings={settings} />
          <Alerts settings={settings} />
          <footer>
            <div>
              {settings.conflict.value && (
                <Found conflict={settings.conflict.value} savedText={settings.savedText} />
              )}
              <p class="problem" role="alert">
                {settings.problem.value}
              </p>
              <p class={settings.isSaved.value ? "done" : "dim"} role="status">
                {settings.isSaved.value
                  ? t("shop.saved")
                  : count
                    ? t("shop.unsaved", { count })
                    : t("shop.nothingChanged")}
              </p>
            </div>
            <button type="submit" class="primary" disabled={!count || settings.isBusy.value}>
              {t("shop.save")}
            </button>
          </footer>
        </form>
      ) : (
        <p role="alert" class={settings.problem.value ? "problem" : "dim"}>
          {settings.problem.value || t("shop.loading")}
        </p>
      )}
    </Dialog>
  );
}

/** What somebody else has saved meanwhile. */
function Found({
  conflict: { theirs, both },
  savedText,
}: {
  conflict: Conflict;
  savedText: ShopSettings["savedText"];
}) {
  const { t } = useLanguage();
  const nameOf = useFieldName();
  const names = (paths: Conflict["both"]) =>
    paths
      .map((path) => {
        const text = savedText(path);
        return text ? t("shop.conflictField", { field: nameOf(path), value: text }) : nameOf(path);
      })
      .join(", ");
  return (
    <div class="notice" role="alert">
      <p>
        <b>{t("shop.conflict")}</b>
      </p>
      {theirs.length > 0 && <p>{t("shop.conflictTheirs", { fields: names(theirs) })}</p>}
      {both.length > 0 && <p>{t("shop.conflictBoth", { fields: names(both) })}</p>}
      <p>{t("shop.conflictNext")}</p>
    </div>
  );
}

function Shop({ settings }: { settings: ShopSettings }) {
  const { t } = useLanguage();
  const shop = settings.draft.value?.shop;
  if (!shop) return null;
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <section>
      <h3>{t("shop.shop")}</h3>
      <div class="grid">
        <Control
          label={t("shop.name")}
          hint={t("shop.nameHint")}
          error={settings.errorOf("shop.name")}
        >
          {(props) => (
            <input
              {...props}
              dir="auto"
              maxLength={100}
              value={shop.name}
              onInput={({ currentTarget: { value } }) => settings.change("shop", { name: value })}
            />
          )}
        </Control>
        <Control
          label={t("shop.timeZone")}
          hint={t("shop.timeZoneHint")}
          error={settings.errorOf("shop.time_zone")}
        >
          {(props) => (
            <input
              {...props}
              list="time-zones"
              autocomplete="off"
              spellcheck={false}
              value={shop.time_zone}
              onInput={({ currentTarget: { value } }) =>
                settings.change("shop", { time_zone: value })
              }
            />
          )}
        </Control>
        <datalist id="time-zones">
          {Intl.supportedValuesOf("timeZone").map((zone) => (
            <option key={zone} value={zone} />
          ))}
        </datalist>
      </div>
      {here !== shop.time_zone && (
        <button type="button" onClick={() => settings.change("shop", { time_zone: here })}>
          {t("shop.useDeviceZone", { zone: here })}
        </button>
      )}
    </section>
  );
}
