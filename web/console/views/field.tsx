import { useId } from "preact/hooks";

interface Props {
  label: string;
  name: string;
  type?: "text" | "password" | "email" | "tel";
  autocomplete?: "username" | "current-password" | "new-password" | "off";
  defaultValue?: string | undefined;
  minLength?: number | undefined;
  required?: boolean;
  autofocus?: boolean;
  dir?: "auto";
  hint?: string | undefined;
  error?: string | undefined;
}

/** A labelled text field with a hint or an error. */
export function Field({ label, hint, error, name, type = "text", dir, ...input }: Props) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        {...input}
        id={id}
        name={name}
        type={type as "text"}
        // Addresses, numbers and passwords run left to right in every language.
        dir={type === "text" ? dir : "ltr"}
        aria-invalid={!!error}
        aria-describedby={`${id}-more`}
      />
      <small id={`${id}-more`} class={error ? "problem" : "dim"}>
        {error ?? hint}
      </small>
    </div>
  );
}
