import { useSignal } from "@preact/signals";
import type { Room, Summary } from "../../shared/protocol";
import { describeError, Refused } from "../api";
import { formatAge, formatDayAndTime, visitorName } from "../format";
import { Icon } from "../icons";
import { useApp, useDesk } from "./context";
import { Field } from "./field";

/** The right side: who the visitor is. */
export function Details() {
  const { session, now } = useApp();
  const { conversation, lobby, panels, redaction } = useDesk();
  const id = conversation.selected.value;
  const summary = conversation.summary.value;
  const room = conversation.room.value ?? summary;
  if (!id || !room || !panels.details.value) return null;
  const isBlocked = summary?.blocked ?? false;
  const toggleBlock = () => {
    const question = isBlocked
      ? `Unblock ${visitorName(room)}? They can write again.`
      : `Block ${visitorName(room)}? They cannot write until you unblock them.`;
    if (confirm(question)) session.attempt(() => lobby.change(id, { blocked: !isBlocked }));
  };
  const page = room.page_url && /^https?:/.test(room.page_url) ? room.page_url : undefined;
  return (
    <aside class="details" aria-label="Customer">
      <header>
        <h2>Customer</h2>
        <button
          type="button"
          class="plain"
          aria-label="Hide details"
          onClick={panels.toggleDetails}
        >
          <Icon name="close" />
        </button>
      </header>
      <VisitorForm
        key={[id, room.customer_name, room.customer_email, room.customer_phone].join()}
        id={id}
        room={room}
      />
      <dl>
        <dt>Page</dt>
        <dd>
          {page ? (
            <a href={page} target="_blank" rel="noopener noreferrer nofollow">
              {page.replace(/^https?:\/\//, "")}
            </a>
          ) : (
            (room.page_url ?? "unknown")
          )}
        </dd>
        <dt>Signed in as</dt>
        <dd>{room.user ?? "nobody (anonymous)"}</dd>
        <dt>Online</dt>
        <dd>{summary?.customer_online ? "yes" : "no"}</dd>
        <dt>Started</dt>
        <dd>{formatDayAndTime(room.created_at)}</dd>
        <dt>Last message</dt>
        <dd>{room.last_message_at ? formatDayAndTime(room.last_message_at) : "none yet"}</dd>
        {summary?.waiting_since && (
          <>
            <dt>Waiting</dt>
            <dd>{formatAge(summary.waiting_since, now.value)}</dd>
          </>
        )}
      </dl>
      <button type="button" class="danger" onClick={toggleBlock}>
        <Icon name="block" /> {isBlocked ? "Unblock this visitor" : "Block this visitor"}
      </button>
      {session.agent.value?.role === "admin" && (
        <button
          type="button"
          aria-pressed={redaction.isChoosing()}
          onClick={redaction.toggleChoosing}
        >
          Remove messages
        </button>
      )}
    </aside>
  );
}

/** The details that agents can change. */
function VisitorForm({ id, room }: { id: string; room: Room | Summary }) {
  const { notices } = useApp();
  const { lobby } = useDesk();
  const refused = useSignal<Refused | undefined>(undefined);
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    refused.value = undefined;
    try {
      await lobby.change(id, Object.fromEntries(new FormData(event.target as HTMLFormElement)));
      notices.showToast("Saved.");
    } catch (error) {
      if (error instanceof Refused && error.problem.errors) refused.value = error;
      else notices.showToast(describeError(error));
    }
  };
  return (
    <form onSubmit={save}>
      <Field
        label="Customer's name"
        name="customer_name"
        defaultValue={room.customer_name ?? ""}
        error={refused.value?.errorOf("customer_name")}
        dir="auto"
      />
      <Field
        label="Email"
        name="customer_email"
        type="email"
        defaultValue={room.customer_email ?? ""}
        error={refused.value?.errorOf("customer_email")}
      />
      <Field
        label="Phone"
        name="customer_phone"
        type="tel"
        defaultValue={room.customer_phone ?? ""}
        error={refused.value?.errorOf("customer_phone")}
      />
      <button type="submit">Save</button>
    </form>
  );
}
