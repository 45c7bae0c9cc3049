import { useApp, useDesk, useLanguage } from "./context";

/** Whether the page is up to date, in the texts that the protocol fixes. */
export function Status() {
  const { t } = useLanguage();
  const { connection, conversation, outgoing, health } = useDesk();
  const unsent = outgoing.queued.value.length;
  const isStale = connection.state.value === "connected" && conversation.isStale.value;
  const state = isStale ? "catching-up" : connection.state.value;
  const text = t(`status.${state}`, { count: unsent });
  const problem = connection.state.value !== "offline" && health.problem.value;
  return (
    <div class="status" role="status" data-state={problem ? "unhealthy" : state}>
      <span class="dot" aria-hidden="true" />
      {problem ? t("status.unhealthy", { state: text, problem }) : text}
    </div>
  );
}

/** What is wrong with the server or the connection, and a button where the agent can act. */
export function Banner() {
  const { banner } = useApp().notices;
  const { t } = useLanguage();
  const { connection } = useDesk();
  if (!banner.value) return null;
  return (
    <div class="banner" role="alert">
      {banner.value.text}
      {banner.value.isFinal && (
        <button type="button" onClick={connection.reconnect}>
          {t("banner.tryAgain")}
        </button>
      )}
    </div>
  );
}
