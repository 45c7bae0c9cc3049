import { Fragment } from "preact";
import type { Command } from "./commands";
import { Dialog } from "./dialog";

/** The list of all keyboard shortcuts. */
export function Keys({ commands, close }: { commands: readonly Command[]; close: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" close={close}>
      <dl class="keys">
        <dt>
          <kbd>Ctrl</kbd> <kbd>K</kbd>
        </dt>
        <dd>All commands</dd>
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
          <kbd>Enter</kbd>
        </dt>
        <dd>Open the conversation; send the reply</dd>
        <dt>
          <kbd>Shift</kbd> <kbd>Enter</kbd>
        </dt>
        <dd>New line in the reply</dd>
        <dt>
          <kbd>Esc</kbd>
        </dt>
        <dd>Leave the field; go back to the list</dd>
      </dl>
    </Dialog>
  );
}
