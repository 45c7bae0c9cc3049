import { visitorName } from "../format";
import { Icon } from "../icons";
import { Composer } from "./composer";
import { useDesk } from "./context";
import { Avatar, LongestWaiting } from "./conversations";
import { Messages } from "./messages";

/** The middle: one conversation with its log and composer. */
export function Conversation({ back }: { back: () => void }) {
  const { conversation, panels } = useDesk();
  const id = conversation.selected.value;
  const summary = conversation.summary.value;
  const room = conversation.room.value ?? summary;
  if (!id || !room) {
    return (
      <section class="conversation none-open">
        <Icon name="keyboard" />
        <p>
          Choose a conversation, or press <kbd>w</kbd> for the customer waiting longest.
        </p>
        <p class="dim">
          Press <kbd>?</kbd> for all keyboard shortcuts.
        </p>
      </section>
    );
  }
  const name = visitorName(room);
  const isClosed = room.status === "closed";
  return (
    <section class="conversation" aria-label={`Conversation with ${name}`}>
      <header>
        <button type="button" class="plain back" aria-label="Back to the list" onClick={back}>
          <Icon name="back" />
        </button>
        <Avatar room={{ ...room, customer_online: summary?.customer_online ?? false }} />
        <div class="title">
          <h2 dir="auto">{name}</h2>
          <small class="dim">
            {isClosed ? "Closed" : room.status === "waiting" ? "Waiting for an answer" : "Active"}
            {summary?.customer_online ? " · online" : ""}
            {summary?.blocked ? " · blocked" : ""}
          </small>
        </div>
        {isClosed ? (
          <button
            type="button"
            aria-label="Reopen conversation"
            onClick={() => conversation.setStatus("active")}
          >
            <Icon name="reopen" /> <span>Reopen</span>
          </button>
        ) : (
          <button
            type="button"
            aria-label="Close conversation"
            onClick={() => conversation.setStatus("closed")}
          >
            <Icon name="check" /> <span>Close</span>
          </button>
        )}
        <button
          type="button"
          class="plain"
          aria-label="Details"
          aria-expanded={panels.details.value}
          onClick={panels.toggleDetails}
        >
          <Icon name="info" />
        </button>
      </header>
      <LongestWaiting />
      <Messages key={id} />
      <Typing />
      <Composer key={`${id}-composer`} />
    </section>
  );
}

function Typing() {
  const texts = useDesk().conversation.typists.value.map(({ name, isVisitor }) =>
    isVisitor ? `${name} is typing…` : `${name} is typing to this customer…`,
  );
  return (
    <div class="typing" aria-live="polite">
      {texts.join(" ")}
    </div>
  );
}
