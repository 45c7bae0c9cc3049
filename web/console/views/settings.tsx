import { useSignal } from "@preact/signals";
import type { Agent } from "../../shared/protocol";
import { call, describeError } from "../api";
import { useApp, useDesk } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";

/** What agents set for themselves: alerts, appearance, name, password. */
export function Settings({ close }: { close: () => void }) {
  const { settings, alerts, session } = useApp();
  const { panels } = useDesk();
  const result = useSignal<{ text: string; isError: boolean } | undefined>(undefined);
  const { sound, notify, theme } = settings.current.value;
  const agent = session.agent.value;
  const save = async (event: SubmitEvent, text: string) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    try {
      const fields = Object.fromEntries(new FormData(form));
      session.update((await call<{ agent: Agent }>("PATCH", "me/", fields)).agent);
      result.value = { text, isError: false };
      if ("password" in fields) form.reset();
    } catch (error) {
      result.value = { text: describeError(error), isError: true };
    }
  };
  return (
    <Dialog title="Settings" close={close}>
      <p class={result.value?.isError ? "problem" : "done"} role="alert">
        {result.value?.text}
      </p>
      <section>
        <h3>Alerts</h3>
        <label class="switch">
          <input
            type="checkbox"
            checked={agent?.on_duty ?? true}
            onChange={(event) => session.setOnDuty(event.currentTarget.checked)}
          />
          On duty
        </label>
        <p class="dim">Only those on duty are alerted on their devices when a customer waits.</p>
        <label class="switch">
          <input
            type="checkbox"
            checked={sound}
            onChange={(event) => settings.change({ sound: event.currentTarget.checked })}
          />
          Sound
        </label>
        <label class="switch">
          <input
            type="checkbox"
            checked={notify}
            onChange={(event) => {
              settings.change({ notify: event.currentTarget.checked });
              if (event.currentTarget.checked) alerts.requestPermission();
            }}
          />
          Browser notifications
        </label>
        <p class="dim">
          {alerts.problem.value ||
            (notify && alerts.permission.value === "granted"
              ? "You will hear and see new messages."
              : "You will hear of new messages.")}
        </p>
        <button
          type="button"
          onClick={() =>
            alerts.show("This is a test", "This is what a new message looks like.", () => {})
          }
        >
          Test
        </button>
      </section>
      <section>
        <h3>Appearance</h3>
        <div class="field">
          <label for="theme">Theme</label>
          <select
            id="theme"
            value={theme}
            onChange={(event) =>
              settings.change({ theme: event.currentTarget.value as typeof theme })
            }
          >
            <option value="auto">Same as the system</option>
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
            defaultValue={agent?.display_name}
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
            save(event, "Your password has been changed. Your other sessions have ended.")
          }
        >
          <input type="text" autocomplete="username" value={agent?.username} hidden readonly />
          <Field
            label="Current password"
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
      {agent?.role === "admin" && (
        <section>
          <h3>The server</h3>
          <p class="dim">
            Data has backups, exports and erasures. Doctor checks the way from this browser to the
            server, and its disk.
          </p>
          <div class="actions">
            <button type="button" onClick={() => panels.open("data")}>
              Open Data
            </button>
            <button type="button" onClick={() => panels.open("doctor")}>
              Open Doctor
            </button>
          </div>
        </section>
      )}
      <section class="actions">
        <button type="button" onClick={() => session.signOut(false)}>
          Sign out
        </button>
        <button type="button" onClick={() => session.signOut(true)}>
          Sign out everywhere
        </button>
      </section>
    </Dialog>
  );
}
