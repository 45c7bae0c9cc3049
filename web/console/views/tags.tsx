import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Tag } from "../../shared/protocol";
import { call } from "../api";
import { Confirm } from "./confirm";
import { useDesk, useLanguage } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";

/** The tags of the shop, for admins. */
export function TagsDialog({ close }: { close: () => void }) {
  const { t, describeError } = useLanguage();
  const { directory } = useDesk();
  const problem = useSignal("");
  const done = useSignal("");
  const run = async (text: string, task: () => Promise<unknown>) => {
    problem.value = done.value = "";
    try {
      await task();
      await directory.load();
      done.value = text;
      return true;
    } catch (error) {
      problem.value = describeError(error);
      return false;
    }
  };
  useEffect(() => void run("", async () => {}), []);
  const add = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const tag = Object.fromEntries(new FormData(form));
    if (await run(t("tags.saved"), () => call("POST", "tags/", tag))) form.reset();
  };
  return (
    <Dialog title={t("tags.title")} close={close}>
      <p class="problem" role="alert">
        {problem.value}
      </p>
      <p class="done" role="status">
        {done.value}
      </p>
      {directory.tags.value.length ? (
        <ul class="jobs" aria-label={t("tags.title")}>
          {directory.tags.value.map((tag) => (
            <Item key={`${tag.id} ${tag.name} ${tag.color}`} tag={tag} run={run} />
          ))}
        </ul>
      ) : (
        <p class="dim">{t("tags.none")}</p>
      )}
      <h3>{t("tags.add")}</h3>
      <form class="tag-form" onSubmit={add}>
        <Field label={t("tags.name")} name="name" autocomplete="off" required dir="auto" />
        <Color value="#2f6fde" />
        <button type="submit" class="primary">
          {t("tags.submit")}
        </button>
      </form>
    </Dialog>
  );
}

interface ItemProps {
  tag: Tag;
  run: (text: string, task: () => Promise<unknown>) => Promise<boolean>;
}

function Item({ tag: { id, name, color }, run }: ItemProps) {
  const { t } = useLanguage();
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.target as HTMLFormElement));
    run(t("tags.saved"), () => call("PATCH", `tags/${id}/`, fields));
  };
  return (
    <li>
      <form class="tag-form" aria-label={name} onSubmit={save}>
        <Field label={t("tags.name")} name="name" defaultValue={name} required dir="auto" />
        <Color value={color} />
        <button type="submit">{t("details.save")}</button>
      </form>
      <Confirm
        label={t("tags.delete")}
        name={t("tags.deleteOf", { name })}
        question={t("tags.question", { name })}
        run={() => run(t("tags.deleted"), () => call("DELETE", `tags/${id}/`))}
      />
    </li>
  );
}

function Color({ value }: { value: string }) {
  const { t } = useLanguage();
  return (
    <div class="field color">
      <label>
        {t("tags.color")}
        <input type="color" name="color" defaultValue={value} />
      </label>
    </div>
  );
}
