import { useSignalEffect } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import type { Desk } from "../desk/desk";
import { Icon } from "../icons";
import { Agents } from "./agents";
import { BlocksDialog } from "./blocks";
import { BouncedDialog } from "./bounced";
import { backToList, commandsOf, handleKey } from "./commands";
import { DeskContext, useApp, useDesk, useLanguage } from "./context";
import { Conversation } from "./conversation";
import { Conversations } from "./conversations";
import { DataDialog } from "./data";
import { Details } from "./details";
import { DoctorDialog } from "./doctor";
import { Keys } from "./keys";
import { MailDialog } from "./mail";
import { Notifications } from "./notifications";
import { Palette } from "./palette";
import { Replies } from "./replies";
import { ReportsDialog } from "./reports";
import { Settings } from "./settings";
import { ShopDialog } from "./shop/dialog";
import { SignIn } from "./sign-in";
import { Banner, Status } from "./status";
import { TagsDialog } from "./tags";
import { TokensDialog } from "./tokens";

/** The whole console: nothing yet, the sign-in, or the desk. */
export function App() {
  const { session, notices, desk } = useApp();
  if (session.agent.value === undefined) {
    const banner = notices.banner.value;
    return <main class="sign-in">{banner && <p role="alert">{banner.text}</p>}</main>;
  }
  if (!desk.value) return <SignIn />;
  return (
    <DeskContext.Provider value={desk.value}>
      <DeskView />
    </DeskContext.Provider>
  );
}

function DeskView() {
  const { session, alerts, notices } = useApp();
  const language = useLanguage();
  const { t } = language;
  const desk = useDesk();
  const { conversation, panels } = desk;
  const { dialog } = panels;
  useKeys();
  useAddress(desk);
  return (
    <>
      <a class="skip" href="#reply">
        {t("bar.skip")}
      </a>
      <div class="desk" data-view={conversation.selected.value ? "room" : "list"}>
        <header class="bar">
          <h1>
            <span class="logo" aria-hidden="true" /> {t("bar.title")}
          </h1>
          <Status />
          {alerts.problem.value && (
            <button type="button" class="alert-problem" onClick={() => panels.open("settings")}>
              <Icon name="bell" /> <span>{alerts.problem.value}</span>
            </button>
          )}
          <span class="space" />
          <Tool
            name={t("bar.commands")}
            icon="search"
            run={() => panels.open("commands")}
            isExtra
          />
          {session.agent.value?.role === "admin" && (
            <Tool name={t("bar.agents")} icon="people" run={() => panels.open("agents")} />
          )}
          <Tool
            name={t("bar.keys")}
            icon="keyboard"
            run={() => panels.open("keys")}
            isForKeyboards
          />
          <Tool name={t("bar.settings")} icon="settings" run={() => panels.open("settings")} />
          <Tool name={t("bar.signOut")} icon="out" run={() => session.signOut(false)} isExtra />
        </header>
        <Banner />
        <Conversations />
        <main>
          <Conversation back={() => backToList(desk)} />
        </main>
        <Details />
      </div>
      {dialog.value === "agents" && <Agents close={() => panels.close("agents")} />}
      {dialog.value === "blocks" && <BlocksDialog close={() => panels.close("blocks")} />}
      {dialog.value === "data" && <DataDialog close={() => panels.close("data")} />}
      {dialog.value === "doctor" && <DoctorDialog close={() => panels.close("doctor")} />}
      {dialog.value === "replies" && <Replies close={() => panels.close("replies")} />}
      {dialog.value === "notifications" && (
        <Notifications close={() => panels.close("notifications")} />
      )}
      {dialog.value === "bounced" && <BouncedDialog close={() => panels.close("bounced")} />}
      {dialog.value === "mail" && <MailDialog close={() => panels.close("mail")} />}
      {dialog.value === "reports" && <ReportsDialog close={() => panels.close("reports")} />}
      {dialog.value === "settings" && <Settings close={() => panels.close("settings")} />}
      {dialog.value === "shop" && <ShopDialog close={() => panels.close("shop")} />}
      {dialog.value === "tags" && <TagsDialog close={() => panels.close("tags")} />}
      {dialog.value === "tokens" && <TokensDialog close={() => panels.close("tokens")} />}
      {dialog.value === "commands" && (
        <Palette
          commands={commandsOf(desk, session, language)}
          close={() => panels.close("commands")}
        />
      )}
      {dialog.value === "keys" && (
        <Keys commands={commandsOf(desk, session, language)} close={() => panels.close("keys")} />
      )}
      <div class="toast" role="alert">
        {notices.toast.value}
      </div>
    </>
  );
}

interface ToolProps {
  name: string;
  icon: Parameters<typeof Icon>[0]["name"];
  run: () => void;
  /** Hidden on a phone, where the settings have it, or there is no keyboard. */
  isExtra?: boolean;
  /** Hidden on a phone without a keyboard. */
  isForKeyboards?: boolean;
}

/** A button of the bar. */
function Tool({ name, icon, run, isExtra, isForKeyboards }: ToolProps) {
  return (
    <button
      type="button"
      class={`plain${isExtra ? " extra" : ""}${isForKeyboards ? " for-keyboards" : ""}`}
      aria-label={name}
      title={name}
      onClick={run}
    >
      <Icon name={icon} />
    </button>
  );
}

function useKeys() {
  const { session, language } = useApp();
  const desk = useDesk();
  // Not after the next frame: what is shown can be used.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => handleKey(event, desk, session, language);
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [desk]);
}

/** Keeps the address, and so the back button, in step with the open conversation. */
function useAddress(desk: Desk) {
  const { conversation } = desk;
  useLayoutEffect(() => {
    const openAddress = () => {
      const id = /^#room=([\w-]{36})$/.exec(location.hash)?.[1];
      if (id) conversation.open(id);
      else if (conversation.selected.value) backToList(desk);
    };
    // The address is read before the effect below writes it for the first time.
    openAddress();
    addEventListener("popstate", openAddress);
    return () => removeEventListener("popstate", openAddress);
  }, [desk]);
  useSignalEffect(() => {
    const hash = conversation.selected.value ? `#room=${conversation.selected.value}` : "";
    if (location.hash === hash) return;
    const address = `/admin/chat${hash}`;
    if (hash && !location.hash) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  });
}
