import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { BouncedAddress, BouncedList, BouncedRemoval } from "../../shared/protocol";
import { call, callForAll } from "../api";
import { useDesk, useLanguage } from "./context";
import { Dialog } from "./dialog";

/** As many as the server lists. */
const LISTED_MAX = 1_000;
const idOf = ({ address }: BouncedAddress) => address;

/** Addresses that mail does not reach, for admins, who can have them mailed again. */
export function BouncedDialog({ close }: { close: () => void }) {
  const { t, format, describeError } = useLanguage();
  const { conversation } = useDesk();
  const addresses = useSignal<readonly BouncedAddress[] | undefined>(undefined);
  const problem = useSignal("");
  const run = async (task: () => Promise<unknown>) => {
    problem.value = "";
    try {
      await task();
      addresses.value = (await callForAll<BouncedList>(call, "mail/bounced/", idOf)).results;
    } catch (error) {
      problem.value = describeError(error);
    }
  };
  const allow = (address: string) =>
    run(() => call("DELETE", "mail/bounced/", { address } satisfies BouncedRemoval));
  useEffect(() => void run(async () => {}), []);
  return (
    <Dialog title={t("bounced.title")} close={close} className="wide">
      <p class="dim">{t("bounced.hint")}</p>
      <p class="problem" role="alert">
        {problem.value}
      </p>
      {addresses.value?.length === 0 && <p>{t("bounced.none")}</p>}
      {addresses.value?.length === LISTED_MAX && (
        <p class="dim">{t("bounced.newest", { count: LISTED_MAX })}</p>
      )}
      <ul class="jobs" aria-label={t("bounced.title")}>
        {addresses.value?.map(({ address, at, reason, room_id }) => (
          <li key={address}>
            <div>
              <b>
                <bdi>{address}</bdi>
              </b>
              <br />
              <small class="dim">
                {t("bounced.since", { time: format.dayAndTime(at) })} · <bdi>{reason}</bdi>
              </small>
            </div>
            {room_id && (
              <button
                type="button"
                onClick={() => {
                  close();
                  conversation.open(room_id);
                }}
              >
                {t("mail.open")}
              </button>
            )}
            <button
              type="button"
              aria-label={t("bounced.allowOf", { address })}
              onClick={() => allow(address)}
            >
              {t("bounced.allow")}
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
