//! The subscribers of a room, and what is pushed into their outboxes.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::decisions::Audience;
use crate::actors::faults::Faults;
use crate::actors::ids::SubscriptionId;
use crate::actors::subscriber::{Broadcast, FrameBySide, ReplyPort, Subscriber};
use crate::actors::{ElsewhereCommit, Typing, Viewer};
use crate::chat::{
    Message, PageVisit, Room as RoomView, RoomId, RoomRecord, SenderType, Side, Suggestion,
    VisitorId,
};
use crate::persistence::{Effect, RoomCommit, WriteError};
use crate::protocol::{
    CloseCode, ServerFrame, TYPING_EXPIRES_IN_MS, encode, encode_message, encode_note,
};

/// One subscriber's typing is broadcast at most this often.
const TYPING_THROTTLE: Duration = Duration::from_secs(2);

/// A plain list, since most rooms have few. A subscriber whose outbox is found closed is
/// removed.
#[derive(Default)]
pub(super) struct Subscribers {
    all: Vec<Subscriber>,
    /// The agents who were last shown as having the room open, by id; none without an agent here.
    viewers: Vec<Viewer>,
}

impl Subscribers {
    pub(super) fn audience(&self) -> Audience {
        Audience {
            is_empty: self.all.is_empty(),
            has_visitor: self.has(Side::Visitor),
        }
    }

    fn has(&self, side: Side) -> bool {
        self.all.iter().any(|subscriber| subscriber.side == side)
    }

    pub(super) fn add(&mut self, subscriber: Subscriber) {
        // Space for one: most rooms have no more.
        self.all.reserve_exact(usize::from(self.all.is_empty()));
        self.all.push(subscriber);
    }

    pub(super) fn remove(&mut self, id: SubscriptionId) {
        self.all.retain(|subscriber| subscriber.id != id);
    }

    /// Closes every socket.
    pub(super) fn close_all(&mut self, code: CloseCode) {
        for subscriber in &self.all {
            subscriber.outbox.close(code);
        }
        self.all.clear();
    }

    /// Closes the sockets of visitors whose room this is no longer: their token has ended.
    pub(super) fn close_former_owners(&mut self, owner: VisitorId) {
        self.all.retain(|subscriber| {
            let is_former = subscriber.side == Side::Visitor && subscriber.participant_id != owner;
            if is_former {
                subscriber.outbox.close(CloseCode::TokenRefused);
            }
            !is_former
        });
    }

    /// Encodes what a commit has for the subscribers; nothing without any. `before` is the record
    /// that the commit's has replaced.
    pub(super) fn encode(&self, commit: &RoomCommit, before: Option<&RoomRecord>) -> Broadcast {
        let mut broadcast = Broadcast::default();
        if self.all.is_empty() {
            return broadcast;
        }
        let room_id = commit.record.room.id;
        match &commit.effect {
            Effect::Posted(message) | Effect::StatusChanged(message) => {
                broadcast.message = Some((message.seq, self.message_frame(room_id, message)));
            }
            Effect::Noted(note) => {
                let encoded = || (note.no, encode_note(note));
                broadcast.note = self.has(Side::Agent).then(encoded);
            }
            Effect::ReadMoved { side, seq } => {
                broadcast.reads.push(read_frame(room_id, *side, *seq));
            }
            Effect::Redacted { seq } => {
                broadcast.redacted = Some(encode(&ServerFrame::Redacted { room_id, seq: *seq }));
            }
            Effect::Suggested(suggestion) => {
                broadcast
                    .to_agents
                    .push(draft_frame(room_id, suggestion.as_ref()));
            }
            Effect::Visited(visit) => {
                broadcast.to_agents.push(page_frame(room_id, visit));
            }
            // Agents read ratings when the version of a room has moved; visitors get none.
            Effect::Rated { .. }
            | Effect::DetailsChanged
            | Effect::DeskChanged
            | Effect::Duplicate(_)
            | Effect::DuplicateNote(_)
            | Effect::Unchanged => {}
        }
        broadcast.room = before.and_then(|before| room_frame(&before.room, &commit.record.room));
        broadcast
    }

