import { useEffect } from "preact/hooks";
import type { Summary } from "../../shared/protocol";
import { type Filter, lastActivity, waitingSince } from "../desk/lobby-state";
import { type Hit, MAX_RESULTS } from "../desk/search";
import { Icon } from "../icons";
import { isNameless } from "../language/format";
import type { PlainKey } from "../language/texts";
import { useApp, useDesk, useLanguage } from "./context";
import { BulkBar, Initial, RowMarks, Scopes } from "./handling";
import { VirtualList } from "./virtual-list";

const ROW_PX = 76;
/** Rooms that wait for longer are highlighted. */
const LONG_WAIT_MS = 5 * 60_000;
/** Characters of a found message before the first hit; with more, the hit might be past the row's end. */
const LEAD_CHARS = 16;
const FILTERS: readonly Filter[] = ["open", "waiting", "active", "closed"];

/** The left side: the visitor waiting longest, the search, the filters, the list. */
export function Conversations() {
  const { t, format } = useLanguage();
  const { lobby, search, conversation } = useDesk();
  const { waiting, active, closed } = lobby.counts.value;
  const count = { open: waiting + active, waiting, active, closed };
  const isSearching = !!search.query.value;
  const items = search.listed.value;
  const current = items.findIndex(({ id }) => id === conversation.selected.value);
  return (
    <nav class="conversations" aria-label={t("list.area")}>
      <LongestWaiting />
      <div class="search">
        <Icon name="search" />
        <input
          id="search"
          type="search"
          aria-label={t("list.search")}
          dir="auto"
          placeholder={t("list.searchHint")}
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
        <>
          <Scopes />
          <div class="filters">
            {FILTERS.map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={lobby.filter.value === name}
                onClick={() => {
                  lobby.filter.value = name;
                }}
              >
                {t(`list.${name}`)} <span class="count">{format.number(count[name])}</span>
              </button>
            ))}
          </div>
        </>
      )}
      <BulkBar />
      {items.length ? (
        <VirtualList
          items={items}
          rowHeight={ROW_PX}
          label={t("list.name")}
          current={current}
          keyOf={({ id }) => id}
          labelOf={format.visitor}
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
  const { t } = useLanguage();
  const found = useDesk().search.found.value;
  if (!found) return <>{t("search.searching")}</>;
  if (found.problem) return <>{found.problem}</>;
  const count = found.results.length;
  if (!count) return <>{t("search.nothing")}</>;
  return (
    <>
      {t(count === MAX_RESULTS ? "search.foundNewest" : "search.found", { count })}
      {found.truncated && t("search.truncated")}
    </>
  );
}

function EmptyList() {
  const { t } = useLanguage();
  const { lobby, search } = useDesk();
  const isSearching = !!search.query.value;
  const counts = lobby.counts.value;
  // What the connection has not brought: closed conversations, for example.
  useEffect(() => {
    if (!isSearching) lobby.loadMore();
  }, [isSearching, counts, lobby.filter.value, lobby.scope.value, lobby.tag.value]);
  if (isSearching || lobby.loading.value) return <ul aria-label={t("list.name")} class="none" />;
  const texts = {
    open: counts.closed ? "list.allDone" : "list.noneOpen",
    waiting: "list.noneWaiting",
    active: "list.noneActive",
    closed: "list.noneClosed",
  } satisfies Record<Filter, PlainKey>;
  return (
    <div class="empty">
      <ul aria-label={t("list.name")} />
      <Icon name="check" />
      <p>{t(texts[lobby.filter.value])}</p>
    </div>
  );
}

/** The visitor who has waited longest, above everything else. */
export function LongestWaiting() {
  const { t, rich, format } = useLanguage();
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
      title={t("list.longestHint")}
      onClick={() => conversation.open(summary.id)}
    >
      <span class="pulse" aria-hidden="true" />
      <span>
        {rich("list.longest", {
          name: format.visitor(summary),
          b: (name) => <b dir="auto">{name}</b>,
        })}
      </span>
      <time dateTime={since}>{format.age(since, now.value)}</time>
    </button>
  );
}

function Row({ hit }: { hit: Hit }) {
  const { t, format } = useLanguage();
  const { now } = useApp();
  const { conversation, search, selection } = useDesk();
  const { match, ...room } = hit;
  const name = format.visitor(room);
  const isWaiting = room.status === "waiting";
  const since = waitingSince(room);
  const isLate = isWaiting && now.value - Date.parse(since) > LONG_WAIT_MS;
  const state = `${room.status} ${isLate ? "late" : ""}`;
  return (
    <button
      type="button"
      class={`row ${state}`}
      data-room={room.id}
      aria-current={conversation.selected.value === room.id}
      onClick={() => conversation.open(room.id, match?.seq ?? undefined)}
    >
      <Avatar room={room} />
      <span class="who">
        <b dir="auto">{name}</b>
        {isNameless(room) && (
          <small class="dim">
            {" "}
            <bdi>{room.id.slice(-4)}</bdi>
          </small>
        )}
        {room.blocked && <small class="tag">{t("list.isBlocked")}</small>}
        <RowMarks room={room} />
      </span>
      {/* With the state itself: after a change of the row's alone, Chromium 156 may keep the color. */}
      <span class={`when ${state}`}>
        {selection.has(room.id) && (
          <span class="marked" role="img" aria-label={t("handling.isMarked")} />
        )}
        <Initial room={room} />
        {isWaiting ? (
          <span title={t("list.isWaiting")}>{format.age(since, now.value)}</span>
        ) : (
          format.short(lastActivity(room), now.value)
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
          {format.number(room.unread_count)}
          <span class="visually-hidden"> {t("list.unread")}</span>
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
  const { t, format } = useLanguage();
  const hue = Number.parseInt(room.id.slice(-3), 16) % 360;
  return (
    <span class="avatar" style={{ "--hue": hue } as Record<string, number>}>
      <span aria-hidden="true">{[...format.visitor(room)][0]?.toUpperCase()}</span>
      {room.customer_online && <span class="online" role="img" aria-label={t("list.isOnline")} />}
    </span>
  );
}

/** The newest message of a conversation. */
export function Preview({ room: { last_message } }: { room: Summary }) {
  const { t } = useLanguage();
  if (!last_message) return <>{t("list.noMessage")}</>;
  const { sender_type, sender_name, content } = last_message;
  return (
    <>
      {sender_type === "admin" && (
        <span class="dim">
          <bdi>{sender_name}</bdi>:{" "}
        </span>
      )}
      {sender_type === "system" ? <i>{content}</i> : content || <i>{t("messages.removed")}</i>}
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
  const isHit = (part: string) => words.some((word) => part.toLowerCase().startsWith(word));
  let from = Math.max(0, parts.findIndex(isHit));
  for (let chars = 0; from > 0 && chars < LEAD_CHARS; ) chars += parts[--from]!.length;
  return (
    <>
      {parts.slice(0, from).some(Boolean) && "…"}
      {parts.slice(from).map((part) => (isHit(part) ? <mark>{part}</mark> : part))}
    </>
  );
}
