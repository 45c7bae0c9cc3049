import { useSignal } from "@preact/signals";
import { type Command, matching } from "./commands";
import { useDesk, useLanguage } from "./context";
import { Dialog } from "./dialog";

const MAX_SHOWN = 12;
/** How many conversations can be found by name. */
const MAX_CONVERSATIONS = 500;

/** Finds commands and conversations by their name. */
export function Palette({ commands, close }: { commands: readonly Command[]; close: () => void }) {
  const { t, format } = useLanguage();
  const { lobby, conversation } = useDesk();
  const text = useSignal("");
  const index = useSignal(0);
  const entries: Command[] = [
    ...commands,
    ...lobby.conversations.value.slice(0, MAX_CONVERSATIONS).map((summary) => ({
      name: t("palette.goTo", {
        name: format.visitor(summary),
        message: summary.last_message?.content.slice(0, 60) ?? "",
      }),
      run: () => conversation.open(summary.id),
    })),
  ];
  const found = matching(entries, text.value).slice(0, MAX_SHOWN);
  const chosen = Math.min(index.value, found.length - 1);
  const run = (command: Command | undefined) => {
    close();
    // While the dialog is open, nothing outside of it can get the focus.
    requestAnimationFrame(() => command?.run());
  };
  return (
    <Dialog title={t("palette.title")} close={close} className="palette">
      <input
        type="text"
        autofocus
        role="combobox"
        aria-label={t("palette.name")}
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={`palette-${chosen}`}
        placeholder={t("palette.hint")}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          index.value = 0;
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (step) {
            event.preventDefault();
            index.value = Math.max(0, Math.min(found.length - 1, chosen + step));
          }
          if (event.key === "Enter") {
            event.preventDefault();
            run(found[chosen]);
          }
        }}
      />
      <div id="palette-list" role="listbox" aria-label={t("palette.title")}>
        {found.map((command, row) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys.
          // biome-ignore lint/a11y/useFocusableInteractive: the field above keeps the focus.
          <div
            key={command.name}
            id={`palette-${row}`}
            role="option"
            aria-selected={row === chosen}
            onClick={() => run(command)}
          >
            <span>{command.name}</span>
            {command.key && <kbd>{command.key}</kbd>}
          </div>
        ))}
        {!found.length && <p class="dim">{t("palette.none")}</p>}
      </div>
    </Dialog>
  );
}
