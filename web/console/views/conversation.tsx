import type { ComponentChildren } from "preact";
import type { Typist } from "../desk/typists";
import { Icon } from "../icons";
import { Composer } from "./composer";
import { useDesk, useLanguage } from "./context";
import { Avatar, LongestWaiting } from "./conversations";
import { AssigneeChoice, Viewers } from "./handling";
import { Messages } from "./messages";

const kbd = (key: ComponentChildren) => <kbd>{key}</kbd>;

/** The middle: one conversation with its log and composer. */
export function Conversation({ back }: { back: () => void }) {
  const { t, rich, format } = useLanguage();
  const { conversation, panels } = useDesk();
  const id = conversation.selected.value;
  const summary = conversation.summary.value;
  const room = conversation.room.value ?? summary;
  if (!id || !room) {
    return (
      <section class="conversation none-open">
        <Icon name="keyboard" />
        <p>{rich("conversation.none", { kbd })}</p>
        <p class="dim">{rich("conversation.noneKeys", { kbd })}</p>
      </section>
    );
  }
  const name = format.visitor(room);
  const isClosed = room.status === "closed";
  return (
    <section class="conversation" aria-label={t("conversation.with", { name })}>
      <header>
        <button type="button" class="plain back" aria-label={t("conversation.back")} onClick={back}>
          <Icon name="back" />
        </button>
        <Avatar room={{ ...room, customer_online: summary?.customer_online ?? false }} />
        <div class="title">
          <h2 dir="auto">{name}</h2>
          <small class="dim">
            {[
              // First, since a phone has no room for all of it.
              summary?.blocked && t("list.isBlocked"),
              t(`conversation.${room.status}`),
              summary?.customer_online && t("list.isOnline"),
            ]
              .filter(Boolean)
              .join(" · ")}
          </small>
        </div>
        {summary && <AssigneeChoice room={summary} />}
        {isClosed ? (
          <button
            type="button"
            aria-label={t("conversation.reopenName")}
            onClick={() => conversation.setStatus("active")}
          >
            <Icon name="reopen" /> <span>{t("conversation.reopen")}</span>
          </button>
        ) : (
          <button
            type="button"
            aria-label={t("conversation.closeName")}
            onClick={() => conversation.setStatus("closed")}
          >
            <Icon name="check" /> <span>{t("conversation.close")}</span>
          </button>
        )}
        <button
          type="button"
          class="plain"
          aria-label={t("conversation.details")}
          aria-expanded={panels.details.value}
          onClick={panels.toggleDetails}
        >
          <Icon name="info" />
        </button>
      </header>
      <LongestWaiting />
      <Viewers />
      <Messages key={id} />
      <Typing />
      <Composer key={`${id}-composer`} />
    </section>
  );
}

function Typing() {
  const { rich } = useLanguage();
  const { typists, summary } = useDesk().conversation;
  // Nothing of what a blocked visitor types will come.
  const isShown = ({ isVisitor }: Typist) => !(isVisitor && summary.value?.blocked);
  return (
    <div class="typing" aria-live="polite">
      {typists.value.filter(isShown).map(({ name, isVisitor }) => [
        rich(isVisitor ? "conversation.visitorTypes" : "conversation.agentTypes", {
          name: <bdi>{name}</bdi>,
        }),
        " ",
      ])}
    </div>
  );
}
