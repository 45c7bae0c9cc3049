import type { Summary } from "../../shared/protocol";
import { type Filter, lastActivity, waitingSince } from "../desk/lobby-state";
import { type Hit, MAX_RESULTS } from "../desk/search";
import { formatAge, formatShort, visitorName } from "../format";
import { Icon } from "../icons";
import { useApp, useDesk } from "./context";
import { VirtualList } from "./virtual-list";

const ROW_PX = 76;
/** Rooms that wait for longer are highlighted. */
const LONG_WAIT_MS = 5 * 60_000;
const FILTERS: [Filter, string][] = [
  ["open", "Open"],
  ["waiting", "Waiting"],
  ["active", "Active"],
  ["closed", "Closed"],
];

/** The left side: the visitor waiting longest, the search, the filters, the list. */
export function Conversations() {
  const { lobby, search, conversation } = useDesk();
  const { waiting, active, closed } = lobby.counts.value;
  const count = { open: waiting + active, waiting, active, closed };
  const isSearching = !!search.query.value;
  const items = search.listed.value;
  const current = items.findIndex(({ id }) => id === conversation.selected.value);
  return (
    <nav class="conversations" aria-label="Conversations and search">
      <LongestWaiting />
      <div class="search">
        <Icon name="search" />
        <input
          id="search"
          type="search"
          aria-label="Search"
          placeholder="Search names and messages"
          value={search.text.value}
          onInput={(event) => search.setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "ArrowDown" && event.key !== "Enter") return;
            event.preventDefault();
            document.querySelector<HTMLElement>(".row")?.focus();
          }}
        />
      </div>
      {isSearching ? (
        <p class="found" aria-live="polite">
          <SearchResult />
        </p>
      ) : (
        <div class="filters">
          {FILTERS.map(([name, label]) => (
            <button
              key={name}
              type="button"
              aria-pressed={lobby.filter.value === name}
              onClick={() => {
                lobby.filter.value = name;
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
          labelOf={visitorName}
          loadMore={() => !isSearching && lobby.loadMore()}
          row={(item) => <Row hit={item} />}
        />
      ) : (
        <EmptyList />
      )}
    </nav>
  );
}

/** How many conversations the search has found, or why none. */
function SearchResult() {
  const found = useDesk().search.found.value;
  if (!found) return <>Searching…</>;
  if (found.problem) return <>{found.problem}</>;
  const count = found.results.length;
  if (!count) return <>Nothing found. The beginning of the last word is enough.</>;
  return (
    <>
      {count === MAX_RESULTS ? `The newest ${count}` : count}{" "}
      {count === 1 ? "conversation" : "conversations"}
      {found.truncated && ". Older ones were not searched; add a word to narrow it down."}
    </>
  );
}

function EmptyList() {
  const { lobby, search } = useDesk();
  if (search.query.value) return <ul aria-label="Conversations" class="none" />;
  const texts = {
    open: lobby.counts.value.closed
      ? "All done: no open conversations. New ones appear here."
      : "No conversations yet. They appear here with a customer's first message.",
    waiting: "No one is waiting. Every customer has an answer.",
    active: "No answered conversations are open.",
    closed: "Nothing has been closed yet.",
  };
  return (
    <div class="empty">
      <ul aria-label="Conversations" />
      <Icon name="check" />
      <p>{texts[lobby.filter.value]}</p>
    </div>
  );
}

/** The visitor who has waited longest, above everything else. */
export function LongestWaiting() {
  const { now } = useApp();
  const { lobby, conversation } = useDesk();
  const summary = lobby.longestWaiting.value;
  if (!summary) return null;
  const since = waitingSince(summary);
  const isLate = now.value - Date.parse(since) > LONG_WAIT_MS;
  return (
    <button
      type="button"
      class={`longest ${isLate ? "late" : ""}`}
      title="Go to the customer waiting longest (w)"
      onClick={() => conversation.open(summary.id)}
    >
      <span class="pulse" aria-hidden="true" />
      <span>
        Waiting longest: <b dir="auto">{visitorName(summary)}</b>
      </span>
      <time dateTime={since}>{formatAge(since, now.value)}</time>
    </button>
  );
}

function Row({ hit }: { hit: Hit }) {
  const { now } = useApp();
  const { conversation, search } = useDesk();
  const { match, ...room } = hit;
  const name = visitorName(room);
  const isWaiting = room.status === "waiting";
  const since = waitingSince(room);
  const isLate = isWaiting && now.value - Date.parse(since) > LONG_WAIT_MS;
  return (
    <button
      type="button"
      class={`row ${room.status} ${isLate ? "late" : ""}`}
      data-room={room.id}
      aria-current={conversation.selected.value === room.id}
      onClick={() => conversation.open(room.id, match?.seq ?? undefined)}
    >
      <Avatar room={room} />
      <span class="who">
        <b dir="auto">{name}</b>
        {name === "Visitor" && <small class="dim"> {room.id.slice(-4)}</small>}
        {room.blocked && <small class="tag">blocked</small>}
      </span>
      <span class="when">
        {isWaiting ? (
          <span title="waiting">{formatAge(since, now.value)}</span>
        ) : (
          formatShort(lastActivity(room), now.value)
        )}
      </span>
      <span class="preview" dir="auto">
        {match ? (
          <Highlighted text={match.snippet} query={search.query.value} />
        ) : (
          <Preview room={room} />
        )}
      </span>
      {room.unread_count > 0 && (
        <span class="unread">
          {room.unread_count}
          <span class="visually-hidden"> unread</span>
        </span>
      )}
    </button>
  );
}

/** The visitor's initial, and whether they are online. */
export function Avatar({
  room,
}: {
  room: Pick<Summary, "id" | "customer_name" | "customer_email" | "customer_online">;
}) {
  const hue = Number.parseInt(room.id.slice(-3), 16) % 360;
  return (
    <span class="avatar" style={{ "--hue": hue } as Record<string, number>}>
      <span aria-hidden="true">{[...visitorName(room)][0]?.toUpperCase()}</span>
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
      {sender_type === "system" ? <i>{content}</i> : content || <i>Message removed</i>}
    </>
  );
}

/** A text with the words of the query highlighted. */
function Highlighted({ text, query }: { text: string; query: string }) {
  const words = query
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean)
    .map((word) => word.toLowerCase());
  if (!words.length) return <>{text}</>;
  const parts = text.split(/([\p{L}\p{N}]+)/u);
  return (
    <>
      {parts.map((part) =>
        words.some((word) => part.toLowerCase().startsWith(word)) ? <mark>{part}</mark> : part,
      )}
    </>
  );
}
