//! The domain: rooms, messages, agents and the rules between them.
//!
//! Everything here is a plain value or a pure function: no clock, no database, no runtime. Callers
//! pass the time in, and the store persists the result.
//!
//! Read next: `room.rs` and `message.rs` for the values, `record.rs` and `rules.rs` for the rules.

mod agent;
mod api_token;
mod attributes;
mod availability;
mod changes;
mod desk;
mod details;
mod language;
mod message;
mod note;
mod page;
mod rating;
mod record;
mod reply;
mod room;
mod suggestion;
mod time;
mod who;

pub mod for_agents;
pub mod limits;
pub mod rules;

pub use agent::{Agent, AgentId, Role};
pub use api_token::{API_TOKENS_MAX, ApiToken, ApiTokenId, Right};
pub use attributes::{ATTRIBUTES_BYTES, ATTRIBUTES_MAX, Attributes};
pub use availability::Availability;
pub use changes::{ChangeId, ChangeVector, SLOTS_MAX};
pub use desk::{
    Assignee, AssigneeMoved, Desk, DeskPatch, Names, ROOM_TAGS_MAX, TAG_NAME_CHARS, TAGS_MAX, Tag,
    TagId, check_color,
};
pub use details::{Authority, Details, DetailsPatch, SignedFields};
pub use language::Language;
pub use message::{LastMessage, Message, MessageId, SenderType, SystemEvent, Via};
pub use note::{Note, NoteDraft, NoteId};
pub use page::{PAGES_KEPT, PageVisit, check_page};
pub use rating::{
    NewRating, RATING_CHANGEABLE_MS, RATING_COMMENT_CHARS, Rating, SCORE_MAX, check_rating_comment,
    check_score,
};
pub use record::{Draft, PastHead, PastMessage, RoomRecord, Sender};
pub use reply::{
    CannedReply, REPLIES_MAX, ReplyId, SHORTCUT_CHARS, check_reply_content, check_shortcut,
    shortcut_key,
};
pub use room::{Counts, NAMELESS, Room, RoomId, Side, Status, Summary, VisitorId};
pub use suggestion::Suggestion;
pub use time::Timestamp;
pub use who::{BadWho, Who};

/// Parses the one form of a UUID that the protocol allows: 36 characters with hyphens, in any case.
///
/// Returns `None` for everything else, the braced, URN and bare forms included.
pub fn parse_uuid(text: &str) -> Option<uuid::Uuid> {
    text.parse::<uuid::fmt::Hyphenated>()
        .ok()
        .map(uuid::fmt::Hyphenated::into_uuid)
}

#[cfg(test)]
mod tests {
    use super::parse_uuid;

    #[test]
    fn only_hyphenated_uuids_are_ids() {
        let id = "0190d5a8-7c3e-7c56-8f6b-0a1b2c3d4e5f";
        assert!(parse_uuid(id).is_some());
        assert_eq!(parse_uuid(&id.to_uppercase()), parse_uuid(id));
        for wrong in [
            "",
            "42",
            "0190d5a87c3e7c568f6b0a1b2c3d4e5f",
            &format!("{{{id}}}"),
            &format!("urn:uuid:{id}"),
            &format!("{id} "),
        ] {
            assert_eq!(parse_uuid(wrong), None, "{wrong}");
        }
    }
}
