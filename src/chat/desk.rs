//! What agents alone know of a room: who answers it, its tags, whether it is spam, until when it is
//! put off. A visitor is never shown any of it, and it moves nothing that a visitor can see.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::limits::Violation;
use super::{Agent, AgentId, Timestamp};

/// Identifies a tag.
pub type TagId = Uuid;

/// Tags that a shop can have, and a room, at most.
pub const TAGS_MAX: usize = 200;
/// Tags of one room at most.
pub const ROOM_TAGS_MAX: usize = 20;
/// The longest name of a tag, in characters.
pub const TAG_NAME_CHARS: usize = 40;

/// The part of a room's record that is the agents' alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Desk {
    /// The agent who answers.
    pub assignee: Option<AgentId>,
    /// Its tags, in ascending order.
    pub tags: Vec<TagId>,
    /// Whether it is outside of lists and counts, and rings nobody.
    pub spam: bool,
    /// Until when it is put off, unless the customer writes before.
    pub snoozed_until: Option<Timestamp>,
}

/// A change of the desk; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeskPatch {
    /// Who answers from now on.
    pub assignee: Option<Option<AgentId>>,
    /// Who has to be the one until now.
    pub expect_assignee: Option<Option<AgentId>>,
    /// All tags from now on.
    pub tags: Option<Vec<TagId>>,
    /// Whether it is spam.
    pub spam: Option<bool>,
    /// Until when it is put off.
    pub snoozed_until: Option<Option<Timestamp>>,
}

impl DeskPatch {
    /// Whether it changes nothing, whatever the room is like.
    pub fn is_empty(&self) -> bool {
        self.assignee.is_none()
            && self.tags.is_none()
            && self.spam.is_none()
            && self.snoozed_until.is_none()
    }
}

/// Somebody else was quicker: the room has another assignee than the one that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("somebody else has taken or given away this conversation; look at it again")]
pub struct AssigneeMoved;

impl Desk {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Applies a patch. Returns whether anything has changed.
    ///
    /// # Errors
    ///
    /// When the assignee is neither the expected nor the wanted one.
    pub fn apply(&mut self, patch: &DeskPatch) -> Result<bool, AssigneeMoved> {
        let before = self.clone();
        if let Some(expected) = patch.expect_assignee
            && self.assignee != expected
            && patch.assignee != Some(self.assignee)
        {
            return Err(AssigneeMoved);
        }
        if let Some(assignee) = patch.assignee {
            self.assignee = assignee;
        }
        if let Some(tags) = &patch.tags {
            self.tags = tags.clone();
            self.tags.sort_unstable();
            self.tags.dedup();
        }
        if let Some(spam) = patch.spam {
            self.spam = spam;
        }
        if let Some(until) = patch.snoozed_until {
            self.snoozed_until = until;
        }
        Ok(*self != before)
    }
}

/// A word that agents put on rooms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Tag {
    /// Stays when the name changes.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub id: TagId,
    /// At most 40 characters; unique without case.
    pub name: String,
    /// `#` and six hexadecimal digits.
    pub color: String,
}

impl Tag {
    /// The name as it is compared.
    pub fn name_key(&self) -> String {
        self.name.to_lowercase()
    }
}

/// Checks a tag's colour.
///
/// # Errors
///
/// When it is not `#` and six hexadecimal digits.
pub fn check_color(color: &str) -> Result<String, Violation> {
    let digits = color.strip_prefix('#').unwrap_or("");
    if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(color.to_ascii_lowercase());
    }
    Err(Violation {
        field: "color",
        message: "must be # and six hexadecimal digits, such as #2f6fde".into(),
    })
}

/// The agent who answers a room, as other agents see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Assignee {
    /// Which agent.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub id: AgentId,
    /// The name as it is now.
    pub display_name: String,
}

/// Agents and tags by id, as records name them. A changed name is right everywhere at once, also in
/// rooms that have not changed since.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    agents: HashMap<AgentId, NamedAgent>,
    tags: HashMap<TagId, Tag>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NamedAgent {
    display_name: String,
    disabled: bool,
}

