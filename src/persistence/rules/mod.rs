//! The rules: functions from an operation and what was loaded to what is written and reported.
//!
//! Nothing here reads a database, a clock or random numbers. A store loads rows, asks a rule, and
//! writes what the rule returns, in the same transaction; so every store behaves alike. What a single
//! room does with a message, a status or a read mark is in
//! [`RoomRecord`](crate::chat::RoomRecord); these rules call it.
//!
//! | rule | where |
//! | --- | --- |
//! | who may post; what a repeated id means; what a patch changes at once | [`rooms`] |
//! | how read marks move; unread counts | [`read_marks`] |
//! | what a repeated note is; what a note leaves alone | [`notes`] |
//! | which visitor a chat is opened as; what a new room begins with | [`open_room`] |
//! | what a block or a sign-in does to all rooms of a visitor | [`visitors`] |
//! | what a change of an agent ends, and who has to stay | [`agents`] |
//! | who may write a canned reply, and which shortcuts are taken | [`replies`] |
//! | what a visitor may rate, and until when | [`ratings`] |
//! | how long an API token lives, and how many there may be | [`api_tokens`] |
//! | which names of tags are taken | [`tags`] |
//! | how long a session lives | [`sessions`] |
//! | status and read marks of an imported room | [`import`] |
//! | how much mail may be queued; what its states are | [`mail`] |
//! | which count and which place in the order of changes a room has | [`listing`] |

use std::time::Duration;

pub use sessions::SESSION_LIFETIME;

pub(crate) mod agents;
pub(crate) mod api_tokens;
pub(crate) mod import;
pub(crate) mod listing;
pub(crate) mod mail;
pub(crate) mod notes;
pub(crate) mod open_room;
pub(crate) mod ratings;
pub(crate) mod read_marks;
pub(crate) mod replies;
pub(crate) mod retention;
pub(crate) mod rooms;
pub(crate) mod sessions;
pub(crate) mod tags;
pub(crate) mod transfer;
pub(crate) mod visitors;

/// The settings of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleSettings {
    /// How long a session lives after its last use.
    pub session_lifetime: Duration,
    /// How long after a stored use of a session the next one is stored. Storing each one would
    /// make a write of every read.
    pub session_touch_interval: Duration,
    /// Tokens of one visitor that stay valid; the oldest ones end. Every answer to a signed
    /// identity brings a token, so without a bound a user who comes daily would leave one behind
    /// each time. The identity opens the rooms all the same.
    pub visitor_tokens: u32,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self {
            session_lifetime: SESSION_LIFETIME,
            session_touch_interval: Duration::from_secs(60 * 60),
            visitor_tokens: 200,
        }
    }
}
