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
  const isClosed = useRef(false);
  // At once: what is typed after the key that opens it must not reach the field below.
  useLayoutEffect(() => box.current?.showModal(), []);
  // At once as well: the browser's close event waits for the next frame, and a key that is typed
  // before it would still find the dialog open.
  const end = () => {
    if (isClosed.current) return;
    isClosed.current = true;
    box.current?.close();
    close();
  };
  // Clicks and cancelled file choosers inside of it reach it, too.
  const endIfOwn = ({ target }: Event) => target === box.current && end();
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, too.
    <dialog
      ref={box}
      class={`dialog ${className}`}
      aria-label={title}
      onCancel={endIfOwn}
      onClose={endIfOwn}
      onClick={endIfOwn}
    >
      <header>
        <h2>{title}</h2>
        <button type="button" class="plain" aria-label={t("dialog.close")} onClick={end}>
          <Icon name="close" />
        </button>
      </header>
      <div class="body">{children}</div>
    </dialog>
  );
}