impl Names {
    /// Of all agents and tags.
    pub fn new(agents: Vec<Agent>, tags: Vec<Tag>) -> Self {
        let named = |agent: Agent| NamedAgent {
            display_name: agent.display_name,
            disabled: agent.disabled,
        };
        Self {
            agents: agents
                .into_iter()
                .map(|agent| (agent.id, named(agent)))
                .collect(),
            tags: tags.into_iter().map(|tag| (tag.id, tag)).collect(),
        }
    }

    /// Whether there is such an agent who can answer.
    pub fn may_be_assigned(&self, id: AgentId) -> bool {
        self.agents.get(&id).is_some_and(|agent| !agent.disabled)
    }

    /// Whether there is such a tag.
    pub fn has_tag(&self, id: TagId) -> bool {
        self.tags.contains_key(&id)
    }

    /// An assignee with their name.
    pub fn assignee(&self, id: AgentId) -> Assignee {
        // An agent who was added a moment ago, on another node.
        let unknown = || "Agent".to_owned();
        let known = self.agents.get(&id);
        Assignee {
            id,
            display_name: known.map_or_else(unknown, |agent| agent.display_name.clone()),
        }
    }

    /// Those of the tags that were not deleted, by name.
    pub fn tags(&self, ids: &[TagId]) -> Vec<Tag> {
        let known = ids.iter().filter_map(|id| self.tags.get(id));
        let mut tags: Vec<Tag> = known.cloned().collect();
        tags.sort_by_cached_key(Tag::name_key);
        tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: AgentId = Uuid::from_u128(1);
    const BEN: AgentId = Uuid::from_u128(2);

    fn claim(by: AgentId, expected: Option<AgentId>) -> DeskPatch {
        DeskPatch {
            assignee: Some(Some(by)),
            expect_assignee: Some(expected),
            ..DeskPatch::default()
        }
    }

    #[test]
    fn of_two_who_claim_the_second_is_refused_and_a_retry_is_not() {
        let mut desk = Desk::default();
        assert_eq!(desk.apply(&claim(ADA, None)), Ok(true));
        assert_eq!(desk.apply(&claim(BEN, None)), Err(AssigneeMoved));
        assert_eq!(desk.apply(&claim(ADA, None)), Ok(false));
        assert_eq!(desk.assignee, Some(ADA));
        assert_eq!(desk.apply(&claim(BEN, Some(ADA))), Ok(true));
    }

    #[test]
    fn tags_are_a_set() {
        let mut desk = Desk::default();
        let tags = |tags: &[u128]| DeskPatch {
            tags: Some(tags.iter().copied().map(Uuid::from_u128).collect()),
            ..DeskPatch::default()
        };
        assert_eq!(desk.apply(&tags(&[3, 1, 3])), Ok(true));
        assert_eq!(desk.tags, [Uuid::from_u128(1), Uuid::from_u128(3)]);
        assert_eq!(desk.apply(&tags(&[1, 3])), Ok(false));
        assert_eq!(desk.apply(&tags(&[])), Ok(true));
    }

    #[test]
    fn a_color_is_six_digits() {
        assert_eq!(check_color("#A0b1C2").as_deref(), Ok("#a0b1c2"));
        for wrong in ["", "red", "#fff", "#12345g", "a0b1c2", "#a0b1c2d"] {
            assert!(check_color(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn deleted_tags_are_left_out_and_the_others_sorted() {
        let tag = |id, name: &str| Tag {
            id: Uuid::from_u128(id),
            name: name.into(),
            color: "#000000".into(),
        };
        let names = Names::new(Vec::new(), vec![tag(1, "returns"), tag(2, "Order")]);
        let shown = names.tags(&[1, 2, 3].map(Uuid::from_u128));
        assert_eq!(shown, [tag(2, "Order"), tag(1, "returns")]);
    }
}
