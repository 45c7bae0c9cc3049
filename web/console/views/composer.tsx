import { useLayoutEffect, useRef } from "preact/hooks";
import type { Insertion } from "../desk/choices";
import { Icon } from "../icons";
import { CHOICES_ID, Choices, choiceId } from "./choices";
import { useDesk, useLanguage } from "./context";
import { Suggestion } from "./suggestion";

/** The counter is shown from here on. */
const NEAR_LIMIT = 500;

/** Where replies and notes are written. Enter sends, Shift+Enter begins a new line. */
export function Composer() {
  const { t } = useLanguage();
  const { composer, replies, mentions } = useDesk();
  const { draft, canSend, write, submit } = composer;
  const isNote = composer.kind.value === "note";
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const { current } = field;
    if (!current) return;
    current.style.height = "auto";
    current.style.height = `${current.scrollHeight + 2}px`;
  }, [draft.value, isNote]);
  const closeLists = () => {
    replies.close();
    mentions.close();
  };
  const isFirst = useRef(true);
  // At once: what is typed after the key that opens a conversation is text, and no command.
  useLayoutEffect(() => {
    // On a phone the keyboard would cover the conversation that was just opened.
    const mayFocus = !isFirst.current || !matchMedia("(pointer: coarse)").matches;
    isFirst.current = false;
    if (mayFocus) field.current?.focus();
    return closeLists;
  }, [isNote]);
  const open = [replies, mentions].find(({ isOpen }) => isOpen.value);
  const insert = (insertion: Insertion | undefined) => {
    if (insertion && field.current) replaceText(field.current, insertion);
  };
  const takeSuggestion = (text: string) => {
    const { current } = field;
    if (!current) return;
    replaceText(current, { from: current.selectionStart, to: current.selectionEnd, text });
  };
  /** Keys of the open list; whether this was one. */
  const takeListKey = ({ key }: KeyboardEvent): boolean => {
    if (!open) return false;
    if (key === "ArrowDown" || key === "ArrowUp") open.move(key === "ArrowDown" ? 1 : -1);
    else if (key === "Enter" || key === "Tab") insert(open.take());
    else if (key === "Escape") open.close();
    else return false;
    return true;
  };
  return (
    <form
      class={isNote ? "composer note-mode" : "composer"}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
        field.current?.focus();
      }}
    >
      <Suggestion take={takeSuggestion} />
      <Choices
        choices={replies}
        label={t("replies.title")}
        keyOf={({ id }) => id}
        choose={(reply) => insert(replies.take(reply))}
      >
        {({ shortcut, title, content }) => (
          <>
            <b>
              <bdi>/{shortcut}</bdi>
            </b>
            <span dir="auto">{title || content}</span>
          </>
        )}
      </Choices>
      <Choices
        choices={mentions}
        label={t("composer.colleagues")}
        keyOf={({ id }) => id}
        choose={(colleague) => insert(mentions.take(colleague))}
      >
        {({ display_name, username }) => (
          <>
            <b>
              <bdi>{display_name}</bdi>
            </b>
            <span>
              <bdi>@{username}</bdi>
            </span>
          </>
        )}
      </Choices>
      {isNote && (
        <p class="mode" id="note-mode">
          <Icon name="note" /> {t("composer.noteOnly")}
        </p>
      )}
      <button
        type="button"
        aria-label={t("composer.writeNote")}
        title={t("composer.writeNote")}
        aria-pressed={isNote}
        onClick={() => composer.setKind(isNote ? "message" : "note")}
      >
        <Icon name="note" />
      </button>
      <textarea
        id="reply"
        // Another field: neither undo nor a half-composed word takes a note's text into a reply.
        key={composer.kind.value}
        ref={field}
        rows={1}
        dir="auto"
        aria-label={t(isNote ? "composer.note" : "composer.name")}
        aria-describedby={isNote ? "note-mode" : undefined}
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-controls={open && CHOICES_ID}
        aria-activedescendant={open && choiceId(open.chosen.value)}
        placeholder={t(isNote ? "composer.noteHint" : "composer.hint")}
        enterkeyhint="send"
        value={draft.value}
        onInput={({ currentTarget, isComposing }) => {
          const { value, selectionStart } = currentTarget;
          write(value);
          if (isComposing) return;
          replies.follow(value, selectionStart);
          if (isNote) mentions.follow(value, selectionStart);
        }}
        onBlur={closeLists}
        onKeyDown={(event) => {
          if (event.isComposing) return;
          if (takeListKey(event)) {
            event.preventDefault();
            event.stopPropagation();
          } else if (event.key === "Enter" && !event.shiftKey) {
            event.preventDefault();
            submit();
          }
        }}
      />
      <button
        type="submit"
        class="primary"
        aria-label={t(isNote ? "composer.addNote" : "composer.send")}
        disabled={!canSend.value}
      >
        <Icon name="send" />
      </button>
      <Hint />
    </form>
  );
}

/** Says why the draft cannot be sent or stored, or how much room is left. */
function Hint() {
  const { t } = useLanguage();
  const { problem, charactersLeft, unfilled } = useDesk().composer;
  const left = charactersLeft.value;
  const place = unfilled.value;
  const trouble = problem.value || (place && t("composer.unfilled", { place }));
  return (
    <p class={left < 0 || trouble ? "problem" : "dim"} role="alert">
      {trouble || (left < NEAR_LIMIT ? t("composer.left", { count: left }) : "")}
    </p>
  );
}

/** Puts a text in the place of a part of the field, so that the browser can undo it. */
function replaceText(
  field: HTMLTextAreaElement,
  { from, to, text }: { from: number; to: number; text: string },
) {
  field.focus();
  field.setSelectionRange(from, to);
  // Nothing else that a page can do is undone by Ctrl+Z.
  if (document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, from, to, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}
