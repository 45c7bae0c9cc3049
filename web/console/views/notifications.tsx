import { useApp, useDesk, useLanguage } from "./context";
import { Dialog } from "./dialog";

/** Whether and where an agent is rung when a customer waits. */
export function Notifications({ close }: { close: () => void }) {
  const { session } = useApp();
  const { ringing } = useDesk();
  const { t } = useLanguage();
  const state = ringing.state.value;
  return (
    <Dialog title={t("ring.title")} close={close}>
      <p class={ringing.problem.value ? "problem" : "done"} role="alert">
        {ringing.problem.value || ringing.done.value}
      </p>
      <section>
        <h3>{t("ring.you")}</h3>
        <label class="switch">
          <input
            type="checkbox"
            checked={session.agent.value?.on_duty ?? true}
            onChange={(event) => session.setOnDuty(event.currentTarget.checked)}
          />
          {t("ring.onDuty")}
        </label>
        <p class="dim">{t("ring.onDutyHint")}</p>
      </section>
      <section>
        <h3>{t("ring.thisDevice")}</h3>
        {state === "on" || state === "off" ? <Switch /> : <p>{t(`ring.${state}`)}</p>}
      </section>
    </Dialog>
  );
}

function Switch() {
  const { ringing } = useDesk();
  const { t } = useLanguage();
  const isOn = ringing.state.value === "on";
  const isBusy = ringing.isBusy.value;
  return (
    <>
      <label class="switch">
        <input
          type="checkbox"
          checked={ringing.isWanted.value}
          disabled={isBusy}
          onChange={(event) => (event.currentTarget.checked ? ringing.turnOn() : ringing.turnOff())}
        />
        {t("ring.switch")}
      </label>
      <p class="dim">{t("ring.hint")}</p>
      <button type="button" disabled={!isOn || isBusy} onClick={ringing.test}>
        {t("ring.test")}
      </button>
    </>
  );
}
