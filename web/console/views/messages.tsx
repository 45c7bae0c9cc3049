import { signal, useSignalEffect } from "@preact/signals";
import { Fragment } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Message } from "../../shared/protocol";
import { splitQuote } from "../../shared/quote";
import { linkify } from "../../shared/text";
import type { PendingMessage } from "../desk/outgoing";
import { Icon } from "../icons";
import { Confirm } from "./confirm";
import { useApp, useDesk, useLanguage } from "./context";
import { focusElement } from "./focus";
import { RatingOf } from "./rating";

/** A distance from either end of the log that still counts as that end. */
const NEAR_PX = 80;

/** The log of the open conversation, with messages that are not in it yet. */
export function Messages() {
  const { t, format } = useLanguage();
  const { conversation, outgoing, redaction } = useDesk();
  const all = conversation.messages.value;
  const pending = outgoing.pending.value;
  const { box, newBelow, onScroll, scrollToEnd } = useLogScroll(all, pending);
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
        {all.map((message) => {
          const messageDay = format.day(message.created_at);
          const isNewDay = messageDay !== day;
          const isContinued =
            !isNewDay &&
            last?.sender_type === message.sender_type &&
            last.sender_name === message.sender_name;
          day = messageDay;
          last = message;
          return (
            <Fragment key={message.id}>
              {isNewDay && <div class="day">{messageDay}</div>}
              <LogMessage message={message} isContinued={isContinued} />
              {message.event === "closed" && <RatingOf closing={message.seq} />}
            </Fragment>
          );
        })}
        {pending.map((message) => (
          <Pending key={message.id} message={message} />
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
function useLogScroll(all: readonly Message[], pending: readonly PendingMessage[]) {
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
  }, [all, pending, ratings.list.value]);
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

/** A message's text; links lead to http and https only. */
function Text({ content }: { content: string }) {
  return (
    <div class="text" dir="auto">
      {linkify(content).map(({ text, href }) =>
        href ? (
          <a href={href} target="_blank" rel="noopener noreferrer nofollow">
            {text}
          </a>
        ) : (
          text
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

/** A message that is not in the log yet. */
function Pending({ message }: { message: PendingMessage }) {
  const { t } = useLanguage();
  const { outgoing, composer, connection } = useDesk();
  const edit = () => {
    composer.insert(outgoing.discard(message.id));
    focusElement("reply");
  };
  return (
    <div class={`message admin unsent ${message.refused ? "refused" : ""}`}>
      <Text content={message.content} />
      <div class="meta">
        {message.refused ? (
          <>
            <span role="alert">{t("messages.refused", { reason: message.refused })}</span>
            <button type="button" onClick={edit}>
              {t("messages.edit")}
            </button>
            <button type="button" onClick={() => outgoing.discard(message.id)}>
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
