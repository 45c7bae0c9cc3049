import { signal } from "@preact/signals";
import type { Agent } from "../../shared/protocol";
import { call, inWords } from "../api";
import { askToNotify, muted, notifications, ring } from "../desk/alerts";
import { agent, signOut } from "../desk/desk";
import { choose, settings } from "../desk/settings";
import { Dialog } from "./dialog";
import { Field } from "./field";

const said = signal<{ words: string; bad: boolean } | undefined>(undefined);

async function save(event: SubmitEvent, words: string) {
  event.preventDefault();
  const form = event.target as HTMLFormElement;
  try {
    const fields = Object.fromEntries(new FormData(form));
    agent.value = (await call<{ agent: Agent }>("PATCH", "me/", fields)).agent;
    said.value = { words, bad: false };
    if ("password" in fields) form.reset();
  } catch (error) {
    said.value = { words: inWords(error), bad: true };
  }
}

/** What one can set for oneself: name, password, alerts, looks. */
export function Profile({ close }: { close: () => void }) {
  const { sound, notify, theme } = settings.value;
  return (
    <Dialog title="Settings" close={close}>
      <p class={said.value?.bad ? "problem" : "done"} role="alert">
        {said.value?.words}
      </p>
      <section>
        <h3>Alerts</h3>
        <label class="switch">
          <input
            type="checkbox"
            checked={sound}
            onChange={(event) => choose({ sound: event.currentTarget.checked })}
          />
          Sound
        </label>
        <label class="switch">
          <input
            type="checkbox"
            checked={notify}
            onChange={(event) => {
              choose({ notify: event.currentTarget.checked });
              if (event.currentTarget.checked) askToNotify();
            }}
          />
          Notifications of the browser
        </label>
        <p class="dim">
          {muted.value ||
            (notify && notifications.value === "granted"
              ? "Sound and notifications reach you."
              : "You will hear of new messages.")}
        </p>
        <button
          type="button"
          onClick={() => ring("This is a test", "So a new message looks and sounds.", () => {})}
        >
          Test
        </button>
      </section>
      <section>
        <h3>Looks</h3>
        <div class="field">
          <label for="theme">Theme</label>
          <select
            id="theme"
            value={theme}
            onChange={(event) => choose({ theme: event.currentTarget.value as typeof theme })}
          >
            <option value="auto">As the system</option>
            <option value="light">Light</option>
            <option value="dark">Dark</option>
          </select>
        </div>
      </section>
      <section>
        <h3>Your name</h3>
        <form onSubmit={(event) => save(event, "Customers see your new name.")}>
          <Field
            label="Display name"
            name="display_name"
            defaultValue={agent.value?.display_name}
            required
            hint="Customers see this name."
            dir="auto"
          />
          <button type="submit">Save name</button>
        </form>
      </section>
      <section>
        <h3>Your password</h3>
        <form
          onSubmit={(event) =>
            save(event, "The password is changed; your other sessions have ended.")
          }
        >
          <input
            type="text"
            autocomplete="username"
            value={agent.value?.username}
            hidden
            readonly
          />
          <Field
            label="Present password"
            name="current_password"
            type="password"
            autocomplete="current-password"
            required
          />
          <Field
            label="New password"
            name="password"
            type="password"
            autocomplete="new-password"
            minLength={8}
            required
            hint="At least 8 characters."
          />
          <button type="submit">Change password</button>
        </form>
      </section>
      <section class="actions">
        <button type="button" onClick={() => signOut(false)}>
          Sign out
        </button>
        <button type="button" onClick={() => signOut(true)}>
          Sign out everywhere
        </button>
      </section>
    </Dialog>
  );
}
