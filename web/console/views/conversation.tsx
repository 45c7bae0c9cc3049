import { computed, signal, useSignalEffect } from "@preact/signals";
import { Fragment } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { OutboxItem } from "../../shared/outbox";
import type { Message } from "../../shared/protocol";
import { linkify } from "../../shared/text";
import {
  landing,
  look,
  messages,
  older,
  room,
  selected,
  setStatus,
  state,
  summary,
  takeBack,
  target,
  typists,
  waiting,
} from "../desk/desk";
import { nameOf } from "../desk/lobby-state";
import { dayOf, timeOf } from "../format";
import { Icon } from "../icons";
import { Composer, draft, mend } from "./composer";
import { Face, Longest } from "./conversations";

export const detailsOpen = signal(matchMedia("(min-width: 1100px)").matches);

/** Items of this conversation that are not in its log yet; `sent` are on the server's disk. */
const unsent = computed(() => {
  const known = new Set(messages.value.map(({ id }) => id));
  const items = waiting.value.filter((item) => item.room === selected.value);
  return [...landing.value.map((item) => ({ ...item, sent: true })), ...items].filter(
    ({ id }) => !known.has(id),
  );
});

/** That close to the end of the log counts as the end. */
const NEAR_PX = 80;

/** The middle: one conversation with its log and composer. */
export function Conversation({ back }: { back: () => void }) {
  const id = selected.value;
  const about = room.value ?? summary.value;
  if (!id || !about) {
    return (
      <section class="conversation nothing">
        <Icon name="keyboard" />
        <p>
          Choose a conversation, or press <kbd>w</kbd> for who waits longest.
        </p>
        <p class="dim">
          <kbd>?</kbd> shows all keys.
        </p>
      </section>
    );
  }
  const name = nameOf(about);
  const isClosed = about.status === "closed";
  return (
    <section class="conversation" aria-label={`Conversation with ${name}`}>
      <header>
        <button type="button" class="plain back" aria-label="Back to the list" onClick={back}>
          <Icon name="back" />
        </button>
        <Face room={{ ...about, customer_online: summary.value?.customer_online ?? false }} />
        <div class="title">
          <h2 dir="auto">{name}</h2>
          <small class="dim">
            {isClosed ? "Closed" : about.status === "waiting" ? "Waiting for an answer" : "Active"}
            {summary.value?.customer_online ? " · online" : ""}
            {summary.value?.blocked ? " · blocked" : ""}
          </small>
        </div>
        {isClosed ? (
          <button
            type="button"
            aria-label="Reopen conversation"
            onClick={() => setStatus("active")}
          >
            <Icon name="reopen" /> <span>Reopen</span>
          </button>
        ) : (
          <button type="button" aria-label="Close conversation" onClick={() => setStatus("closed")}>
            <Icon name="check" /> <span>Close</span>
          </button>
        )}
        <button
          type="button"
          class="plain"
          aria-label="Details"
          aria-expanded={detailsOpen.value}
          onClick={() => {
            detailsOpen.value = !detailsOpen.value;
          }}
        >
          <Icon name="info" />
        </button>
      </header>
      <Longest />
      <Messages key={id} />
      <Typing />
      <Composer key={`${id}-composer`} room={id} />
    </section>
  );
}

