/** What an agent can do by key or from the palette. */
import type { Desk } from "../desk/desk";
import { tomorrow } from "../desk/handling";
import type { Kind } from "../desk/outgoing";
import type { Session } from "../desk/session";
import type { Language } from "../language/language";
import { focusElement, focusRowOf, moveFocus } from "./focus";

export interface Command {
  name: string;
  /** The key that runs it while no field has the focus. */
  key?: string;
  run: () => void;
}

/** The commands that this agent may run. */
export function commandsOf(desk: Desk, session: Session, { t }: Language): Command[] {
  const { lobby, conversation, search, panels, handling, selection } = desk;
  const ofRoom = (task: (id: string) => unknown) => {
    const id = conversation.selected.value;
    if (id) task(id);
  };
  const showList = (filter: typeof lobby.filter.value) => () => {
    search.setText("");
    lobby.filter.value = filter;
  };
  const all: Command[] = [
    { name: t("command.longest"), key: "w", run: () => openLongest(desk) },
    { name: t("command.next"), key: "j", run: () => moveFocus(desk, 1) },
    { name: t("command.previous"), key: "k", run: () => moveFocus(desk, -1) },
    { name: t("command.search"), key: "/", run: () => focusElement("search") },
    { name: t("command.reply"), key: "r", run: () => writeAs(desk, "message") },
    { name: t("command.note"), key: "n", run: () => writeAs(desk, "note") },
    {
      name: t("command.closeOrReopen"),
      key: "e",
      run: () =>
        conversation.setStatus(conversation.room.value?.status === "closed" ? "active" : "closed"),
    },
    { name: t("handling.claim"), key: "c", run: () => ofRoom(handling.claim) },
    { name: t("handling.toggleSpam"), key: "!", run: () => ofRoom(toggleSpam(desk)) },
    { name: t("handling.snoozeTomorrow"), key: "z", run: () => ofRoom(snoozeToTomorrow(desk)) },
    { name: t("handling.mark"), key: "x", run: () => markFocused(desk) },
    { name: t("handling.closeMarked"), key: "E", run: () => selection.changeAll(handling.close) },
    { name: t("handling.reopenMarked"), key: "O", run: () => selection.changeAll(handling.reopen) },
    { name: t("command.details"), key: "i", run: panels.toggleDetails },
    { name: t("command.open"), key: "1", run: showList("open") },
    { name: t("command.waiting"), key: "2", run: showList("waiting") },
    { name: t("command.active"), key: "3", run: showList("active") },
    { name: t("command.closed"), key: "4", run: showList("closed") },
    { name: t("handling.showMine"), key: "m", run: () => lobby.showScope("mine") },
    { name: t("handling.showUnassigned"), key: "u", run: () => lobby.showScope("unassigned") },
    { name: t("handling.showSpam"), run: () => lobby.showScope("spam") },
    { name: t("blocks.title"), run: () => panels.open("blocks") },
    { name: t("command.replies"), key: "t", run: () => panels.open("replies") },
    { name: t("command.settings"), key: "s", run: () => panels.open("settings") },
    { name: t("command.notifications"), run: () => panels.open("notifications") },
    { name: t("command.keys"), key: "?", run: () => panels.open("keys") },
    { name: t("command.signOut"), run: () => session.signOut(false) },
    { name: t("command.signOutEverywhere"), run: () => session.signOut(true) },
  ];
  if (session.agent.value?.role === "admin") {
    const settings = all.findIndex(({ key }) => key === "s");
    all.splice(
      settings + 1,
      0,
      {
        name: t("command.removeMessages"),
        run: () => conversation.selected.value && desk.redaction.toggleChoosing(),
      },
      { name: t("command.agents"), key: "a", run: () => panels.open("agents") },
      { name: t("command.reports"), key: "p", run: () => panels.open("reports") },
      { name: t("command.data"), key: "d", run: () => panels.open("data") },
      { name: t("command.shop"), key: "h", run: () => panels.open("shop") },
      { name: t("command.mail"), run: () => panels.open("mail") },
      { name: t("bounced.title"), run: () => panels.open("bounced") },
      { name: t("tags.title"), run: () => panels.open("tags") },
      { name: t("command.tokens"), run: () => panels.open("tokens") },
      { name: t("command.doctor"), run: () => panels.open("doctor") },
    );
  }
  return all;
}

/** The entries in which every word occurs; all entries for an empty text. */
export function matching<T extends { name: string }>(entries: readonly T[], text: string): T[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
}

/** Runs what a key stands for, unless the agent is writing or a dialog is open. */
export function handleKey(event: KeyboardEvent, desk: Desk, session: Session, language: Language) {
  const { panels, search, conversation } = desk;
  if (event.isComposing) return;
  if (latinKey(event).toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    panels.open("commands");
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || panels.dialog.value) return;
  const { target } = event;
  const isWriting = target instanceof HTMLElement && target.matches("input, textarea, select");
  if (event.key === "Escape") {
    const isSearch = target instanceof HTMLInputElement && target.type === "search";
    if (isSearch && search.text.value) search.setText("");
    else if (isWriting) target.blur();
    else if (conversation.selected.value) backToList(desk);
    return;
  }
  if (isWriting) return;
  const key = { ArrowDown: "j", ArrowUp: "k" }[event.key] ?? latinKey(event);
  // Arrow keys scroll, except in the list.
  if (event.key.startsWith("Arrow") && !(target as HTMLElement).matches?.(".row, body")) return;
  const command = commandsOf(desk, session, language).find((each) => each.key === key);
  if (!command) return;
  event.preventDefault();
  command.run();
}

/** The key as a Latin keyboard has it: on others, such as Arabic ones, it is the one in its place. */
export function latinKey({ key, code, shiftKey }: KeyboardEvent): string {
  if (key.length > 1 || key <= "~") return key;
  if (code === "Slash") return shiftKey ? "?" : "/";
  const place = /^(?:Key|Digit)(.)$/.exec(code)?.[1];
  return (shiftKey ? place : place?.toLowerCase()) ?? key;
}

/** Closes the open conversation and focuses its row in the list. */
export function backToList({ conversation }: Desk) {
  const id = conversation.selected.value;
  conversation.leave();
  focusRowOf(id);
}

const toggleSpam =
  ({ handling, lobby }: Desk) =>
  (id: string) =>
    handling.setSpam(id, !lobby.summaryOf(id)?.spam);

const snoozeToTomorrow =
  ({ handling, lobby }: Desk) =>
  (id: string) =>
    handling.snooze(id, lobby.summaryOf(id)?.snoozed_until ? null : tomorrow(Date.now()));

/** Marks the row that has the focus, or the open conversation. */
function markFocused({ selection, conversation }: Desk) {
  const row = document.activeElement?.closest<HTMLElement>(".row");
  const id = row?.dataset.room ?? conversation.selected.value;
  if (id) selection.toggle(id);
}

function writeAs({ composer }: Desk, kind: Kind) {
  composer.setKind(kind);
  focusElement("reply");
}

function openLongest({ lobby, conversation }: Desk) {
  const longest = lobby.longestWaiting.value;
  if (longest) conversation.open(longest.id);
}
