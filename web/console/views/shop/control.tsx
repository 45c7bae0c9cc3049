import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { ServerText } from "../server-text";

/** What a field's element gets, so that it has its label, its hint and its error. */
export interface ControlProps {
  id: string;
  "aria-describedby": string;
  "aria-invalid": boolean;
}

interface Props {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  children: (props: ControlProps) => ComponentChildren;
}

/** A labelled field of any kind with a hint or an error. */
export function Control({ label, hint, error, children }: Props) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": `${id}-more`, "aria-invalid": !!error })}
      <small id={`${id}-more`} class={error ? "problem" : "dim"}>
        {error ? <ServerText text={error} /> : hint}
      </small>
    </div>
  );
}
