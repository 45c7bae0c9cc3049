/** What an agent can do by key or from the palette. */
import type { Desk } from "../desk/desk";
import type { Session } from "../desk/session";
import { focusElement, focusRowOf, moveFocus } from "./focus";

export interface Command {
  name: string;
  /** The key that runs it while no field has the focus. */
  key?: string;
  run: () => void;
}

/** The commands that this agent may run. */
export function commandsOf(desk: Desk, session: Session): Command[] {
  const { lobby, conversation, search, panels } = desk;
  const showList = (filter: typeof lobby.filter.value) => () => {
    search.setText("");
    lobby.filter.value = filter;
  };
  const all: Command[] = [
    { name: "Go to the customer waiting longest", key: "w", run: () => openLongest(desk) },
    { name: "Next conversation", key: "j", run: () => moveFocus(desk, 1) },
    { name: "Previous conversation", key: "k", run: () => moveFocus(desk, -1) },
    { name: "Search", key: "/", run: () => focusElement("search") },
    { name: "Write a reply", key: "r", run: () => focusElement("reply") },
    {
      name: "Close or reopen the conversation",
      key: "e",
      run: () =>
        conversation.setStatus(conversation.room.value?.status === "closed" ? "active" : "closed"),
    },
    { name: "Show or hide the customer's details", key: "i", run: panels.toggleDetails },
    { name: "Show open conversations", key: "1", run: showList("open") },
    { name: "Show waiting conversations", key: "2", run: showList("waiting") },
    { name: "Show active conversations", key: "3", run: showList("active") },
    { name: "Show closed conversations", key: "4", run: showList("closed") },
    { name: "Settings", key: "s", run: () => panels.open("settings") },
    { name: "Keyboard shortcuts", key: "?", run: () => panels.open("keys") },
    { name: "Sign out", run: () => session.signOut(false) },
    { name: "Sign out everywhere", run: () => session.signOut(true) },
  ];
  if (session.agent.value?.role === "admin") {
    const settings = all.findIndex(({ key }) => key === "s");
    all.splice(
      settings + 1,
      0,
      {
        name: "Choose messages to remove",
        run: () => conversation.selected.value && desk.redaction.toggleChoosing(),
      },
      { name: "Agents", key: "a", run: () => panels.open("agents") },
      { name: "Data: backups, exports, erasures", key: "d", run: () => panels.open("data") },
      { name: "Doctor", run: () => panels.open("doctor") },
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
export function handleKey(event: KeyboardEvent, desk: Desk, session: Session) {
  const { panels, search, conversation } = desk;
  if (event.isComposing) return;
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
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
  const key = { ArrowDown: "j", ArrowUp: "k" }[event.key] ?? event.key;
  // Arrow keys scroll, except in the list.
  if (key !== event.key && !(target as HTMLElement).matches?.(".row, body")) return;
  const command = commandsOf(desk, session).find((each) => each.key === key);
  if (!command) return;
  event.preventDefault();
  command.run();
}

/** Closes the open conversation and focuses its row in the list. */
export function backToList({ conversation }: Desk) {
  const id = conversation.selected.value;
  conversation.leave();
  focusRowOf(id);
}

function openLongest({ lobby, conversation }: Desk) {
  const longest = lobby.longestWaiting.value;
  if (longest) conversation.open(longest.id);
}
