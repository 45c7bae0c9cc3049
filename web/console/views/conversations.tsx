import { computed, signal, useSignalEffect } from "@preact/signals";
import type { Summary } from "../../shared/protocol";
import { inWords } from "../api";
import {
  conversations,
  counts,
  filter,
  type Hit,
  longest,
  moreConversations,
  open,
  search,
  selected,
} from "../desk/desk";
import { type Filter, nameOf } from "../desk/lobby-state";
import { agoOf, now, shortOf } from "../format";
import { Icon } from "../icons";
import { VirtualList } from "./virtual-list";

export const ROW_PX = 76;
/** Waiting that long is long. */
const LONG_WAIT_MS = 5 * 60_000;
const SEARCH_PAUSE_MS = 150;

export const query = signal("");
const found = signal<
  { words: string; results: Hit[]; truncated?: boolean; problem?: string } | undefined
>(undefined);

/** What the list shows: the filter's conversations, or what a search found. */
export const listed = computed<readonly Hit[]>(() =>
  query.value.trim() ? (found.value?.results ?? []) : conversations.value,
);

function useSearch() {
  useSignalEffect(() => {
    const words = query.value.trim();
    if (!words) {
      found.value = undefined;
      return;
    }
    const timer = setTimeout(async () => {
      try {
        const answer = await search(words);
        if (words === query.value.trim()) found.value = { words, ...answer };
      } catch (error) {
        found.value = { words, results: [], problem: inWords(error) };
      }
    }, SEARCH_PAUSE_MS);
    return () => clearTimeout(timer);
  });
}

const FILTERS: [Filter, string][] = [
  ["open", "Open"],
  ["waiting", "Waiting"],
  ["active", "Active"],
  ["closed", "Closed"],
];

/** The left side: who waits longest, search, filters, the list. */
export function Conversations() {
  useSearch();
  const { waiting, active, closed } = counts.value;
  const count = { open: waiting + active, waiting, active, closed };
  const items = listed.value;
  const current = items.findIndex(({ id }) => id === selected.value);
  return (
    <nav class="conversations" aria-label="Conversations and search">
      <Longest />
      <div class="search">
        <Icon name="search" />
        <input
          id="search"
          type="search"
          aria-label="Search"
          placeholder="Search names and messages"
          value={query.value}
          onInput={(event) => {
            query.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key !== "ArrowDown" && event.key !== "Enter") return;
            event.preventDefault();
            document.querySelector<HTMLElement>(".row")?.focus();
          }}
        />
      </div>
      {query.value.trim() ? (
        <p class="found" aria-live="polite">
          {foundInWords()}
        </p>
      ) : (
        <div class="filters">
          {FILTERS.map(([name, label]) => (
            <button
              key={name}
              type="button"
              aria-pressed={filter.value === name}
              onClick={() => {
                filter.value = name;
              }}
            >
              {label} <span class="count">{count[name]}</span>
            </button>
          ))}
        </div>
      )}
      {items.length ? (
        <VirtualList
          items={items}
          rowHeight={ROW_PX}
          label="Conversations"
          current={current}
          keyOf={({ id }) => id}
          nameOf={nameOf}
          more={() => !query.value.trim() && moreConversations()}
          row={(item) => <Row hit={item} />}
        />
      ) : (
        <Nobody />
      )}
    </nav>
  );
}

function foundInWords() {
  const { value } = found;
  if (!value || value.words !== query.value.trim()) return "Searching…";
  if (value.problem) return value.problem;
  if (!value.results.length) return "Nothing found. The last word may be the beginning of one.";
  const number = value.results.length;
  return `${number === 50 ? "The newest 50" : number} ${number === 1 ? "conversation" : "conversations"}${
    value.truncated ? "; older ones were not looked at, add a word to narrow it down" : ""
  }`;
}

