import { signal, useSignalEffect } from "@preact/signals";
import { type ComponentChildren, Fragment } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Colleague, Message, Note } from "../../shared/protocol";
import { splitQuote } from "../../shared/quote";
import { linkify } from "../../shared/text";
import { splitMentions } from "../desk/mentions";
import { withNotes } from "../desk/notes";
import type { PendingMessage } from "../desk/outgoing";
import { Icon } from "../icons";
import { Confirm } from "./confirm";
import { useApp, useDesk, useLanguage } from "./context";
import { focusElement } from "./focus";
import { RatingOf } from "./rating";

/** A distance from either end of the log that still counts as that end. */
const NEAR_PX = 80;

/** The log of the open conversation with its notes, and what is not in it yet. */
export function Messages() {
  const { t, format } = useLanguage();
  const { conversation, notes, outgoing, redaction } = useDesk();
  const all = conversation.messages.value;
  const pending = outgoing.pending.value;
  const allNotes = notes.list.value;
  const { box, newBelow, onScroll, scrollToEnd } = useLogScroll(all, allNotes, pending);
  let day = "";
  let last: Message | undefined;
  return (
    <div class="middle">
      <div
        class={redaction.isChoosing() ? "log choosing" : "log"}
        role="log"
        aria-label={t("messages.name")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard.
        tabIndex={0}
        ref={box}
        onScroll={onScroll}
      >
        {withNotes(all, allNotes).map((entry) => {
          const entryDay = format.day(entry.at);
          const isNewDay = entryDay !== day;
          const message = entry.kind === "message" ? entry.message : undefined;
          const isContinued =
            !isNewDay &&
            last?.sender_type === message?.sender_type &&
            last?.sender_name === message?.sender_name;
          day = entryDay;
          last = message;
          return (
            <Fragment key={entry.kind === "note" ? `note-${entry.note.id}` : entry.message.id}>
              {isNewDay && <div class="day">{entryDay}</div>}
              {entry.kind === "note" ? (
                <LogNote note={entry.note} />
              ) : (
                <LogMessage message={entry.message} isContinued={isContinued} />
              )}
              {message?.event === "closed" && <RatingOf closing={message.seq} />}
            </Fragment>
          );
        })}
        {pending.map((message) => (
          <Pending key={`${message.kind}-${message.id}`} message={message} />
        ))}
      </div>
      {newBelow > 0 && (
        <button type="button" class="newest" onClick={scrollToEnd}>
          <Icon name="down" /> {t("messages.new", { count: newBelow })}
        </button>
      )}
    </div>
  );
}

/**
 * Where the log is scrolled to: it stays at its end while that is visible, keeps its place when
 * older messages are put in front, and goes to the target of a search. Marks as read what is seen.
 */
function useLogScroll(
  all: readonly Message[],
  allNotes: readonly Note[],
  pending: readonly PendingMessage[],
) {
  const { conversation, ratings } = useDesk();
  const { messages, target } = conversation;
  const box = useRef<HTMLDivElement>(null);
  /** The log before the last change: its height, first and last seq, and whether it was at its end. */
  const before = useRef({ height: 0, first: 0, last: 0, atEnd: true });
  /** How many messages have arrived below what is visible. */
  const newBelow = useRef(signal(0)).current;
  const targetSeq = target.value;

  const atEnd = () => {
    const log = box.current;
    return !log || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
  };
  const scrollToEnd = () => {
    const log = box.current;
    if (log) log.scrollTop = log.scrollHeight;
    newBelow.value = 0;
  };
  const viewChanged = () => {
    before.current.atEnd = atEnd();
    if (before.current.atEnd) {
      newBelow.value = 0;
      if (document.visibilityState === "visible") conversation.markRead();
    }
  };
  useLayoutEffect(() => {
    const log = box.current;
    if (!log) return;
    const { height, first, atEnd: wasAtEnd } = before.current;
    const nowFirst = all[0]?.seq ?? 0;
    if (first && nowFirst < first) log.scrollTop += log.scrollHeight - height;
    else if (wasAtEnd && !target.value) scrollToEnd();
    Object.assign(before.current, { height: log.scrollHeight, first: nowFirst });
    viewChanged();
  }, [all, allNotes, pending, ratings.list.value]);
  useLayoutEffect(() => {
    const element =
      targetSeq && box.current?.querySelector<HTMLElement>(`[data-seq="${targetSeq}"]`);
    if (!element) return;
    element.scrollIntoView({ block: "center" });
    element.classList.add("hit");
    target.value = undefined;
    viewChanged();
  });
  useEffect(() => {
    addEventListener("focus", viewChanged);
    document.addEventListener("visibilitychange", viewChanged);
    return () => {
      removeEventListener("focus", viewChanged);
      document.removeEventListener("visibilitychange", viewChanged);
    };
  }, []);
  useSignalEffect(() => {
    // Counts what arrives while the end is not visible.
    const seq = messages.value.at(-1)?.seq ?? 0;
    if (before.current.last && !before.current.atEnd) {
      newBelow.value = newBelow.peek() + Math.max(0, seq - before.current.last);
    }
    before.current.last = seq;
  });
  const onScroll = () => {
    if ((box.current?.scrollTop ?? 0) < 2 * NEAR_PX) conversation.loadOlder();
    viewChanged();
  };
  return { box, newBelow: newBelow.value, onScroll, scrollToEnd };
}

function LogMessage({ message, isContinued }: { message: Message; isContinued: boolean }) {
  const { t, rich, format } = useLanguage();
  const { sender_type, sender_name, content, event, created_at, is_read, seq, via } = message;
  if (sender_type === "system") {
    const name = <bdi>{sender_name}</bdi>;
    const text = event ? (
      rich(`messages.${event}`, { name })
    ) : (
      <>
        {name} {content}
      </>
    );
    return (
      <div class="system" data-seq={seq}>
        {text} · {format.time(created_at)}
      </div>
    );
  }
  return (
    <div class={`message ${sender_type} ${isContinued ? "continued" : ""}`} data-seq={seq}>
      {!isContinued && (
        <div class="name" dir="auto">
          {sender_name}
        </div>
      )}
      {!content && <em class="text">{t("messages.removed")}</em>}
      {content && (via === "mail" ? <MailText content={content} /> : <Text content={content} />)}
      <div class="meta">
        <time dateTime={created_at}>{format.time(created_at)}</time>
        {via === "mail" && <span>{t("messages.byMail")}</span>}
        {sender_type === "admin" && (
          <span class={is_read ? "mark read" : "mark"}>
            {t(is_read ? "messages.read" : "messages.sent")}
          </span>
        )}
        {content && <Remove message={message} />}
      </div>
    </div>
  );
}

/** A note, which is no message: it says so to eyes and to screen readers. */
function LogNote({ note: { no, agent_name, content, created_at } }: { note: Note }) {
  const { format } = useLanguage();
  return (
    <div class="note" role="note" data-no={no}>
      <NoteName name={agent_name} />
      <NoteText content={content} />
      <div class="meta">
        <time dateTime={created_at}>{format.time(created_at)}</time>
      </div>
    </div>
  );
}

function NoteName({ name }: { name?: string }) {
  const { t } = useLanguage();
  return (
    <div class="name">
      <Icon name="note" /> {t("messages.note")}
      {name && (
        <>
          {" "}
          · <bdi>{name}</bdi>
        </>
      )}
    </div>
  );
}

/** A note's text, with the agents that it mentions. */
function NoteText({ content }: { content: string }) {
  const colleagues = useDesk().directory.colleagues.value;
  return <Text content={content} plain={(text) => mentions(text, colleagues)} />;
}

const mentions = (content: string, colleagues: readonly Colleague[]) =>
  splitMentions(content, colleagues).map(({ text, isMention }) =>
    isMention ? (
      <b class="mention">
        <bdi>{text}</bdi>
      </b>
    ) : (
      text
    ),
  );

/** Removes the message's text; shown with the pointer on it, or on all messages when asked for. */
function Remove({ message: { seq, content } }: { message: Message }) {
  const { session } = useApp();
  const { t } = useLanguage();
  const { redaction } = useDesk();
  if (session.agent.value?.role !== "admin") return null;
  return (
    <Confirm
      className="remove"
      label={t("messages.remove")}
      name={t("messages.removeName", { text: content.slice(0, 40) })}
      question={t("messages.removeQuestion")}
      run={() => redaction.redact(seq)}
    />
  );
}

/** A text; links lead to http and https only. `plain` shows what is no link. */
function Text({
  content,
  plain = (text) => text,
}: {
  content: string;
  plain?: (text: string) => ComponentChildren;
}) {
  return (
    <div class="text" dir="auto">
      {linkify(content).map(({ text, href }) =>
        href ? (
          <a href={href} target="_blank" rel="noopener noreferrer nofollow">
            {text}
          </a>
        ) : (
          plain(text)
        ),
      )}
    </div>
  );
}

/** The text of a mail; what it quotes is folded. */
function MailText({ content }: { content: string }) {
  const { t } = useLanguage();
  const { written, quote } = splitQuote(content);
  return (
    <>
      <Text content={written} />
      {quote && (
        <details class="quote">
          <summary>{t("messages.quote")}</summary>
          <Text content={quote} />
        </details>
      )}
    </>
  );
}

/** A message or note that has not arrived yet. */
function Pending({ message }: { message: PendingMessage }) {
  const { t } = useLanguage();
  const { outgoing, composer, connection } = useDesk();
  const edit = () => {
    composer.insert(outgoing.discard(message), message.kind);
    focusElement("reply");
  };
  return (
    <div
      class={`${message.kind === "note" ? "note" : "message admin"} unsent ${message.refused ? "refused" : ""}`}
      role={message.kind === "note" ? "note" : undefined}
    >
      {message.kind === "note" && <NoteName />}
      {message.kind === "note" ? (
        <NoteText content={message.content} />
      ) : (
        <Text content={message.content} />
      )}
      <div class="meta">
        {message.refused ? (
          <>
            <span role="alert">{t("messages.refused", { reason: message.refused })}</span>
            <button type="button" onClick={edit}>
              {t("messages.edit")}
            </button>
            <button type="button" onClick={() => outgoing.discard(message)}>
              {t("messages.discard")}
            </button>
          </>
        ) : (
          <span class="mark">
            {message.isSent
              ? t("messages.sent")
              : connection.state.value === "connected"
                ? t("messages.sending")
                : t("messages.waiting")}
          </span>
        )}
      </div>
    </div>
  );
}
