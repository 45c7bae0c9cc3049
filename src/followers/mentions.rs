//! Rings the agents whom a note mentions, as `@name`, if they are on duty.
//!
//! A note that may mention somebody is marked in the transaction that adds it. The mark goes right
//! after its agents were rung, so a kill may ring them again, under the same topic, and skips nobody.

use futures_util::future::try_join_all;

use super::{Follower, FollowerError};
use crate::chat::{Agent, Note, Timestamp};
use crate::persistence::{ChangedRooms, PushTargets, Store};
use crate::push::{Push, PushError, PushMessage};

/// Notes whose agents are rung at the same time.
const AT_ONCE: usize = 16;

/// Mentions of agents in notes.
pub(crate) struct Mentions {
    store: Store,
    push: Push,
}

impl Mentions {
    pub(crate) fn new(store: Store, push: Push) -> Self {
        Self { store, push }
    }

    async fn notify(&self, note: Note) -> Result<(), FollowerError> {
        let agents = self.store.agents().await?;
        let mentioned = agents
            .iter()
            .filter(|agent| agent.id != note.agent_id && is_mentioned(agent, &note.content));
        let message = PushMessage::mention(&note);
        for agent in mentioned {
            match self.push.send(PushTargets::Agent(agent.id), &message).await {
                Ok(_) => {}
                Err(PushError::Read(error)) => return Err(error.into()),
                Err(PushError::Write(error)) => return Err(error.into()),
                // It does not help to try again.
                Err(error @ PushError::Key(_)) => {
                    tracing::warn!(%error, "cannot ring an agent whom a note mentions");
                }
            }
        }
        self.store.note_was_rung(note.room_id, note.no).await?;
        Ok(())
    }
}

impl Follower for Mentions {
    const NAME: &'static str = "mentions";

    async fn changed(&mut self, _: &ChangedRooms) -> Result<(), FollowerError> {
        Ok(())
    }

    async fn due(&mut self) -> Result<Option<Timestamp>, FollowerError> {
        loop {
            let notes = self.store.notes_to_ring(AT_ONCE).await?;
            if notes.is_empty() {
                return Ok(None);
            }
            try_join_all(notes.into_iter().map(|note| self.notify(note))).await?;
        }
    }
}

/// Whether a text has `@` and the agent's user name or display name, in any case.
fn is_mentioned(agent: &Agent, text: &str) -> bool {
    let text = text.to_lowercase();
    [&agent.username, &agent.display_name]
        .into_iter()
        .any(|name| has_mention(&text, &name.to_lowercase()))
}

fn has_mention(text: &str, name: &str) -> bool {
    !name.is_empty()
        && text.match_indices('@').any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let behind = text[at + 1..].strip_prefix(name);
            let is_inside = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
            !is_inside(before) && behind.is_some_and(|rest| !is_inside(rest.chars().next()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Role;

    #[test]
    fn an_agent_is_mentioned_by_either_name_and_by_no_part_of_a_word() {
        let agent = Agent {
            id: uuid::Uuid::nil(),
            username: "zoe".into(),
            display_name: "Zoë van Dam".into(),
            role: Role::Agent,
            disabled: false,
            on_duty: true,
            created_at: Timestamp(0),
        };
        for text in [
            "@zoe",
            "ask @ZOE, please",
            "(@zoe)",
            "@zoë VAN dam!",
            "@@zoe",
            "x @zoe-2",
        ] {
            assert!(is_mentioned(&agent, text), "{text}");
        }
        for text in [
            "zoe",
            "@ zoe",
            "@zoey",
            "@zoë",
            "me@zoe",
            "ann@zoe.example",
            "@",
        ] {
            assert!(!is_mentioned(&agent, text), "{text}");
        }
    }
}
