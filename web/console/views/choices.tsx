import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Choices as ChoicesOf } from "../desk/choices";

/** The ids of the list and of its rows, for the field that keeps the focus. */
export const CHOICES_ID = "choices";
export const choiceId = (row: number) => `choice-${row}`;

interface Props<Item> {
  choices: Pick<ChoicesOf<Item>, "matches" | "chosen">;
  label: string;
  keyOf: (item: Item) => string;
  children: (item: Item) => ComponentChildren;
  choose: (item: Item) => void;
}

/** What matches the word that is typed; nothing while there is none. */
export function Choices<Item>({ choices, label, keyOf, children, choose }: Props<Item>) {
  const { matches, chosen } = choices;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[chosen.value]?.scrollIntoView({ block: "nearest" });
  }, [chosen.value, matches.value]);
  if (!matches.value.length) return null;
  return (
    <div id={CHOICES_ID} ref={list} class="choices" role="listbox" aria-label={label}>
      {matches.value.map((item, row) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys.
        // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus.
        <div
          key={keyOf(item)}
          id={choiceId(row)}
          role="option"
          aria-selected={row === chosen.value}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => choose(item)}
        >
          {children(item)}
        </div>
      ))}
    </div>
  );
}
