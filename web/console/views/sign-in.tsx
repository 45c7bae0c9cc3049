import { useSignal } from "@preact/signals";
import type { Agent } from "../../shared/protocol";
import { call, describeError, Refused } from "../api";
import { useApp } from "./context";
import { Field } from "./field";

/** The sign-in, or the set-up of the first admin behind a link. */
export function SignIn() {
  const { session, notices, setupCode } = useApp();
  const isBusy = useSignal(false);
  const problem = useSignal("");
  const isSetup = location.pathname.startsWith("/admin/setup");
  const banner = notices.banner.value;

  const send = async (path: string, body: object) => {
    isBusy.value = true;
    problem.value = "";
    try {
      const { agent } = await call<{ agent: Agent }>("POST", path, body);
      history.replaceState(null, "", `/admin/chat${location.hash}`);
      session.signIn(agent);
    } catch (error) {
      problem.value = describeRefusal(error);
    }
    isBusy.value = false;
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const [username, password] = [form.get("username"), form.get("password")];
    if (!isSetup) send("login/", { username, password });
    else if (password === form.get("again")) {
      send("setup/", { username, password, code: setupCode });
    } else problem.value = "The two passwords are not the same.";
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit}>
        <div class="brand" aria-hidden="true">
          <span />
        </div>
        <h1>{isSetup ? "Welcome to Shoptalk" : "Sign in to Shoptalk"}</h1>
        {isSetup && <p class="dim">Create the first account. It can add the others.</p>}
        {banner?.isFinal && !problem.value && <p class="notice">{banner.text}</p>}
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
            label="Repeat to confirm"
            name="again"
            type="password"
            autocomplete="new-password"
            required
          />
        )}
        <p class="problem" role="alert">
          {problem.value}
        </p>
        <button type="submit" class="primary" disabled={isBusy.value}>
          {isSetup ? "Create account" : "Sign in"}
        </button>
      </form>
    </main>
  );
}

function describeRefusal(error: unknown): string {
  if (error instanceof Refused && error.status === 410) {
    return 'This link has been used or has expired. Restart the server for a new one, or run "shoptalk agent add NAME" on it.';
  }
  if (error instanceof Refused && error.problem.code === "bad_credentials") {
    return "Wrong username or password.";
  }
  return describeError(error);
}