    /// The `message` frame for the sides that somebody is on.
    fn message_frame(&self, room_id: RoomId, message: &Message) -> FrameBySide {
        let for_side = |side| {
            self.has(side)
                .then(|| encode_message(side, room_id, message))
        };
        FrameBySide {
            visitor: for_side(Side::Visitor),
            agent: for_side(Side::Agent),
        }
    }

    /// Encodes what another node has committed. If it did not say what it was, subscribers are told
    /// how far the log goes, and get both read marks.
    pub(super) fn encode_elsewhere(
        &self,
        commit: &ElsewhereCommit,
        before: Option<&RoomRecord>,
    ) -> Broadcast {
        let ElsewhereCommit { record, effect } = commit;
        if self.all.is_empty() {
            return Broadcast::default();
        }
        if let Some(effect) = effect {
            let commit = RoomCommit {
                record: record.clone(),
                effect: effect.clone(),
                also_changed: Vec::new(),
            };
            return self.encode(&commit, before);
        }
        let room = &record.room;
        let marks = [Side::Visitor, Side::Agent].map(|side| (side, room.read_seq(side)));
        let marks = marks.into_iter().filter(|(_, seq)| *seq > 0);
        Broadcast {
            log_end: Some(room.last_seq),
            reads: marks
                .map(|(side, seq)| read_frame(room.id, side, seq))
                .collect(),
            room: before.and_then(|before| room_frame(&before.room, room)),
            ..Broadcast::default()
        }
    }

    /// Pushes a broadcast to each subscriber.
    pub(super) fn broadcast_to_all(&mut self, broadcast: &Broadcast, faults: &Faults) {
        self.all
            .retain(|subscriber| subscriber.push_broadcast(broadcast, faults));
    }

    /// Pushes to agents how far the notes go.
    pub(super) fn push_notes_end(&mut self, no: u64) {
        self.all.retain(|subscriber| subscriber.push_notes_end(no));
    }

    /// Broadcasts that the texts of these messages were removed.
    pub(super) fn broadcast_redactions(&mut self, room_id: RoomId, seqs: &[u64]) {
        for seq in seqs {
            let frame = encode(&ServerFrame::Redacted { room_id, seq: *seq });
            self.all.retain(|subscriber| subscriber.push(&frame));
        }
    }

    /// Broadcasts to agents which page the visitor is on.
    pub(super) fn broadcast_page(&mut self, room_id: RoomId, visit: &PageVisit) {
        let frame = page_frame(room_id, visit);
        self.all
            .retain(|subscriber| subscriber.side == Side::Visitor || subscriber.push(&frame));
    }

    /// Broadcasts the suggestion to agents.
    pub(super) fn broadcast_suggestion(
        &mut self,
        room_id: RoomId,
        suggestion: Option<&Suggestion>,
    ) {
        let frame = draft_frame(room_id, suggestion);
        self.all
            .retain(|subscriber| subscriber.side == Side::Visitor || subscriber.push(&frame));
    }

    /// Pushes a broadcast to each subscriber, and replies to the sender. The sender's own copy
    /// goes with the reply, so that both reach its socket in one push.
    pub(super) fn broadcast(
        &mut self,
        broadcast: &Broadcast,
        reply: ReplyPort,
        outcome: Result<RoomCommit, WriteError>,
        faults: &Faults,
    ) {
        let mut own = Vec::new();
        self.all.retain(|subscriber| {
            if own.is_empty() && faults.pushes_are_reliable() && reply.goes_to(&subscriber.outbox) {
                own.extend(subscriber.events(broadcast));
                return true;
            }
            subscriber.push_broadcast(broadcast, faults)
        });
        reply.send_after(own, outcome);
    }

    /// Broadcasts the room, if anything has changed that a `room` frame is sent for.
    pub(super) fn broadcast_room(&mut self, before: &RoomView, after: &RoomView) {
        if !self.all.is_empty()
            && let Some(frame) = room_frame(before, after)
        {
            self.all.retain(|subscriber| subscriber.push(&frame));
        }
    }

