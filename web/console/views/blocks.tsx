import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Block, BlockList } from "../../shared/protocol";
import { call, callForAll } from "../api";
import { useDesk, useLanguage } from "./context";
import { Dialog } from "./dialog";

const DAY_MS = 86_400_000;
/** For how long a visitor can be blocked, in days. */
const DAYS = [1, 7, 30] as const;

const idOf = ({ room_id }: Block) => room_id;

/** Who is kept from writing, and until when. */
export function BlocksDialog({ close }: { close: () => void }) {
  const { t, format, describeError } = useLanguage();
  const { conversation, lobby } = useDesk();
  const blocks = useSignal<readonly Block[] | undefined>(undefined);
  const problem = useSignal("");
  const run = async (task: () => Promise<unknown>) => {
    problem.value = "";
    try {
      await task();
      blocks.value = (await callForAll<BlockList>(call, "blocks/", idOf)).results;
    } catch (error) {
      problem.value = describeError(error);
    }
  };
  useEffect(() => void run(async () => {}), []);
  return (
    <Dialog title={t("blocks.title")} close={close}>
      <p class="problem" role="alert">
        {problem.value}
      </p>
      {blocks.value?.length === 0 && <p class="dim">{t("blocks.none")}</p>}
      <ul class="jobs" aria-label={t("blocks.title")}>
        {blocks.value?.map(({ room_id, customer_name, user, blocked_until }) => {
          const name = customer_name ?? user ?? t("visitor");
          return (
            <li key={room_id}>
              <div>
                <b dir="auto">{name}</b>
                <br />
                <small class="dim">
                  {blocked_until
                    ? t("handling.until", { time: format.dayAndTime(blocked_until) })
                    : t("blocks.endless")}
                </small>
              </div>
              <button
                type="button"
                onClick={() => {
                  close();
                  conversation.open(room_id);
                }}
              >
                {t("blocks.open")}
              </button>
              <button
                type="button"
                aria-label={t("blocks.liftOf", { name })}
                onClick={() => run(() => lobby.change(room_id, { blocked: false }))}
              >
                {t("blocks.lift")}
              </button>
            </li>
          );
        })}
      </ul>
    </Dialog>
  );
}

/** Blocks the visitor of a room for some days. */
export function BlockFor({ id, name }: { id: string; name: string }) {
  const { t } = useLanguage();
  const { handling } = useDesk();
  const block = (days: number) => {
    if (!confirm(t("blocks.question", { name, count: days }))) return;
    handling.blockUntil(id, new Date(Date.now() + days * DAY_MS));
  };
  return (
    <select
      aria-label={t("blocks.for")}
      value=""
      onChange={(event) => {
        block(Number(event.currentTarget.value));
        event.currentTarget.value = "";
      }}
    >
      <option value="">{t("blocks.for")}</option>
      {DAYS.map((days) => (
        <option key={days} value={days}>
          {t("blocks.days", { count: days })}
        </option>
      ))}
    </select>
  );
}
