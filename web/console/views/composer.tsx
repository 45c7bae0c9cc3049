import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../icons";
import { useDesk, useLanguage } from "./context";

/** The counter is shown from here on. */
const NEAR_LIMIT = 500;

/** Where replies are written. Enter sends, Shift+Enter begins a new line. */
export function Composer() {
  const { t } = useLanguage();
  const { draft, problem, charactersLeft, canSend, write, submit } = useDesk().composer;
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const { current } = field;
    if (!current) return;
    current.style.height = "auto";
    current.style.height = `${current.scrollHeight + 2}px`;
  }, [draft.value]);
  useEffect(() => {
    // On a phone the keyboard would cover the conversation.
    if (!matchMedia("(pointer: coarse)").matches) field.current?.focus();
  }, []);
  const left = charactersLeft.value;
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
        field.current?.focus();
      }}
    >
      <textarea
        id="reply"
        ref={field}
        rows={1}
        dir="auto"
        aria-label={t("composer.name")}
        placeholder={t("composer.hint")}
        enterkeyhint="send"
        value={draft.value}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            submit();
          }
        }}
      />
      <button
        type="submit"
        class="primary"
        aria-label={t("composer.send")}
        disabled={!canSend.value}
      >
        <Icon name="send" />
      </button>
      <p class={left < 0 || problem.value ? "problem" : "dim"} role="alert">
        {problem.value || (left < NEAR_LIMIT ? t("composer.left", { count: left }) : "")}
      </p>
    </form>
  );
}