function Messages() {
  const box = useRef<HTMLDivElement>(null);
  /** Distance from the bottom before the last change, and what was first and last then. */
  const before = useRef({ height: 0, first: 0, last: 0, atEnd: true });
  const fresh = useRef(signal(0)).current;
  const all = messages.value;
  const items = unsent.value;
  const wanted = target.value;

  const atEnd = () => {
    const log = box.current;
    return !log || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
  };
  const toEnd = () => {
    const log = box.current;
    if (log) log.scrollTop = log.scrollHeight;
    fresh.value = 0;
  };
  const seen = () => {
    before.current.atEnd = atEnd();
    if (before.current.atEnd) {
      fresh.value = 0;
      if (document.visibilityState === "visible") look();
    }
  };
  useLayoutEffect(() => {
    const log = box.current;
    if (!log) return;
    const { height, first, atEnd: wasAtEnd } = before.current;
    const nowFirst = all[0]?.seq ?? 0;
    if (first && nowFirst < first) log.scrollTop += log.scrollHeight - height;
    else if (wasAtEnd && !target.value) toEnd();
    Object.assign(before.current, { height: log.scrollHeight, first: nowFirst });
    seen();
  }, [all, items]);
  useLayoutEffect(() => {
    const line = wanted && box.current?.querySelector<HTMLElement>(`[data-seq="${wanted}"]`);
    if (!line) return;
    line.scrollIntoView({ block: "center" });
    line.classList.add("hit");
    target.value = undefined;
    seen();
  });
  useEffect(() => {
    addEventListener("focus", seen);
    document.addEventListener("visibilitychange", seen);
    return () => {
      removeEventListener("focus", seen);
      document.removeEventListener("visibilitychange", seen);
    };
  }, []);
  useSignalEffect(() => {
    // What arrives while the end is out of sight.
    const seq = messages.value.at(-1)?.seq ?? 0;
    if (before.current.last && !before.current.atEnd) {
      fresh.value = fresh.peek() + Math.max(0, seq - before.current.last);
    }
    before.current.last = seq;
  });
  let day = "";
  let last: Message | undefined;
  return (
    <div class="middle">
      <div
        class="log"
        role="log"
        aria-label="Messages"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard.
        tabIndex={0}
        ref={box}
        onScroll={() => {
          if ((box.current?.scrollTop ?? 0) < 2 * NEAR_PX) older();
          seen();
        }}
      >
        {all.map((message) => {
          const today = dayOf(message.created_at);
          const isNewDay = today !== day;
          const follows =
            !isNewDay &&
            last?.sender_type === message.sender_type &&
            last.sender_name === message.sender_name;
          day = today;
          last = message;
          return (
            <Fragment key={message.id}>
              {isNewDay && <div class="day">{today}</div>}
              <Line message={message} follows={follows} />
            </Fragment>
          );
        })}
        {items.map((item) => (
          <Unsent key={item.id} item={item} />
        ))}
      </div>
      {fresh.value > 0 && (
        <button type="button" class="newest" onClick={toEnd}>
          <Icon name="down" /> {fresh.value} new
        </button>
      )}
    </div>
  );
}

function Line({ message, follows }: { message: Message; follows: boolean }) {
  const { sender_type, sender_name, content, event, created_at, is_read, seq } = message;
  if (sender_type === "system") {
    const words =
      event === "closed"
        ? "closed the conversation"
        : event === "reopened"
          ? "reopened the conversation"
          : content;
    return (
      <div class="note" data-seq={seq}>
        <span dir="auto">{sender_name}</span> {words} · {timeOf(created_at)}
      </div>
    );
  }
  return (
    <div class={`line ${sender_type} ${follows ? "follows" : ""}`} data-seq={seq}>
      {!follows && (
        <div class="name" dir="auto">
          {sender_name}
        </div>
      )}
      <Text content={content} />
      <div class="meta">
        <time dateTime={created_at}>{timeOf(created_at)}</time>
        {sender_type === "admin" && (
          <span class={is_read ? "mark read" : "mark"}>{is_read ? "Read" : "Sent"}</span>
        )}
      </div>
    </div>
  );
}

/** A message's words; links lead to http and https only. */
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

function Unsent({ item }: { item: OutboxItem & { sent?: boolean } }) {
  return (
    <div class={`line admin unsent ${item.refused ? "refused" : ""}`}>
      <Text content={item.content} />
      <div class="meta">
        {item.refused ? (
          <>
            <span role="alert">Not sent: {item.refused}</span>
            <button type="button" onClick={() => mend(takeBack(item.id))}>
              Edit
            </button>
            <button type="button" onClick={() => takeBack(item.id)}>
              Discard
            </button>
          </>
        ) : (
          <span class="mark">
            {item.sent ? "Sent" : state.value === "connected" ? "Sending" : "Waiting to be sent"}
          </span>
        )}
      </div>
    </div>
  );
}

function Typing() {
  const words = typists.value.map(({ name, customer }) =>
    customer ? `${name} is typing…` : `${name} is typing to this customer…`,
  );
  return (
    <div class="typing" aria-live="polite">
      {words.join(" ")}
    </div>
  );
}

export { draft };
