import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { ApiToken, ApiTokenAnswer, ApiTokenList, Right } from "../../shared/protocol";
import { call, callForAll } from "../api";
import { Confirm } from "./confirm";
import { useApp, useLanguage } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";

const RIGHTS: readonly Right[] = [
  "rooms:read",
  "messages:write",
  "notes:write",
  "drafts:write",
  "reports:read",
  "export",
];

const DAY_MS = 86_400_000;

/** API tokens for programs of the shop, for admins. */
export function TokensDialog({ close }: { close: () => void }) {
  const { t, describeError } = useLanguage();
  const tokens = useSignal<readonly ApiToken[]>([]);
  const problem = useSignal("");
  const done = useSignal("");
  const made = useSignal<ApiTokenAnswer | undefined>(undefined);
  const run = async (text: string, task: () => Promise<unknown>) => {
    problem.value = done.value = "";
    try {
      await task();
      tokens.value = (await callForAll<ApiTokenList>(call, "tokens/")).results;
      done.value = text;
    } catch (error) {
      problem.value = describeError(error);
    }
  };
  useEffect(() => void run("", async () => {}), []);
  const make = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    const days = Number(fields.get("days"));
    const request = {
      name: fields.get("name"),
      rights: fields.getAll("rights"),
      expires_at: days ? new Date(Date.now() + days * DAY_MS).toISOString() : null,
    };
    run(t("tokens.made", { name: `${request.name}` }), async () => {
      made.value = undefined;
      made.value = await call<ApiTokenAnswer>("POST", "tokens/", request);
      form.reset();
    });
  };
  const end = ({ id, name }: ApiToken) =>
    run(t("tokens.ended", { name }), async () => {
      await call("DELETE", `tokens/${id}/`);
      if (made.value?.id === id) made.value = undefined;
    });
  return (
    <Dialog title={t("tokens.title")} close={close} className="wide">
      <p class="dim">{t("tokens.hint")}</p>
      <p class="problem" role="alert">
        {problem.value}
      </p>
      <p class="done" role="status">
        {done.value}
      </p>
      {made.value && <Secret key={made.value.id} token={made.value.token} />}
      <List tokens={tokens.value} end={end} />
      <h3>{t("tokens.make")}</h3>
      <form onSubmit={make}>
        <div class="grid">
          <Field
            label={t("tokens.name")}
            name="name"
            autocomplete="off"
            required
            dir="auto"
            hint={t("tokens.nameHint")}
          />
          <div class="field">
            <label for="token-days">{t("tokens.lifetime")}</label>
            <select id="token-days" name="days">
              <option value="90">{t("tokens.days", { count: 90 })}</option>
              <option value="365">{t("tokens.days", { count: 365 })}</option>
              <option value="">{t("tokens.endless")}</option>
            </select>
          </div>
        </div>
        <fieldset class="rights">
          <legend>{t("tokens.rights")}</legend>
          {RIGHTS.map((right) => (
            <label key={right}>
              <input type="checkbox" name="rights" value={right} />
              {t(`tokens.right.${right}`)}
            </label>
          ))}
        </fieldset>
        <button type="submit" class="primary">
          {t("tokens.submit")}
        </button>
      </form>
    </Dialog>
  );
}

/** The secret of a token that was just made: nobody can see it again. */
function Secret({ token }: { token: string }) {
  const { t } = useLanguage();
  const field = useRef<HTMLInputElement>(null);
  const isCopied = useSignal(false);
  useEffect(() => field.current?.select(), []);
  const copy = async () => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(token);
      isCopied.value = true;
    } catch {
      // The text is selected, so the keys of the system copy it.
    }
  };
  return (
    <section class="secret">
      <label for="token-secret">{t("tokens.secret")}</label>
      <input id="token-secret" ref={field} dir="ltr" readonly value={token} />
      <button type="button" onClick={copy}>
        {t(isCopied.value ? "tokens.copied" : "tokens.copy")}
      </button>
      <small class="dim">{t("tokens.secretHint")}</small>
    </section>
  );
}

interface ListProps {
  tokens: readonly ApiToken[];
  end: (token: ApiToken) => void;
}

function List({ tokens, end }: ListProps) {
  const { t } = useLanguage();
  if (!tokens.length) return <p>{t("tokens.none")}</p>;
  return (
    <ul class="jobs" aria-label={t("tokens.list")}>
      {tokens.map((token) => (
        <Item key={token.id} token={token} end={() => end(token)} />
      ))}
    </ul>
  );
}

function Item({ token, end }: { token: ApiToken; end: () => void }) {
  const { now } = useApp();
  const { t, format } = useLanguage();
  const { name, rights, expires_at, last_used_at } = token;
  const isPast = expires_at !== null && Date.parse(expires_at) <= Date.now();
  const used = last_used_at
    ? t("tokens.used", { ago: format.ago(last_used_at, now.value) })
    : t("tokens.unused");
  const until = expires_at ? format.dayAndTime(expires_at) : "";
  return (
    <li class={isPast ? "off" : ""}>
      <div>
        <b dir="auto">{name}</b>
        <br />
        <small class="dim">
          {rights.map((right) => t(`tokens.right.${right}`)).join(" · ")}
          <br />
          {used}
          {expires_at && ` · ${t(isPast ? "tokens.past" : "tokens.until", { time: until })}`}
        </small>
      </div>
      <Confirm
        label={t("tokens.end")}
        name={t("tokens.endOf", { name })}
        question={t("tokens.question", { name })}
        run={end}
      />
    </li>
  );
}
