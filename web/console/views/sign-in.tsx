import { signal } from "@preact/signals";
import type { Agent } from "../../shared/protocol";
import { call, inWords, Refused } from "../api";
import { enter, trouble } from "../desk/desk";
import { Field } from "./field";

/** The code of a set-up link. It leaves the address bar at once, since it is a secret. */
const code = location.pathname.startsWith("/admin/setup") ? location.hash.slice(1) : undefined;
if (code !== undefined) history.replaceState(null, "", "/admin/setup");

const busy = signal(false);
const problem = signal("");

async function send(path: string, body: object) {
  busy.value = true;
  problem.value = "";
  try {
    const { agent } = await call<{ agent: Agent }>("POST", path, body);
    history.replaceState(null, "", `/admin/chat${location.hash}`);
    enter(agent);
  } catch (error) {
    problem.value =
      error instanceof Refused && error.status === 410
        ? "This link has been used or is too old. Restart the server for a new one, or run “shoptalk agent add NAME” on it."
        : error instanceof Refused && error.problem.code === "bad_credentials"
          ? "This name and password do not belong together."
          : inWords(error);
  }
  busy.value = false;
}

/** The way in: sign-in, or the first admin's set-up behind a link. */
export function SignIn() {
  const isSetup = location.pathname.startsWith("/admin/setup");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const [username, password] = [form.get("username"), form.get("password")];
    if (isSetup && password !== form.get("again")) {
      problem.value = "The two passwords are not the same.";
    } else {
      send(isSetup ? "setup/" : "login/", { username, password, ...(isSetup && { code }) });
    }
  };
  return (
    <main class="door">
      <form class="card" onSubmit={submit}>
        <div class="brand" aria-hidden="true">
          <span />
        </div>
        <h1>{isSetup ? "Welcome to Shoptalk" : "Sign in to Shoptalk"}</h1>
        {isSetup && <p class="dim">Make the first account. It may add the others.</p>}
        {trouble.value?.final && !problem.value && <p class="notice">{trouble.value.words}</p>}
        <Field label="Username" name="username" autocomplete="username" required autofocus />
        <Field
          label="Password"
          name="password"
          type="password"
          autocomplete={isSetup ? "new-password" : "current-password"}
          minLength={isSetup ? 8 : undefined}
          required
          hint={isSetup ? "At least 8 characters." : undefined}
        />
        {isSetup && (
          <Field
            label="The same again"
            name="again"
            type="password"
            autocomplete="new-password"
            required
          />
        )}
        <p class="problem" role="alert">
          {problem.value}
        </p>
        <button type="submit" class="primary" disabled={busy.value}>
          {isSetup ? "Create account" : "Sign in"}
        </button>
      </form>
    </main>
  );
}
