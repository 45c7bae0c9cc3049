import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { isBlank } from "../../shared/text";
import { agent, maxContent, post, selected, type } from "../desk/desk";
import { storage } from "../desk/settings";
import { Icon } from "../icons";

const keyOf = (room: string) => `shoptalk:console:${agent.value?.id}:draft:${room}`;

/** What is written and not sent, of the open conversation. */
export const draft = signal("");
const problem = signal("");
/** Show a counter that close to the limit. */
const NEAR_LIMIT = 500;

function keep(room: string, text: string) {
  draft.value = text;
  problem.value = "";
  if (!text) storage.remove(keyOf(room));
  else if (!storage.set(keyOf(room), text)) {
    problem.value =
      "This browser has no room left to keep the draft. It will be gone after a reload.";
  }
}

/** Puts text back into the composer, before what is there. */
export function mend(text: string) {
  if (selected.value) keep(selected.value, [text, draft.value].filter(Boolean).join("\n"));
  document.getElementById("reply")?.focus();
}

/** Where replies are written. Enter sends, Shift+Enter begins a new line. */
export function Composer({ room }: { room: string }) {
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    draft.value = storage.get(keyOf(room)) ?? "";
    problem.value = "";
  }, [room]);
  useLayoutEffect(() => {
    const { current } = field;
    if (!current) return;
    current.style.height = "auto";
    current.style.height = `${current.scrollHeight + 2}px`;
  }, [draft.value]);
  useEffect(() => {
    // On a phone the keyboard would cover what one came to read.
    if (!matchMedia("(pointer: coarse)").matches) field.current?.focus();
  }, [room]);
  const length = [...draft.value].length;
  const left = maxContent.value - length;
  const send = () => {
    const content = draft.value.trim();
    if (isBlank(content) || left < 0) return;
    post(content);
    keep(room, "");
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
        field.current?.focus();
      }}
    >
      <textarea
        id="reply"
        ref={field}
        rows={1}
        dir="auto"
        aria-label="Reply"
        placeholder="Write a reply…"
        enterkeyhint="send"
        value={draft.value}
        onInput={(event) => {
          keep(room, event.currentTarget.value);
          if (event.currentTarget.value) type();
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            send();
          }
        }}
      />
      <button
        type="submit"
        class="primary"
        aria-label="Send"
        disabled={isBlank(draft.value) || left < 0}
      >
        <Icon name="send" />
      </button>
      <p class={left < 0 || problem.value ? "problem" : "dim"} role="alert">
        {problem.value || (left < NEAR_LIMIT ? `${left} characters left` : "")}
      </p>
    </form>
  );
}
