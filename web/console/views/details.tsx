import { signal } from "@preact/signals";
import { inWords, Refused } from "../api";
import { attempt, change, room, selected, summary, tell } from "../desk/desk";
import { nameOf } from "../desk/lobby-state";
import { agoOf, fullOf } from "../format";
import { Icon } from "../icons";
import { detailsOpen } from "./conversation";
import { Field } from "./field";

const refused = signal<Refused | undefined>(undefined);

/** The right side: who the customer is. */
export function Details() {
  const id = selected.value;
  const about = room.value ?? summary.value;
  if (!id || !about || !detailsOpen.value) return null;
  const isBlocked = summary.value?.blocked ?? false;
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    refused.value = undefined;
    try {
      await change(id, Object.fromEntries(new FormData(event.target as HTMLFormElement)));
      tell("Saved.");
    } catch (error) {
      if (error instanceof Refused && error.problem.errors) refused.value = error;
      else tell(inWords(error));
    }
  };
  const block = () => {
    const question = isBlocked
      ? `Let ${nameOf(about)} write again?`
      : `Block ${nameOf(about)}? They cannot write any more until you let them.`;
    if (confirm(question)) attempt(() => change(id, { blocked: !isBlocked }));
  };
  const page = about.page_url && /^https?:/.test(about.page_url) ? about.page_url : undefined;
  return (
    <aside class="details" aria-label="Customer">
      <header>
        <h2>Customer</h2>
        <button
          type="button"
          class="plain"
          aria-label="Hide details"
          onClick={() => {
            detailsOpen.value = false;
          }}
        >
          <Icon name="close" />
        </button>
      </header>
      <form
        key={[id, about.customer_name, about.customer_email, about.customer_phone].join()}
        onSubmit={save}
      >
        <Field
          label="Customer’s name"
          name="customer_name"
          defaultValue={about.customer_name ?? ""}
          error={refused.value?.about("customer_name")}
          dir="auto"
        />
        <Field
          label="Email"
          name="customer_email"
          type="email"
          defaultValue={about.customer_email ?? ""}
          error={refused.value?.about("customer_email")}
        />
        <Field
          label="Phone"
          name="customer_phone"
          type="tel"
          defaultValue={about.customer_phone ?? ""}
          error={refused.value?.about("customer_phone")}
        />
        <button type="submit">Save</button>
      </form>
      <dl>
        <dt>Page</dt>
        <dd>
          {page ? (
            <a href={page} target="_blank" rel="noopener noreferrer nofollow">
              {page.replace(/^https?:\/\//, "")}
            </a>
          ) : (
            (about.page_url ?? "unknown")
          )}
        </dd>
        <dt>Signed in as</dt>
        <dd>{about.user ?? "nobody (anonymous)"}</dd>
        <dt>Here now</dt>
        <dd>{summary.value?.customer_online ? "yes" : "no"}</dd>
        <dt>First came</dt>
        <dd>{fullOf(about.created_at)}</dd>
        <dt>Last message</dt>
        <dd>{about.last_message_at ? fullOf(about.last_message_at) : "none yet"}</dd>
        {summary.value?.waiting_since && (
          <>
            <dt>Waiting</dt>
            <dd>{agoOf(summary.value.waiting_since)}</dd>
          </>
        )}
      </dl>
      <button type="button" class="danger" onClick={block}>
        <Icon name="block" /> {isBlocked ? "Unblock this visitor" : "Block this visitor"}
      </button>
    </aside>
  );
}
