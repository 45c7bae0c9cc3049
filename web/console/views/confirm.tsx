import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useLanguage } from "./context";

interface Props {
  /** What the button is called, before and after the question. */
  label: string;
  question: string;
  /** The first button's name for screen readers, where the label alone is not enough. */
  name?: string;
  className?: string;
  disabled?: boolean;
  run: () => void;
}

/** A button that asks before it does anything. */
export function Confirm({ label, question, name, className, disabled, run }: Props) {
  const { t } = useLanguage();
  const isAsking = useSignal(false);
  const yes = useRef<HTMLButtonElement>(null);
  const first = useRef<HTMLButtonElement>(null);
  const wasAsking = useRef(false);
  useLayoutEffect(() => {
    // The button that had the focus is gone.
    if (isAsking.value) yes.current?.focus();
    else if (wasAsking.current) first.current?.focus();
    wasAsking.current = isAsking.value;
  }, [isAsking.value]);
  const close = () => {
    isAsking.value = false;
  };
  if (!isAsking.value) {
    return (
      <button
        ref={first}
        type="button"
        class={className}
        aria-label={name}
        disabled={disabled}
        onClick={() => {
          isAsking.value = true;
        }}
      >
        {label}
      </button>
    );
  }
  return (
    <fieldset class="confirm">
      <legend>{question}</legend>
      <button
        ref={yes}
        type="button"
        class="danger"
        onClick={() => {
          close();
          run();
        }}
      >
        {label}
      </button>
      <button type="button" onClick={close}>
        {t("confirm.cancel")}
      </button>
    </fieldset>
  );
}
