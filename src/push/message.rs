use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use url::Url;

use crate::chat::{Language, Note, RoomId};
use crate::translations::texts;

/// Characters of a message's text that a notification shows, at most.
const BODY_CHARS: usize = 140;
/// Bytes of a topic: 32 characters of base64url, the most that RFC 8030 allows.
const TOPIC_BYTES: usize = 24;

/// What agents are notified of. Each device gets it in its language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushMessage {
    room_id: Option<RoomId>,
    /// The number of the note that it is about, if it is.
    note: Option<u64>,
    about: About,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    /// What somebody wrote: their name, if they have one, and their first words.
    Words { name: Option<String>, words: String },
    /// Nothing: an agent tries the device.
    Trial,
}

/// What a device shows. It is encrypted for the browser; a push service cannot read it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Payload<'m> {
    /// The conversation that a click opens; null in a trial.
    room_id: Option<RoomId>,
    /// The name of the customer, or of the agent who wrote a note.
    title: &'m str,
    /// The first words of the message.
    pub(super) body: &'m str,
}

impl PushMessage {
    /// A customer waits.
    #[must_use]
    pub fn waiting(room_id: RoomId, customer_name: Option<&str>, content: &str) -> Self {
        Self {
            room_id: Some(room_id),
            note: None,
            about: About::Words {
                name: customer_name.map(str::to_owned),
                words: first_words(content),
            },
        }
    }

    /// A note mentions an agent.
    #[must_use]
    pub fn mention(note: &Note) -> Self {
        Self {
            room_id: Some(note.room_id),
            note: Some(note.no),
            about: About::Words {
                name: Some(note.agent_name.clone()),
                words: first_words(&note.content),
            },
        }
    }

    /// An agent tries whether the device rings.
    #[must_use]
    pub fn trial() -> Self {
        Self {
            room_id: None,
            note: None,
            about: About::Trial,
        }
    }

    /// What a device shows whose console speaks this language.
    pub(super) fn payload(&self, language: Language) -> Payload<'_> {
        let texts = texts(language);
        let (title, body) = match &self.about {
            About::Words { name, words } => (name.as_deref().unwrap_or(texts.visitor), &words[..]),
            About::Trial => ("Shoptalk", texts.device_rings),
        };
        Payload {
            room_id: self.room_id,
            title,
            body,
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
