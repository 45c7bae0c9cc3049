import { useId } from "preact/hooks";
import type { Summary } from "../../shared/protocol";
import { tomorrow } from "../desk/handling";
import type { Scope } from "../desk/lobby-state";
import { useDesk, useLanguage } from "./context";

const HOUR_MS = 3_600_000;
const SCOPES: readonly Scope[] = ["all", "mine", "unassigned", "spam"];

/** Whose conversations the list shows, and with which tag. */
export function Scopes() {
  const { t, format } = useLanguage();
  const { lobby, directory } = useDesk();
  const counts: Partial<Record<Scope, number>> = lobby.assigned.value;
  const tags = directory.tags.value;
  return (
    <div class="filters scopes">
      {SCOPES.map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={lobby.scope.value === name}
          onClick={() => lobby.showScope(name)}
        >
          {t(`handling.${name}`)}{" "}
          {counts[name] !== undefined && <span class="count">{format.number(counts[name])}</span>}
        </button>
      ))}
      {tags.length > 0 && (
        <select
          aria-label={t("handling.tag")}
          value={lobby.tag.value ?? ""}
          onChange={(event) => {
            lobby.tag.value = event.currentTarget.value || undefined;
          }}
        >
          <option value="">{t("handling.anyTag")}</option>
          {tags.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}

/** What can be done to all marked conversations. */
export function BulkBar() {
  const { t } = useLanguage();
  const { selection, handling, directory } = useDesk();
  const rooms = selection.rooms.value;
  if (!rooms.length) return null;
  const forAll = (change: (id: string) => Promise<unknown>) => () => selection.changeAll(change);
  const isClosed = ({ status }: Summary) => status === "closed";
  return (
    <section class="bulk" aria-label={t("handling.marked", { count: rooms.length })}>
      <b aria-live="polite">{t("handling.marked", { count: rooms.length })}</b>
      {!rooms.every(isClosed) && (
        <button type="button" onClick={forAll(handling.close)}>
          {t("conversation.close")}
        </button>
      )}
      {rooms.some(isClosed) && (
        <button type="button" onClick={forAll(handling.reopen)}>
          {t("conversation.reopen")}
        </button>
      )}
      <button type="button" onClick={forAll(handling.take)}>
        {t("handling.take")}
      </button>
      <button type="button" onClick={forAll((id) => handling.setSpam(id, true))}>
        {t("handling.spam")}
      </button>
      {directory.tags.value.length > 0 && (
        <select
          aria-label={t("handling.addTag")}
          value=""
          onChange={(event) => forAll((id) => handling.addTag(id, event.currentTarget.value))()}
        >
          <option value="">{t("handling.addTag")}</option>
          {directory.tags.value.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      )}
      <button type="button" onClick={selection.clear}>
        {t("confirm.cancel")}
      </button>
    </section>
  );
}

/** A row's tags, whether it is put off, and whose it is. */
export function RowMarks({ room }: { room: Summary }) {
  const { t } = useLanguage();
  return (
    <>
      {room.snoozed_until && <small class="tag">{t("handling.snoozed")}</small>}
      {room.tags.map(({ id, name, color }) => (
        <small key={id} class="tag" style={{ "--tag": color } as Record<string, string>} dir="auto">
          {name}
        </small>
      ))}
    </>
  );
}

/** The first letter of who answers. */
export function Initial({ room: { assignee } }: { room: Summary }) {
  const { t } = useLanguage();
  if (!assignee) return null;
  const label = t("handling.of", { name: assignee.display_name });
  return (
    <span class="initial" title={label}>
      <span aria-hidden="true">{[...assignee.display_name][0]?.toUpperCase()}</span>
      <span class="visually-hidden">{label}</span>
    </span>
  );
}

/** Who answers, beside the conversation's name. */
export function AssigneeChoice({ room }: { room: Summary }) {
  const { t } = useLanguage();
  const { directory, handling } = useDesk();
  const { id, assignee } = room;
  const colleagues = directory.colleagues.value;
  const isListed = !assignee || colleagues.some((each) => each.id === assignee.id);
  return (
    <select
      class="assignee"
      aria-label={t("handling.assignee")}
      value={assignee?.id ?? ""}
      // Others may have been added or gone off duty, which nothing tells a console.
      onFocus={() => directory.load().catch(() => {})}
      onChange={(event) => handling.assign(id, event.currentTarget.value || null)}
    >
      <option value="">{t("handling.nobody")}</option>
      {assignee && !isListed && <option value={assignee.id}>{assignee.display_name}</option>}
      {colleagues.map((each) => (
        <option key={each.id} value={each.id}>
          {each.on_duty ? each.display_name : t("handling.offDuty", { name: each.display_name })}
        </option>
      ))}
    </select>
  );
}

/** Who else has this conversation open. */
export function Viewers() {
  const { t, format } = useLanguage();
  const others = useDesk().viewers.others.value;
  return (
    <div class="viewers" aria-live="polite">
      {others.length > 0 &&
        t("handling.viewers", { count: others.length, names: format.list(others) })}
    </div>
  );
}

/** Tags, what is put off, and spam: a part of the details. */
export function HandlingDetails({ room }: { room: Summary }) {
  const { t, format } = useLanguage();
  const { directory, handling } = useDesk();
  const snoozeId = useId();
  const { id, spam, snoozed_until } = room;
  const put = new Set(room.tags.map((tag) => tag.id));
  const snooze = (choice: string) => {
    const now = Date.now();
    const until = { hour: new Date(now + HOUR_MS), hours: new Date(now + 4 * HOUR_MS) }[choice];
    handling.snooze(id, choice === "" ? null : (until ?? tomorrow(now)));
  };
  return (
    <section class="handling" aria-label={t("handling.title")}>
      {directory.tags.value.length > 0 && (
        <fieldset class="tags">
          <legend>{t("handling.tags")}</legend>
          {directory.tags.value.map(({ id: tag, name, color }) => (
            <label key={tag} class="tag" style={{ "--tag": color } as Record<string, string>}>
              <input
                type="checkbox"
                checked={put.has(tag)}
                onChange={() => handling.toggleTag(id, tag)}
              />
              <span dir="auto">{name}</span>
            </label>
          ))}
        </fieldset>
      )}
      <label for={snoozeId}>{t("handling.snooze")}</label>
      <select
        id={snoozeId}
        value={snoozed_until ? "until" : ""}
        onChange={(event) => snooze(event.currentTarget.value)}
      >
        <option value="">{t("handling.notSnoozed")}</option>
        {snoozed_until && (
          <option value="until">
            {t("handling.until", { time: format.dayAndTime(snoozed_until) })}
          </option>
        )}
        <option value="hour">{t("handling.hours", { count: 1 })}</option>
        <option value="hours">{t("handling.hours", { count: 4 })}</option>
        <option value="tomorrow">{t("handling.tomorrow")}</option>
      </select>
      <button type="button" aria-pressed={spam} onClick={() => handling.setSpam(id, !spam)}>
        {t(spam ? "handling.noSpam" : "handling.spam")}
      </button>
    </section>
  );
}
