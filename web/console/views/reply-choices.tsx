import { useEffect, useRef } from "preact/hooks";
import type { CannedReply } from "../../shared/protocol";
import { useDesk, useLanguage } from "./context";

/** The id of a choice, for the field that keeps the focus. */
export const choiceId = (row: number) => `reply-choice-${row}`;

/** The canned replies that match what is typed behind a slash; nothing while there are none. */
export function ReplyChoices({ choose }: { choose: (reply: CannedReply) => void }) {
  const { t } = useLanguage();
  const { matches, chosen } = useDesk().replies;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[chosen.value]?.scrollIntoView({ block: "nearest" });
  }, [chosen.value, matches.value]);
  if (!matches.value.length) return null;
  return (
    <div
      id="reply-choices"
      ref={list}
      class="choices"
      role="listbox"
      aria-label={t("replies.title")}
    >
      {matches.value.map((reply, row) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys.
        // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus.
        <div
          key={reply.id}
          id={choiceId(row)}
          role="option"
          aria-selected={row === chosen.value}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => choose(reply)}
        >
          <b>
            <bdi>/{reply.shortcut}</bdi>
          </b>
          <span dir="auto">{reply.title || reply.content}</span>
        </div>
      ))}
    </div>
  );
}
