import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Agent } from "../../shared/protocol";
import { call, Refused } from "../api";
import type { Language } from "../language/language";
import { useApp, useLanguage } from "./context";
import { Field } from "./field";
import { LanguageChoice } from "./language-choice";

/** How an account is made on the server itself. */
// untranslated: it is typed as it stands.
const SETUP_COMMAND = "shoptalk agent add NAME";

/** How long a setup link is looked at before its form is shown anyway. */
const LINK_TIMEOUT_MS = 5_000;

/** The sign-in, or the set-up of the first admin behind a link. */
export function SignIn() {
  const { session, notices, setupCode } = useApp();
  const language = useLanguage();
  const { t } = language;
  const isBusy = useSignal(false);
  /** Describes what is wrong, in whichever language is chosen. */
  const problem = useSignal<(() => string) | undefined>(undefined);
  const isSetup = location.pathname.startsWith("/admin/setup");
  const banner = notices.banner.value;
  /** Whether a setup link can no longer be used; undefined until that is known. */
  const isUsed = useSignal(isSetup ? undefined : false);
  useEffect(() => {
    if (isSetup) isUsedLink(setupCode).then((used) => (isUsed.value = used));
  }, []);

  const send = async (path: string, body: object) => {
    isBusy.value = true;
    problem.value = undefined;
    try {
      const { agent } = await call<{ agent: Agent }>("POST", path, body);
      history.replaceState(null, "", `/admin/chat${location.hash}`);
      session.signIn(agent);
    } catch (error) {
      problem.value = () => describe(language, error);
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
    } else problem.value = () => t("setup.notSame");
  };
  const head = (
    <>
      <div class="brand" aria-hidden="true">
        <span />
      </div>
      <h1>{t(isSetup ? "setup.title" : "signIn.title")}</h1>
    </>
  );
  if (isUsed.value !== false) {
    return (
      <main class="sign-in">
        <div class="card">
          {head}
          <p class="problem" role="alert">
            {isUsed.value && t("setup.used", { command: SETUP_COMMAND })}
          </p>
          {isUsed.value && <a href="/admin/chat">{t("signIn.submit")}</a>}
          <LanguageChoice />
        </div>
      </main>
    );
  }
  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit}>
        {head}
        {isSetup && <p class="dim">{t("setup.hint")}</p>}
        {banner?.isFinal && !problem.value && <p class="notice">{banner.text}</p>}
        <Field
          label={t("signIn.username")}
          name="username"
          autocomplete="username"
          required
          autofocus
        />
        <Field
          label={t("signIn.password")}
          name="password"
          type="password"
          autocomplete={isSetup ? "new-password" : "current-password"}
          minLength={isSetup ? 8 : undefined}
          required
          hint={isSetup ? t("setup.passwordHint") : undefined}
        />
        {isSetup && (
          <Field
            label={t("setup.again")}
            name="again"
            type="password"
            autocomplete="new-password"
            required
          />
        )}
        <p class="problem" role="alert">
          {problem.value?.()}
        </p>
        <button type="submit" class="primary" disabled={isBusy.value}>
          {t(isSetup ? "setup.submit" : "signIn.submit")}
        </button>
        <LanguageChoice />
      </form>
    </main>
  );
}

/**
 * Whether a setup link was used, has expired or is not needed. Asks for an account without a name and
 * a password: the server looks at the code first, and refuses the rest without using it up.
 */
async function isUsedLink(code: string | undefined): Promise<boolean> {
  if (!code) return true;
  const nobody = { code, username: "", password: "" };
  try {
    await call("POST", "setup/", nobody, AbortSignal.timeout(LINK_TIMEOUT_MS));
  } catch (error) {
    return error instanceof Refused && error.status === 410;
  }
  return false;
}

function describe({ t, describeError }: Language, error: unknown): string {
  if (error instanceof Refused && error.status === 410) {
    return t("setup.used", { command: SETUP_COMMAND });
  }
  if (error instanceof Refused && error.problem.code === "bad_credentials") {
    return t("signIn.wrong");
  }
  return describeError(error);
}
