import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../icons";
import { useLanguage } from "./context";

interface Props {
  title: string;
  close: () => void;
  children: ComponentChildren;
  className?: string;
}

/** A modal dialog: the browser keeps the focus inside, and returns it at the end. */
export function Dialog({ title, close, children, className = "" }: Props) {
  const { t } = useLanguage();
  const box = useRef<HTMLDialogElement>(null);
  // At once: what is typed after the key that opens it must not reach the field below.
  useLayoutEffect(() => box.current?.showModal(), []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, too.
    <dialog
      ref={box}
      class={`dialog ${className}`}
      aria-label={title}
      onClose={close}
      onClick={(event) => event.target === box.current && close()}
    >
      <header>
        <h2>{title}</h2>
        <button type="button" class="plain" aria-label={t("dialog.close")} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div class="body">{children}</div>
    </dialog>
  );
}
