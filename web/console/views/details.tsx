import { useSignal } from "@preact/signals";
import type { Room, Summary } from "../../shared/protocol";
import { Refused } from "../api";
import { Icon } from "../icons";
import { BlockFor } from "./blocks";
import { Cards } from "./cards";
import { useApp, useDesk, useLanguage } from "./context";
import { Field } from "./field";
import { HandlingDetails } from "./handling";
import { Undeliverable } from "./mail";
import { Profile } from "./profile";
import { RatingDetails } from "./rating";

/** The right side: who the visitor is. */
export function Details() {
  const { session, now } = useApp();
  const { t, format } = useLanguage();
  const { conversation, lobby, panels, redaction } = useDesk();
  const id = conversation.selected.value;
  const summary = conversation.summary.value;
  const room = conversation.room.value ?? summary;
  if (!id || !room || !panels.details.value) return null;
  const isBlocked = summary?.blocked ?? false;
  const about = [id, room.customer_name, room.customer_email, room.customer_phone].join();
  const toggleBlock = () => {
    const name = format.visitor(room);
    const key = isBlocked ? "details.unblockQuestion" : "details.blockQuestion";
    if (confirm(t(key, { name }))) session.attempt(() => lobby.change(id, { blocked: !isBlocked }));
  };
  const page = room.page_url && /^https?:/.test(room.page_url) ? room.page_url : undefined;
  return (
    <aside class="details" aria-label={t("details.title")}>
      <header>
        <h2>{t("details.title")}</h2>
        <button
          type="button"
          class="plain"
          aria-label={t("details.hide")}
          onClick={panels.toggleDetails}
        >
          <Icon name="close" />
        </button>
      </header>
      <VisitorForm key={about} id={id} room={room} />
      <Undeliverable room={room} />
      <Cards key={[about, room.user].join()} id={id} />
      {summary && <HandlingDetails room={summary} />}
      <dl>
        <dt>{t("details.page")}</dt>
        <dd>
          {page ? (
            <a href={page} target="_blank" rel="noopener noreferrer nofollow">
              <bdi dir="ltr">{page.replace(/^https?:\/\//, "")}</bdi>
            </a>
          ) : (
            <bdi>{room.page_url ?? t("details.unknownPage")}</bdi>
          )}
        </dd>
        <dt>{t("details.user")}</dt>
        <dd>
          <bdi>{room.user ?? t("details.anonymous")}</bdi>
        </dd>
        <dt>{t("details.online")}</dt>
        <dd>{t(summary?.customer_online ? "details.yes" : "details.no")}</dd>
        <dt>{t("details.started")}</dt>
        <dd>{format.dayAndTime(room.created_at)}</dd>
        <dt>{t("details.lastMessage")}</dt>
        <dd>
          {room.last_message_at ? format.dayAndTime(room.last_message_at) : t("details.noMessage")}
        </dd>
        {summary?.waiting_since && (
          <>
            <dt>{t("details.waiting")}</dt>
            <dd>{format.age(summary.waiting_since, now.value)}</dd>
          </>
        )}
        <RatingDetails />
      </dl>
      <Profile id={id} />
      <button type="button" class="danger" onClick={toggleBlock}>
        <Icon name="block" /> {t(isBlocked ? "details.unblock" : "details.block")}
      </button>
      {!isBlocked && <BlockFor id={id} name={format.visitor(room)} />}
      {session.agent.value?.role === "admin" && (
        <button
          type="button"
          aria-pressed={redaction.isChoosing()}
          onClick={redaction.toggleChoosing}
        >
          {t("details.removeMessages")}
        </button>
      )}
    </aside>
  );
}

/** The details that agents can change. */
function VisitorForm({ id, room }: { id: string; room: Room | Summary }) {
  const { notices } = useApp();
  const { t, describeError } = useLanguage();
  const { lobby } = useDesk();
  const refused = useSignal<Refused | undefined>(undefined);
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    refused.value = undefined;
    try {
      await lobby.change(id, Object.fromEntries(new FormData(event.target as HTMLFormElement)));
      notices.showToast(t("details.saved"));
    } catch (error) {
      if (error instanceof Refused && error.problem.errors) refused.value = error;
      else notices.showToast(describeError(error));
    }
  };
  const errorOf = (
    field: string,
    key: "details.badName" | "details.badEmail" | "details.badPhone",
  ) => {
    const detail = refused.value?.errorOf(field);
    return detail && t(key, { detail });
  };
  return (
    <form onSubmit={save}>
      <Field
        label={t("details.name")}
        name="customer_name"
        defaultValue={room.customer_name ?? ""}
        error={errorOf("customer_name", "details.badName")}
        dir="auto"
      />
      <Field
        label={t("details.email")}
        name="customer_email"
        type="email"
        defaultValue={room.customer_email ?? ""}
        error={errorOf("customer_email", "details.badEmail")}
      />
      <Field
        label={t("details.phone")}
        name="customer_phone"
        type="tel"
        defaultValue={room.customer_phone ?? ""}
        error={errorOf("customer_phone", "details.badPhone")}
      />
      <button type="submit">{t("details.save")}</button>
    </form>
  );
}
