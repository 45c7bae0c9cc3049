import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Agent } from "../../shared/protocol";
import { call, describeError } from "../api";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";

/** A random password that can be read out over the phone: 80 bits. */
function makePassword(): string {
  const letters = "abcdefghijkmnpqrstuvwxyz23456789";
  const random = crypto.getRandomValues(new Uint8Array(16));
  const text = Array.from(random, (byte) => letters[byte % letters.length]).join("");
  return text.replace(/(.{4})(?=.)/g, "$1-");
}

/** The list of agents, for admins. */
export function Agents({ close }: { close: () => void }) {
  const me = useApp().session.agent.value;
  const agents = useSignal<Agent[]>([]);
  const problem = useSignal("");
  const done = useSignal("");
  const load = async () => {
    agents.value = (await call<{ results: Agent[] }>("GET", "agents/")).results;
  };
  /** Runs a call, shows `text` if it worked, and loads the list again. */
  const run = async (text: string, task: () => Promise<unknown>) => {
    problem.value = done.value = "";
    try {
      await task();
      done.value = text;
      await load();
    } catch (error) {
      problem.value = describeError(error);
    }
  };
  useEffect(() => void run("", async () => {}), []);
  const add = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = Object.fromEntries(new FormData(form));
    if (!fields.display_name) delete fields.display_name;
    run(`${fields.username} can sign in now.`, async () => {
      await call("POST", "agents/", fields);
      form.reset();
    });
  };
  const patch = (agent: Agent, text: string, body: object) =>
    run(text, () => call("PATCH", `agents/${agent.id}/`, body));
  const reset = (agent: Agent) => {
    const password = makePassword();
    const question = `Give ${agent.username} the new password below? All their sessions end.\n\n${password}`;
    if (confirm(question))
      patch(agent, `${agent.username}'s new password: ${password}`, { password });
  };
  return (
    <Dialog title="Agents" close={close} className="wide">
      <p class="problem" role="alert">
        {problem.value}
      </p>
      <p class="done" role="status">
        {done.value}
      </p>
      <table>
        <thead>
          <tr>
            <th>Name</th>
            <th>Role</th>
            <th>
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {agents.value.map((agent) => (
            <tr key={agent.id} class={agent.disabled ? "off" : ""}>
              <td>
                <b dir="auto">{agent.display_name}</b>
                <br />
                <small class="dim">
                  {agent.username}
                  {agent.disabled ? " · disabled" : ""}
                  {agent.id === me?.id ? " · you" : ""}
                </small>
              </td>
              <td>
                <select
                  aria-label={`Role of ${agent.username}`}
                  value={agent.role}
                  onChange={(event) =>
                    patch(agent, `${agent.username} is now ${event.currentTarget.value}.`, {
                      role: event.currentTarget.value,
                    })
                  }
                >
                  <option value="agent">Agent</option>
                  <option value="admin">Admin</option>
                </select>
              </td>
              <td class="actions">
                <button
                  type="button"
                  aria-label={`Reset password of ${agent.username}`}
                  onClick={() => reset(agent)}
                >
                  Reset password
                </button>
                <button
                  type="button"
                  aria-label={`${agent.disabled ? "Enable" : "Disable"} ${agent.username}`}
                  onClick={() =>
                    patch(
                      agent,
                      `${agent.username} is ${agent.disabled ? "enabled" : "disabled"}.`,
                      {
                        disabled: !agent.disabled,
                      },
                    )
                  }
                >
                  {agent.disabled ? "Enable" : "Disable"}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>Add an agent</h3>
      <form class="grid" onSubmit={add}>
        <Field
          label="Username"
          name="username"
          autocomplete="off"
          required
          hint="For signing in."
        />
        <Field
          label="Display name"
          name="display_name"
          autocomplete="off"
          hint="What customers see."
        />
        <Field
          label="First password"
          name="password"
          autocomplete="off"
          minLength={8}
          required
          hint="At least 8 characters. They can change it."
          defaultValue={makePassword()}
        />
        <div class="field">
          <label for="new-role">New agent's role</label>
          <select id="new-role" name="role">
            <option value="agent">Agent</option>
            <option value="admin">Admin</option>
          </select>
        </div>
        <button type="submit" class="primary">
          Add agent
        </button>
      </form>
    </Dialog>
  );
}
