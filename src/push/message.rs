use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use url::Url;

use crate::chat::{Note, RoomId};

/// Characters of a message's text that a notification shows, at most.
const BODY_CHARS: usize = 140;
/// Bytes of a topic: 32 characters of base64url, the most that RFC 8030 allows.
const TOPIC_BYTES: usize = 24;

/// What a device shows. It is encrypted for the browser; a push service cannot read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushMessage {
    /// The conversation that a click opens; absent in a test.
    pub room_id: Option<RoomId>,
    /// The name of the customer, or of the agent who wrote a note.
    pub title: String,
    /// The first words of the message.
    pub body: String,
    /// The number of the note that it is about, if it is.
    #[serde(skip)]
    pub(crate) note: Option<u64>,
}

impl PushMessage {
    /// A customer waits.
    #[must_use]
    pub fn waiting(room_id: RoomId, customer_name: &str, content: &str) -> Self {
        Self {
            room_id: Some(room_id),
            title: customer_name.to_owned(),
            body: first_words(content),
            note: None,
        }
    }

    /// A note mentions an agent.
    #[must_use]
    pub fn mention(note: &Note) -> Self {
        Self {
            room_id: Some(note.room_id),
            title: note.agent_name.clone(),
            body: first_words(&note.content),
            note: Some(note.no),
        }
    }

    /// What replaces what, while it waits at the push service: a room's messages each other, and a note
    /// itself. It is
    /// derived, so that push services do not learn ids of rooms.
    pub(super) fn topic(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"shoptalk push topic:");
        if let Some(room_id) = self.room_id {
            hash.update(room_id.as_bytes());
        }
        if let Some(no) = self.note {
            hash.update(no.to_be_bytes());
        }
        URL_SAFE_NO_PAD.encode(&hash.finalize()[..TOPIC_BYTES])
    }
}

/// The beginning of a text on one line.
fn first_words(content: &str) -> String {
    let line = content.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= BODY_CHARS {
        return line;
    }
    let cut: String = line.chars().take(BODY_CHARS - 1).collect();
    format!("{}…", cut.trim_end())
}

/// The push service of an endpoint, which is all that a log may show of one.
pub(super) fn origin(endpoint: &str) -> String {
    Url::parse(endpoint).map_or_else(
        |_| "unknown".to_owned(),
        |url| url.origin().ascii_serialization(),
    )
}
