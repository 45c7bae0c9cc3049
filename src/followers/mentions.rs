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
        let message = PushMessage::mention(&note);
        for agent in mentioned(&agents, &note.content) {
            if agent.id == note.agent_id {
                continue;
            }
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

/// The agents whom a text mentions: it has `@` and their user name or display name, not inside of a
/// word, in any case. Where several names fit, the longest one counts.
fn mentioned<'a>(agents: &'a [Agent], text: &str) -> Vec<&'a Agent> {
    let text = text.to_lowercase();
    let names: Vec<(&Agent, String)> = agents
        .iter()
        .flat_map(|agent| [&agent.username, &agent.display_name].map(|name| (agent, name)))
        .map(|(agent, name)| (agent, name.to_lowercase()))
        .collect();
    let mut found: Vec<&Agent> = Vec::new();
    for behind in behind_signs(&text) {
        let fits = |name: &str| {
            let rest = behind.strip_prefix(name).filter(|_| !name.is_empty());
            rest.is_some_and(|rest| !is_inside(rest.chars().next()))
        };
        let fitting: Vec<_> = names.iter().filter(|(_, name)| fits(name)).collect();
        let longest = fitting.iter().map(|(_, name)| name.len()).max();
        let meant = fitting
            .iter()
            .filter(|(_, name)| Some(name.len()) == longest);
        found.extend(meant.map(|(agent, _)| *agent));
    }
    found.sort_by_key(|agent| agent.id);
    found.dedup_by_key(|agent| agent.id);
    found
}

/// What follows each `@` that is not inside of a word.
fn behind_signs(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('@')
        .filter(|(at, _)| !is_inside(text[..*at].chars().next_back()))
        .map(|(at, _)| &text[at + 1..])
}

/// Whether a word goes on with this character.
fn is_inside(char: Option<char>) -> bool {
    char.is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Role;

    fn agent(n: u128, username: &str, display_name: &str) -> Agent {
        Agent {
            id: uuid::Uuid::from_u128(n),
            username: username.into(),
            display_name: display_name.into(),
            role: Role::Agent,
            disabled: false,
            on_duty: true,
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn an_agent_is_mentioned_by_either_name_and_by_no_part_of_a_word() {
        let agents = [agent(1, "zoe", "Zoë van Dam")];
        let is_mentioned = |text| !mentioned(&agents, text).is_empty();
        for text in [
            "@zoe",
            "ask @ZOE, please",
            "(@zoe)",
            "@zoë VAN dam!",
            "@@zoe",
            "x @zoe-2",
        ] {
            assert!(is_mentioned(text), "{text}");
        }
        for text in [
            "zoe",
            "@ zoe",
            "@zoey",
            "@zoë",
            "me@zoe",
            "ann@zoe.example",
            "@",
            "@nobody",
        ] {
            assert!(!is_mentioned(text), "{text}");
        }
    }

    #[test]
    fn the_longest_name_counts_and_each_agent_once() {
        let agents = [agent(1, "tom", "Tom"), agent(2, "tl", "Tom Lee")];
        let mentions = |text| -> Vec<&str> {
            let found = mentioned(&agents, text).into_iter();
            found.map(|agent| &agent.username[..]).collect()
        };
        assert_eq!(mentions("@Tom Lee"), ["tl"]);
        assert_eq!(mentions("@Tom, Lee"), ["tom"]);
        assert_eq!(mentions("@tl and @tom lee and @Tom"), ["tom", "tl"]);
    }
}