    /// A subscriber types. `None` when that was broadcast a moment ago.
    pub(super) fn typing(
        &mut self,
        id: SubscriptionId,
        room_id: RoomId,
        now: Instant,
    ) -> Option<Typing> {
        let typist = self.all.iter_mut().find(|subscriber| subscriber.id == id)?;
        let last = typist.last_typing;
        if last.is_some_and(|last| now.duration_since(last) < TYPING_THROTTLE) {
            return None;
        }
        typist.last_typing = Some(now);
        Some(Typing {
            room_id,
            side: typist.side,
            participant_id: typist.participant_id,
            name: typist.display_name.clone(),
        })
    }

    /// The agents of this node who have the room open, each once, by id.
    pub(super) fn viewers_here(&self) -> Vec<Viewer> {
        let agents = self.all.iter().filter(|it| it.side == Side::Agent);
        let mut viewers: Vec<Viewer> = agents
            .map(|agent| Viewer {
                id: agent.participant_id,
                name: agent.display_name.clone().unwrap_or_default(),
            })
            .collect();
        viewers.sort();
        viewers.dedup_by_key(|viewer| viewer.id);
        viewers
    }

    /// Whether agents here were shown anybody.
    pub(super) fn has_shown_viewers(&self) -> bool {
        !self.viewers.is_empty()
    }

    /// Shows agents who has the room open, if others have than before. Who has just `joined` was
    /// shown nobody yet.
    pub(super) fn show_viewers(
        &mut self,
        room_id: RoomId,
        viewers: Vec<Viewer>,
        joined: Option<SubscriptionId>,
    ) {
        let is_new = viewers != self.viewers;
        let mut names: Vec<&str> = viewers.iter().map(|viewer| &viewer.name[..]).collect();
        names.sort_unstable();
        let frame = encode(&ServerFrame::Viewers {
            room_id,
            agents: names.into_iter().map(Cow::Borrowed).collect(),
        });
        self.viewers = viewers;
        self.all.retain(|subscriber| {
            let is_shown = is_new || Some(subscriber.id) == joined;
            !(is_shown && subscriber.side == Side::Agent) || subscriber.push(&frame)
        });
        if !self.has(Side::Agent) {
            self.viewers = Vec::new();
        }
    }

    /// Broadcasts that somebody is typing, except to the typist's own sockets.
    pub(super) fn broadcast_typing(&mut self, typing: &Typing, room: &RoomView) {
        let name = typing.name.as_deref();
        let frame = encode(&ServerFrame::Typing {
            room_id: room.id,
            sender_type: SenderType::from(typing.side),
            sender_name: Cow::Borrowed(name.unwrap_or(room.display_name())),
            expires_in_ms: TYPING_EXPIRES_IN_MS,
        });
        self.all.retain(|subscriber| {
            (subscriber.side == typing.side && subscriber.participant_id == typing.participant_id)
                || subscriber.push_ephemeral(&frame)
        });
    }
}

fn page_frame(room_id: RoomId, visit: &PageVisit) -> Utf8Bytes {
    encode(&ServerFrame::Page {
        room_id,
        page: Cow::Borrowed(visit),
    })
}

fn draft_frame(room_id: RoomId, suggestion: Option<&Suggestion>) -> Utf8Bytes {
    encode(&ServerFrame::Draft {
        room_id,
        draft: suggestion.map(Cow::Borrowed),
    })
}

fn read_frame(room_id: RoomId, reader: Side, seq: u64) -> Utf8Bytes {
    encode(&ServerFrame::Read {
        room_id,
        reader,
        seq,
    })
}

/// The `room` frame, if anything has changed that it is sent for: what messages and read marks
/// move has frames of its own.
fn room_frame(before: &RoomView, after: &RoomView) -> Option<Utf8Bytes> {
    fn shown(room: &RoomView) -> impl PartialEq {
        (
            room.status,
            &room.customer_name,
            &room.customer_email,
            &room.customer_phone,
            &room.user,
            &room.page_url,
        )
    }
    (shown(before) != shown(after)).then(|| {
        encode(&ServerFrame::Room {
            room_id: after.id,
            room: Cow::Borrowed(after),
        })
    })
}
