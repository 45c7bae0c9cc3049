import { Fragment } from "preact";
import type { Command } from "./commands";
import { useLanguage } from "./context";
import { Dialog } from "./dialog";

/** With Ctrl; see `handleKey`. */
const COMMANDS_KEY = "K";

/** The list of all keyboard shortcuts. */
export function Keys({ commands, close }: { commands: readonly Command[]; close: () => void }) {
  const { t } = useLanguage();
  return (
    <Dialog title={t("keys.title")} close={close}>
      <dl class="keys">
        <dt>
          <kbd>{t("key.control")}</kbd> <kbd>{COMMANDS_KEY}</kbd>
        </dt>
        <dd>{t("keys.commands")}</dd>
        {commands
          .filter(({ key }) => key)
          .map(({ name, key }) => (
            <Fragment key={name}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{name}</dd>
            </Fragment>
          ))}
        <dt>
          <kbd>{t("key.enter")}</kbd>
        </dt>
        <dd>{t("keys.enter")}</dd>
        <dt>
          <kbd>{t("key.shift")}</kbd> <kbd>{t("key.enter")}</kbd>
        </dt>
        <dd>{t("keys.newLine")}</dd>
        <dt>
          <kbd>{t("key.escape")}</kbd>
        </dt>
        <dd>{t("keys.escape")}</dd>
      </dl>
    </Dialog>
  );
}
