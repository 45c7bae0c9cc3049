import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { CannedReply, ReplyRequest } from "../../shared/protocol";
import { fromCsv, toCsv } from "../desk/replies-csv";
import { importReplies, type RefusedRow } from "../desk/replies-import";
import { Confirm } from "./confirm";
import { useApp, useDesk, useLanguage } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";

/** Canned replies: the shared ones, which admins write, and one's own. */
export function Replies({ close }: { close: () => void }) {
  const { t, describeError } = useLanguage();
  const { replies } = useDesk();
  const isAdmin = useApp().session.agent.value?.role === "admin";
  const editing = useSignal<CannedReply | undefined>(undefined);
  const problem = useSignal("");
  const done = useSignal("");
  const refused = useSignal<readonly RefusedRow[]>([]);
  /** Runs a task, and shows the text that it returns or why it failed; whether it worked. */
  const run = async (task: () => Promise<string>): Promise<boolean> => {
    problem.value = done.value = "";
    refused.value = [];
    try {
      done.value = await task();
      return true;
    } catch (error) {
      problem.value = describeError(error);
      return false;
    }
  };
  useEffect(() => {
    run(async () => {
      await replies.load();
      return "";
    });
  }, []);
  const save = (reply: ReplyRequest) =>
    run(async () => {
      const { value } = editing;
      if (value) await replies.change(value.id, reply);
      else await replies.add(reply);
      editing.value = undefined;
      return t("replies.saved", { shortcut: reply.shortcut.replace(/^\//, "") });
    });
  const remove = ({ id, shortcut }: CannedReply) =>
    run(async () => {
      await replies.remove(id);
      if (editing.value?.id === id) editing.value = undefined;
      return t("replies.deleted", { shortcut });
    });
  const takeFile = (file: File) =>
    run(async () => {
      const rows = fromCsv(await file.text());
      if (!rows) return t("replies.noCsv");
      const result = await importReplies(rows, replies.add, describeError);
      refused.value = result.refused;
      return t("replies.imported", { count: result.added });
    });
  return (
    <Dialog title={t("replies.title")} close={close} className="wide">
      <p class="dim">{t("replies.hint")}</p>
      <p class="problem" role="alert">
        {problem.value}
      </p>
      <p class="done" role="status">
        {done.value}
      </p>
      {refused.value.length > 0 && <RefusedRows rows={refused.value} />}
      <List
        mayWrite={({ shared }) => isAdmin || !shared}
        edit={(reply) => {
          editing.value = reply;
        }}
        remove={remove}
      />
      <Editor
        key={editing.value?.id ?? "new"}
        reply={editing.value}
        mayShare={isAdmin}
        save={save}
        cancel={() => {
          editing.value = undefined;
        }}
      />
      <section>
        <h3>{t("replies.file")}</h3>
        <p class="dim">{t("replies.fileHint")}</p>
        <div class="buttons">
          <button type="button" onClick={() => download(toCsv(replies.all.value))}>
            {t("replies.export")}
          </button>
          <label class="file">
            {t("replies.import")}
            <input
              type="file"
              accept=".csv,text/csv"
              onChange={({ currentTarget }) => {
                const file = currentTarget.files?.[0];
                currentTarget.value = "";
                if (file) takeFile(file);
              }}
            />
          </label>
        </div>
      </section>
    </Dialog>
  );
}

interface ListProps {
  mayWrite: (reply: CannedReply) => boolean;
  edit: (reply: CannedReply) => void;
  remove: (reply: CannedReply) => void;
}

function List({ mayWrite, edit, remove }: ListProps) {
  const { t } = useLanguage();
  const { all } = useDesk().replies;
  if (!all.value.length) return <p>{t("replies.none")}</p>;
  return (
    <table class="replies">
      <thead>
        <tr>
          <th>{t("replies.shortcut")}</th>
          <th>{t("replies.content")}</th>
          <th>
            <span class="visually-hidden">{t("replies.actions")}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {all.value.map((reply) => {
          const { id, shortcut, title, content, shared } = reply;
          return (
            <tr key={id}>
              <td>
                <b>
                  <bdi>/{shortcut}</bdi>
                </b>
                <br />
                <small class="dim">{shared ? t("replies.shared") : t("replies.own")}</small>
              </td>
              <td>
                {title && (
                  <>
                    <b dir="auto">{title}</b>
                    <br />
                  </>
                )}
                <span class="excerpt" dir="auto">
                  {content}
                </span>
              </td>
              <td class="actions">
                {mayWrite(reply) && (
                  <>
                    <button
                      type="button"
                      aria-label={t("replies.editOf", { shortcut })}
                      onClick={() => edit(reply)}
                    >
                      {t("replies.edit")}
                    </button>
                    <Confirm
                      label={t("replies.delete")}
                      name={t("replies.deleteOf", { shortcut })}
                      question={t("replies.deleteQuestion", { shortcut })}
                      run={() => remove(reply)}
                    />
                  </>
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

interface EditorProps {
  /** The one that is changed; none for a new one. */
  reply: CannedReply | undefined;
  mayShare: boolean;
  save: (reply: ReplyRequest) => Promise<boolean>;
  cancel: () => void;
}

function Editor({ reply, mayShare, save, cancel }: EditorProps) {
  const { t } = useLanguage();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    const saved = await save({
      shortcut: `${fields.get("shortcut")}`,
      title: `${fields.get("title")}`,
      content: `${fields.get("content")}`,
      shared: fields.has("shared"),
    });
    if (saved) form.reset();
  };
  return (
    <section>
      <h3>{reply ? t("replies.change", { shortcut: reply.shortcut }) : t("replies.new")}</h3>
      <form onSubmit={submit}>
        <div class="grid">
          <Field
            label={t("replies.shortcut")}
            name="shortcut"
            autocomplete="off"
            required
            autofocus={!!reply}
            hint={t("replies.shortcutHint")}
            defaultValue={reply?.shortcut}
          />
          <Field
            label={t("replies.name")}
            name="title"
            autocomplete="off"
            dir="auto"
            hint={t("replies.nameHint")}
            defaultValue={reply?.title}
          />
        </div>
        <div class="field">
          <label for="reply-content">{t("replies.content")}</label>
          <textarea
            id="reply-content"
            name="content"
            rows={4}
            dir="auto"
            required
            aria-describedby="reply-places"
            defaultValue={reply?.content}
          />
          <small id="reply-places" class="dim">
            {t("replies.places", {
              // untranslated: the server's and the console's own names of places.
              places: "{{customer_name|there}}, {{agent_name}}, {{hours}}",
            })}
          </small>
        </div>
        {mayShare && (
          <label class="switch">
            <input type="checkbox" name="shared" defaultChecked={reply?.shared ?? true} />
            {t("replies.share")}
          </label>
        )}
        <div class="buttons">
          <button type="submit" class="primary">
            {t("replies.save")}
          </button>
          {reply && (
            <button type="button" onClick={cancel}>
              {t("replies.cancel")}
            </button>
          )}
        </div>
      </form>
    </section>
  );
}

function RefusedRows({ rows }: { rows: readonly RefusedRow[] }) {
  const { t } = useLanguage();
  return (
    <ul class="problem">
      {rows.map(({ line, shortcut, reason }) => (
        <li key={line}>{t("replies.refused", { line, shortcut, reason })}</li>
      ))}
    </ul>
  );
}

/** Has the browser save a file. */
function download(csv: string) {
  // A spreadsheet takes it for UTF-8 by the mark at its beginning.
  const url = URL.createObjectURL(new Blob(["\ufeff", csv], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "replies.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
