import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Agent, AgentList } from "../../shared/protocol";
import { call, callForAll } from "../api";
import { useApp, useDesk, useLanguage } from "./context";
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
  const { t, describeError } = useLanguage();
  const { directory } = useDesk();
  const me = useApp().session.agent.value;
  const agents = useSignal<Agent[]>([]);
  const problem = useSignal("");
  const done = useSignal("");
  const load = async () => {
    agents.value = (await callForAll<AgentList>(call, "agents/")).results;
  };
  /** Runs a call, shows `text` if it worked, and loads the list again. */
  const run = async (text: string, task: () => Promise<unknown>) => {
    problem.value = done.value = "";
    try {
      await task();
      done.value = text;
      await load();
      // Whom conversations can be given to.
      if (text) directory.load().catch(() => {});
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
    // With the password: the field has another one by then, for the next agent.
    const added = { name: `${fields.username}`, password: `${fields.password}` };
    run(t("agents.added", added), async () => {
      await call("POST", "agents/", fields);
      form.reset();
    });
  };
  const patch = (agent: Agent, text: string, body: object) =>
    run(text, () => call("PATCH", `agents/${agent.id}/`, body));
  const reset = (agent: Agent) => {
    const password = makePassword();
    const name = agent.username;
    const question = `${t("agents.resetQuestion", { name })}\n\n${password}`;
    if (confirm(question)) patch(agent, t("agents.resetDone", { name, password }), { password });
  };
  return (
    <Dialog title={t("agents.title")} close={close} className="wide">
      <p class="problem" role="alert">
        {problem.value}
      </p>
      <p class="done" role="status">
        {done.value}
      </p>
      <table class="agents">
        <thead>
          <tr>
            <th>{t("agents.name")}</th>
            <th>{t("agents.role")}</th>
            <th>
              <span class="visually-hidden">{t("agents.actions")}</span>
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
                  <bdi>{agent.username}</bdi>
                  {agent.disabled && ` · ${t("agents.disabled")}`}
                  {agent.id === me?.id && ` · ${t("agents.you")}`}
                </small>
              </td>
              <td>
                <select
                  aria-label={t("agents.roleOf", { name: agent.username })}
                  value={agent.role}
                  onChange={(event) => {
                    const role = event.currentTarget.value;
                    const key = role === "admin" ? "agents.isAdmin" : "agents.isAgent";
                    patch(agent, t(key, { name: agent.username }), { role });
                  }}
                >
                  <option value="agent">{t("agents.agent")}</option>
                  <option value="admin">{t("agents.admin")}</option>
                </select>
              </td>
              <td class="actions">
                <button
                  type="button"
                  aria-label={t("agents.resetOf", { name: agent.username })}
                  onClick={() => reset(agent)}
                >
                  {t("agents.reset")}
                </button>
                <Switch agent={agent} patch={patch} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>{t("agents.add")}</h3>
      <form class="grid" onSubmit={add}>
        <Field
          label={t("agents.username")}
          name="username"
          autocomplete="off"
          required
          hint={t("agents.usernameHint")}
        />
        <Field
          label={t("agents.displayName")}
          name="display_name"
          autocomplete="off"
          hint={t("agents.displayNameHint")}
        />
        <Field
          label={t("agents.password")}
          name="password"
          autocomplete="off"
          minLength={8}
          required
          hint={t("agents.passwordHint")}
          defaultValue={makePassword()}
        />
        <div class="field">
          <label for="new-role">{t("agents.newRole")}</label>
          <select id="new-role" name="role">
            <option value="agent">{t("agents.agent")}</option>
            <option value="admin">{t("agents.admin")}</option>
          </select>
        </div>
        <button type="submit" class="primary">
          {t("agents.submit")}
        </button>
      </form>
    </Dialog>
  );
}

interface SwitchProps {
  agent: Agent;
  patch: (agent: Agent, text: string, body: object) => void;
}

/** Disables an agent, or enables one again. */
function Switch({ agent, patch }: SwitchProps) {
  const { t } = useLanguage();
  const { disabled, username: name } = agent;
  const done = disabled ? "agents.isEnabled" : "agents.isDisabled";
  return (
    <button
      type="button"
      aria-label={t(disabled ? "agents.enableOf" : "agents.disableOf", { name })}
      onClick={() => patch(agent, t(done, { name }), { disabled: !disabled })}
    >
      {t(disabled ? "agents.enable" : "agents.disable")}
    </button>
  );
}
