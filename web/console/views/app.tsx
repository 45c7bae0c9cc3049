import { signal, useSignalEffect } from "@preact/signals";
import { Fragment } from "preact";
import { useEffect } from "preact/hooks";
import { muted } from "../desk/alerts";
import {
  agent,
  filter,
  leave,
  longest,
  open,
  room,
  selected,
  setStatus,
  signOut,
  toast,
  trouble,
} from "../desk/desk";
import { Icon } from "../icons";
import { Agents } from "./agents";
import type { Command } from "./commands";
import { Conversation, detailsOpen } from "./conversation";
import { Conversations, listed, query } from "./conversations";
import { Details } from "./details";
import { Dialog } from "./dialog";
import { Palette } from "./palette";
import { Profile } from "./profile";
import { SignIn } from "./sign-in";
import { Status, Trouble } from "./status";

const dialog = signal<"" | "agents" | "profile" | "keys" | "palette">("");
/** Closes one dialog: a late word of its end must not end the next one. */
const closing = (which: typeof dialog.value) => () => {
  if (dialog.value === which) dialog.value = "";
};
const focus = (id: string) => document.getElementById(id)?.focus();

/** Back to the list, with the row that was open in focus. */
function back() {
  const id = selected.value;
  leave();
  requestAnimationFrame(() => {
    document.querySelector<HTMLElement>(id ? `[data-room="${id}"]` : ".row")?.focus();
  });
}

function step(by: number) {
  const items = listed.value;
  const focused = (document.activeElement as HTMLElement | null)?.dataset.room;
  const at = items.findIndex(({ id }) => id === (focused ?? selected.value));
  const next = items[Math.max(0, Math.min(items.length - 1, at + by))];
  if (!next) return;
  const row = () => document.querySelector<HTMLElement>(`[data-room="${next.id}"]`);
  if (!row()) document.querySelector(".virtual")?.scrollBy(0, by * 300);
  requestAnimationFrame(() => row()?.focus());
}

const COMMANDS: Command[] = [
  { name: "Go to who waits longest", key: "w", run: () => longest.value && open(longest.value.id) },
  { name: "Next conversation", key: "j", run: () => step(1) },
  { name: "Previous conversation", key: "k", run: () => step(-1) },
  { name: "Search", key: "/", run: () => focus("search") },
  { name: "Write a reply", key: "r", run: () => focus("reply") },
  {
    name: "Close or reopen the conversation",
    key: "e",
    run: () => selected.value && setStatus(room.value?.status === "closed" ? "active" : "closed"),
  },
  {
    name: "Show or hide the customer’s details",
    key: "i",
    run: () => {
      detailsOpen.value = !detailsOpen.value;
    },
  },
  { name: "Show open conversations", key: "1", run: () => show("open") },
  { name: "Show waiting conversations", key: "2", run: () => show("waiting") },
  { name: "Show active conversations", key: "3", run: () => show("active") },
  { name: "Show closed conversations", key: "4", run: () => show("closed") },
  { name: "Settings", key: "s", run: () => show("profile") },
  { name: "Agents", key: "a", run: () => show("agents") },
  { name: "Keys", key: "?", run: () => show("keys") },
  { name: "Sign out", run: () => signOut(false) },
  { name: "Sign out everywhere", run: () => signOut(true) },
];

function show(what: typeof dialog.value | typeof filter.value) {
  if (what === "open" || what === "waiting" || what === "active" || what === "closed") {
    query.value = "";
    filter.value = what;
  } else dialog.value = what;
}

const commands = () =>
  COMMANDS.filter(({ name }) => name !== "Agents" || agent.value?.role === "admin");

function pressed(event: KeyboardEvent) {
  if (!agent.value || event.isComposing) return;
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    dialog.value = "palette";
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.value) return;
  const { target } = event;
  const writes = target instanceof HTMLElement && target.matches("input, textarea, select");
  if (event.key === "Escape") {
    if (target instanceof HTMLInputElement && target.type === "search" && query.value)
      query.value = "";
    else if (writes) target.blur();
    else if (selected.value) back();
    return;
  }
  if (writes) return;
  const key = { ArrowDown: "j", ArrowUp: "k" }[event.key] ?? event.key;
  if (key !== event.key && !(target as HTMLElement).matches?.(".row, body")) return;
  const command = commands().find((one) => one.key === key);
  if (!command) return;
  event.preventDefault();
  command.run();
}

