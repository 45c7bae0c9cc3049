import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type {
  QuarantinedMail,
  QuarantineList,
  Room,
  RoomMail,
  Summary,
} from "../../shared/protocol";
import { call, callForAll } from "../api";
import { useDesk, useLanguage } from "./context";
import { Dialog } from "./dialog";

/** Mail that came in and became no message, for admins. */
export function MailDialog({ close }: { close: () => void }) {
  const { t, describeError } = useLanguage();
  const mails = useSignal<readonly QuarantinedMail[] | undefined>(undefined);
  const problem = useSignal("");
  useEffect(() => {
    callForAll<QuarantineList>(call, "mail/quarantine/").then(
      ({ results }) => {
        mails.value = results;
      },
      (error) => {
        problem.value = describeError(error);
      },
    );
  }, []);
  return (
    <Dialog title={t("mail.title")} close={close} className="wide">
      <p class="dim">{t("mail.hint")}</p>
      <p class="problem" role="alert">
        {problem.value}
      </p>
      {mails.value && !mails.value.length && <p>{t("mail.none")}</p>}
      <ul class="findings" aria-label={t("mail.title")}>
        {mails.value?.map((mail) => (
          <Item key={mail.id} mail={mail} close={close} />
        ))}
      </ul>
    </Dialog>
  );
}

function Item({ mail, close }: { mail: QuarantinedMail; close: () => void }) {
  const { t, format } = useLanguage();
  const { conversation } = useDesk();
  const { reason, from, subject, room_id, text, at } = mail;
  const open = (room: string) => {
    close();
    conversation.open(room);
  };
  return (
    <li>
      <b>
        <bdi>{from ?? t("mail.noSender")}</bdi>
      </b>{" "}
      <small class="dim">{format.dayAndTime(at)}</small>
      <p>{t(`mail.reason.${reason}`)}</p>
      {subject && (
        <p>
          <bdi>{subject}</bdi>
        </p>
      )}
      {text && (
        <p class="dim" dir="auto">
          {text}
        </p>
      )}
      {room_id && (
        <button type="button" onClick={() => open(room_id)}>
          {t("mail.open")}
        </button>
      )}
    </li>
  );
}

/** Says that mail to the customer's address does not arrive, if that is known. */
export function Undeliverable({ room }: { room: Room | Summary }) {
  const { t } = useLanguage();
  const { id, customer_email } = room;
  const reason = useSignal<string | null>(null);
  useEffect(() => {
    let isCurrent = true;
    reason.value = null;
    if (customer_email) {
      call<RoomMail>("GET", `rooms/${id}/mail/`).then(
        ({ undeliverable }) => {
          if (isCurrent) reason.value = undeliverable;
        },
        // It is a hint; whatever is wrong shows elsewhere.
        () => {},
      );
    }
    return () => {
      isCurrent = false;
    };
  }, [id, customer_email]);
  return (
    <p class="problem" role="status">
      {reason.value !== null && t("mail.undeliverable", { reason: reason.value })}
    </p>
  );
}