function Nobody() {
  if (query.value.trim()) return <ul aria-label="Conversations" class="none" />;
  const words = {
    open: counts.value.closed
      ? "All done: nothing is open. The next question appears here by itself."
      : "No conversations yet. They appear here with a customer’s first message.",
    waiting: "No one is waiting. Everybody has an answer.",
    active: "No answered conversations are open.",
    closed: "Nothing has been closed yet.",
  };
  return (
    <div class="empty">
      <ul aria-label="Conversations" />
      <Icon name="check" />
      <p>{words[filter.value]}</p>
    </div>
  );
}

/** Whoever waits longest, where nobody can overlook it. */
export function Longest() {
  const who = longest.value;
  if (!who) return null;
  const since = who.waiting_since ?? who.updated_at;
  const isLong = now.value - Date.parse(since) > LONG_WAIT_MS;
  return (
    <button
      type="button"
      class={`longest ${isLong ? "late" : ""}`}
      title="Go to who waits longest (w)"
      onClick={() => open(who.id)}
    >
      <span class="pulse" aria-hidden="true" />
      <span>
        Waiting longest: <b dir="auto">{nameOf(who)}</b>
      </span>
      <time dateTime={since}>{agoOf(since)}</time>
    </button>
  );
}

function Row({ hit }: { hit: Hit }) {
  const { match, ...room } = hit;
  const name = nameOf(room);
  const isWaiting = room.status === "waiting";
  const since = room.waiting_since ?? room.updated_at;
  const isLate = isWaiting && now.value - Date.parse(since) > LONG_WAIT_MS;
  return (
    <button
      type="button"
      class={`row ${room.status} ${isLate ? "late" : ""}`}
      data-room={room.id}
      aria-current={selected.value === room.id}
      onClick={() => open(room.id, match?.seq ?? undefined)}
    >
      <Face room={room} />
      <span class="who">
        <b dir="auto">{name}</b>
        {name === "Visitor" && <small class="dim"> {room.id.slice(-4)}</small>}
        {room.blocked && <small class="tag">blocked</small>}
      </span>
      <span class="when">
        {isWaiting ? (
          <span title="waiting">{agoOf(since)}</span>
        ) : (
          shortOf(room.last_message_at ?? room.created_at)
        )}
      </span>
      <span class="preview" dir="auto">
        {match ? <Marked text={match.snippet} words={query.value} /> : <Preview room={room} />}
      </span>
      {room.unread_count > 0 && (
        <span class="unread">
          {room.unread_count}
          <span class="unseen"> unread</span>
        </span>
      )}
    </button>
  );
}

/** The customer's initial and whether they are there. */
export function Face({
  room,
}: {
  room: Pick<Summary, "id" | "customer_name" | "customer_email" | "customer_online">;
}) {
  const hue = Number.parseInt(room.id.slice(-3), 16) % 360;
  return (
    <span class="face" style={{ "--hue": hue } as Record<string, number>}>
      <span aria-hidden="true">{[...nameOf(room)][0]?.toUpperCase()}</span>
      {room.customer_online && <span class="online" role="img" aria-label="online" />}
    </span>
  );
}

function Preview({ room: { last_message } }: { room: Summary }) {
  if (!last_message) return <>No message yet</>;
  const { sender_type, sender_name, content } = last_message;
  return (
    <>
      {sender_type === "admin" && <span class="dim">{sender_name}: </span>}
      {sender_type === "system" ? <i>{content}</i> : content}
    </>
  );
}

/** Text with the searched words marked. */
export function Marked({ text, words }: { text: string; words: string }) {
  const wanted = words
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean)
    .map((word) => word.toLowerCase());
  if (!wanted.length) return <>{text}</>;
  const parts = text.split(/([\p{L}\p{N}]+)/u);
  return (
    <>
      {parts.map((part) =>
        wanted.some((word) => part.toLowerCase().startsWith(word)) ? <mark>{part}</mark> : part,
      )}
    </>
  );
}
