import { useSignal } from "@preact/signals";
import { conversations, open } from "../desk/desk";
import { nameOf } from "../desk/lobby-state";
import { type Command, matching } from "./commands";
import { Dialog } from "./dialog";

const MOST = 12;

/** All commands and conversations behind one field. */
export function Palette({ commands, close }: { commands: readonly Command[]; close: () => void }) {
  const asked = useSignal("");
  const at = useSignal(0);
  const entries: Command[] = [
    ...commands,
    ...conversations.value.slice(0, 500).map((summary) => ({
      name: `Go to ${nameOf(summary)}: ${summary.last_message?.content.slice(0, 60) ?? ""}`,
      run: () => open(summary.id),
    })),
  ];
  const found = matching(entries, asked.value).slice(0, MOST);
  const chosen = Math.min(at.value, found.length - 1);
  const run = (command: Command | undefined) => {
    close();
    // Nothing outside gets the focus while the dialog is there.
    requestAnimationFrame(() => command?.run());
  };
  return (
    <Dialog title="Commands" close={close} className="palette">
      <input
        type="text"
        autofocus
        role="combobox"
        aria-label="Command or conversation"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={`palette-${chosen}`}
        placeholder="Type a command or a name"
        value={asked.value}
        onInput={(event) => {
          asked.value = event.currentTarget.value;
          at.value = 0;
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (step) {
            event.preventDefault();
            at.value = Math.max(0, Math.min(found.length - 1, chosen + step));
          }
          if (event.key === "Enter") {
            event.preventDefault();
            run(found[chosen]);
          }
        }}
      />
      <div id="palette-list" role="listbox" aria-label="Commands">
        {found.map((command, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys.
          // biome-ignore lint/a11y/useFocusableInteractive: the field above keeps the focus.
          <div
            key={command.name}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === chosen}
            onClick={() => run(command)}
          >
            <span>{command.name}</span>
            {command.key && <kbd>{command.key}</kbd>}
          </div>
        ))}
        {!found.length && <p class="dim">Nothing of that name.</p>}
      </div>
    </Dialog>
  );
}