/** Keeps the address and the phone's back button with what is open. */
function useAddress() {
  useEffect(() => {
    // Before the address is written for the first time, it is read.
    const follow = () => {
      const id = /^#room=([\w-]{36})$/.exec(location.hash)?.[1];
      if (id) open(id);
      else if (selected.value) back();
    };
    follow();
    addEventListener("popstate", follow);
    addEventListener("keydown", pressed);
    return () => {
      removeEventListener("popstate", follow);
      removeEventListener("keydown", pressed);
    };
  }, []);
  useSignalEffect(() => {
    const hash = selected.value ? `#room=${selected.value}` : "";
    if (location.hash === hash || !agent.value) return;
    const address = `/admin/chat${hash}`;
    if (hash && !location.hash) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  });
}

/** The whole console. */
export function App() {
  if (agent.value === undefined) {
    return (
      <main class="door">{trouble.value ? <p role="alert">{trouble.value.words}</p> : null}</main>
    );
  }
  return agent.value === null ? <SignIn /> : <Desk />;
}

function Desk() {
  useAddress();
  return (
    <>
      <a class="skip" href="#reply">
        Skip to the reply
      </a>
      <div class="desk" data-view={selected.value ? "room" : "list"}>
        <header class="bar">
          <h1>
            <span class="logo" aria-hidden="true" /> Shoptalk
          </h1>
          <Status />
          {muted.value && (
            <button type="button" class="muted" onClick={() => show("profile")}>
              <Icon name="bell" /> <span>{muted.value}</span>
            </button>
          )}
          <span class="space" />
          <Tool name="Commands (Ctrl+K)" icon="search" run={() => show("palette")} />
          {agent.value?.role === "admin" && (
            <Tool name="Agents" icon="people" run={() => show("agents")} />
          )}
          <Tool name="Keys" icon="keyboard" run={() => show("keys")} />
          <Tool name="Settings" icon="settings" run={() => show("profile")} />
          <Tool name="Sign out" icon="out" run={() => signOut(false)} />
        </header>
        <Trouble />
        <Conversations />
        <main>
          <Conversation back={back} />
        </main>
        <Details />
      </div>
      {dialog.value === "agents" && <Agents close={closing("agents")} />}
      {dialog.value === "profile" && <Profile close={closing("profile")} />}
      {dialog.value === "palette" && <Palette commands={commands()} close={closing("palette")} />}
      {dialog.value === "keys" && <Keys />}
      <div class="toast" role="alert">
        {toast.value}
      </div>
    </>
  );
}

function Tool({
  name,
  icon,
  run,
}: {
  name: string;
  icon: Parameters<typeof Icon>[0]["name"];
  run: () => void;
}) {
  return (
    <button type="button" class="plain" aria-label={name} title={name} onClick={run}>
      <Icon name={icon} />
    </button>
  );
}

function Keys() {
  return (
    <Dialog title="Keys" close={closing("keys")}>
      <dl class="keys">
        <dt>
          <kbd>Ctrl</kbd> <kbd>K</kbd>
        </dt>
        <dd>All commands</dd>
        {commands()
          .filter(({ key }) => key)
          .map(({ name, key }) => (
            <Fragment key={name}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{name}</dd>
            </Fragment>
          ))}
        <dt>
          <kbd>Enter</kbd>
        </dt>
        <dd>Open the conversation; send the reply</dd>
        <dt>
          <kbd>Shift</kbd> <kbd>Enter</kbd>
        </dt>
        <dd>New line in the reply</dd>
        <dt>
          <kbd>Esc</kbd>
        </dt>
        <dd>Leave the field; back to the list</dd>
      </dl>
    </Dialog>
  );
}
