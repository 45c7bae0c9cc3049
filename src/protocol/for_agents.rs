//! Frames that agents alone get, and those in which they get more than visitors do. A visitor's
//! socket sends none of them: what no visitor may see has no place in [`ServerFrame`].

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::chat::{Message, Note, NoteId, RoomId, for_agents};

/// What the server sends to agents beside the frames of [`ServerFrame`](super::ServerFrame).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FrameForAgents<'a> {
    /// A new message. The sender gets it too.
    Message {
        room_id: RoomId,
        #[serde(serialize_with = "for_agents::message")]
        message: Cow<'a, Message>,
    },
    /// The rest of a long resume, until `more` is false.
    Messages {
        room_id: RoomId,
        #[serde(serialize_with = "for_agents::messages")]
        messages: Cow<'a, [Message]>,
        more: bool,
    },
    /// An older page that was asked for, with the notes that stand among its messages. With
    /// `notes_more` the page has more of them, to be got by `GET …/notes/?after=NO`.
    History {
        room_id: RoomId,
        #[serde(serialize_with = "for_agents::messages")]
        messages: Cow<'a, [Message]>,
        more: bool,
        #[serde(default)]
        notes: Cow<'a, [Note]>,
        #[serde(default)]
        notes_more: bool,
    },
    /// A note. Its author gets it too.
    Note {
        room_id: RoomId,
        note: Cow<'a, Note>,
    },
    /// The note is on disk.
    Noted {
        room_id: RoomId,
        id: NoteId,
        no: u64,
        duplicate: bool,
    },
}

#[cfg(feature = "server")]
mod encoded {
    use std::borrow::Cow;

    use tokio_tungstenite::tungstenite::Utf8Bytes;

    use super::FrameForAgents;
    use crate::chat::{Message, Note, RoomId, Side};
    use crate::protocol::{ServerFrame, encode};

    /// The `message` frame for a side.
    pub fn encode_message(side: Side, room_id: RoomId, message: &Message) -> Utf8Bytes {
        let message = Cow::Borrowed(message);
        match side {
            Side::Visitor => encode(&ServerFrame::Message { room_id, message }),
            Side::Agent => encode(&FrameForAgents::Message { room_id, message }),
        }
    }

    /// The `messages` frame for a side.
    pub fn encode_messages(
        side: Side,
        room_id: RoomId,
        messages: &[Message],
        more: bool,
    ) -> Utf8Bytes {
        let messages = Cow::Borrowed(messages);
        match side {
            Side::Visitor => encode(&ServerFrame::Messages {
                room_id,
                messages,
                more,
            }),
            Side::Agent => encode(&FrameForAgents::Messages {
                room_id,
                messages,
                more,
            }),
        }
    }

    /// The `note` frame.
    pub fn encode_note(note: &Note) -> Utf8Bytes {
        encode(&FrameForAgents::Note {
            room_id: note.room_id,
            note: Cow::Borrowed(note),
        })
    }
}

#[cfg(feature = "server")]
pub use encoded::{encode_message, encode_messages, encode_note};
