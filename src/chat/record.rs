use uuid::Uuid;

use super::details::apply_field;
use super::{
    ChangeId, DetailsPatch, LastMessage, Message, MessageId, Room, SenderType, Side, SignedFields,
    Status, Summary, SystemEvent, Timestamp, VisitorId,
};

/// Everything the store keeps of a room apart from its messages.
///
/// Its methods are the rules of a conversation. The store reads a record inside
/// a transaction, lets one of them change it, and writes it back in the same
/// transaction; nobody else calls them on a record that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRecord {
    /// The room as both sides see it.
    pub room: Room,
    /// Whose room it is.
    pub visitor_id: VisitorId,
    /// The visitor is kept from posting.
    pub blocked: bool,
    /// Which details are signed.
    pub signed: SignedFields,
    /// How often the room has changed in any way.
    pub version: u64,
    /// The room's newest place in the order of all changes of listed rooms; 0
    /// until it is listed.
    pub change: u64,
    /// Customer messages past the agents' read mark.
    pub unread_count: u64,
    /// When the oldest unanswered customer message came.
    pub waiting_since: Option<Timestamp>,
    /// What a summary shows of the newest message.
    pub last_message: Option<LastMessage>,
}

/// Who acts in a room, with the name that the others will see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// The room's own visitor. The name shown is the room's customer name.
    Visitor,
    /// An agent with this display name.
    Agent {
        /// The name that the customer sees.
        display_name: String,
    },
}

impl Sender {
    /// The side that the sender speaks for.
    pub fn side(&self) -> Side {
        match self {
            Self::Visitor => Side::Visitor,
            Self::Agent { .. } => Side::Agent,
        }
    }

    /// The name that goes beside what the sender does in `room`.
    pub fn name<'a>(&'a self, room: &'a Room) -> &'a str {
        match self {
            Self::Visitor => room.display_name(),
            Self::Agent { display_name } => display_name,
        }
    }
}

/// A message before it has a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Chosen by the sender; the key of a safe retry.
    pub id: MessageId,
    /// Who posts.
    pub sender: Sender,
    /// Valid by [`limits::check_content`](super::limits::check_content).
    pub content: String,
}

/// A read mark past the newest message was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("seq {asked} is past the newest message, {head}")]
pub struct PastHead {
    /// What was asked for.
    pub asked: u64,
    /// The newest seq.
    pub head: u64,
}

impl RoomRecord {
    /// Whether consoles list the room: from its first message on.
    pub fn is_listed(&self) -> bool {
        self.room.last_seq > 0
    }

    /// The room's newest change, as the lobby orders changes.
    pub fn change_id(&self) -> ChangeId {
        ChangeId::of_single_writer(self.change)
    }

    /// Whether this state of a room comes after another one.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.version > other.version
    }

    /// The room as the console lists it.
    pub fn summary(&self, customer_online: bool) -> Summary {
        Summary {
            room: self.room.clone(),
            last_message: self.last_message.clone(),
            unread_count: self.unread_count,
            waiting_since: self.waiting_since,
            customer_online,
            blocked: self.blocked,
            version: self.version,
        }
    }

    /// Appends a message at the next seq. A customer's message makes the room
    /// `waiting`, an agent's answer makes it `active`; no read mark moves.
    pub fn post(&mut self, draft: Draft, now: Timestamp) -> Message {
        let side = draft.sender.side();
        let sender_name = draft.sender.name(&self.room).to_owned();
        match side {
            Side::Visitor => {
                self.unread_count += 1;
                self.enter(Status::Waiting, now);
            }
            Side::Agent => self.enter(Status::Active, now),
        }
        self.append(draft.id, side.into(), sender_name, draft.content, None, now)
    }

    /// Sets the status and notes it with a `system` message, or returns `None`
    /// when the room has that status already.
    ///
    /// # Panics
    ///
    /// In debug builds when `status` is `waiting`, which follows from a
    /// customer's message alone.
    pub fn set_status(
        &mut self,
        status: Status,
        by: &Sender,
        id: MessageId,
        now: Timestamp,
    ) -> Option<Message> {
        debug_assert_ne!(
            status,
            Status::Waiting,
            "nobody sets a room waiting by hand"
        );
        if self.room.status == status {
            return None;
        }
        self.enter(status, now);
        let event = if status == Status::Closed {
            SystemEvent::Closed
        } else {
            SystemEvent::Reopened
        };
        let name = by.name(&self.room).to_owned();
        Some(self.append(
            id,
            SenderType::System,
            name,
            event.content().to_owned(),
            Some(event),
            now,
        ))
    }

    /// Moves one side's read mark forward. Returns whether it moved; the caller
    /// counts the unread messages anew when the agents' mark did.
    pub fn mark_read(&mut self, side: Side, seq: u64, now: Timestamp) -> Result<bool, PastHead> {
        if seq > self.room.last_seq {
            return Err(PastHead {
                asked: seq,
                head: self.room.last_seq,
            });
        }
        let mark = match side {
            Side::Visitor => &mut self.room.customer_read_seq,
            Side::Agent => &mut self.room.admin_read_seq,
        };
        if seq <= *mark {
            return Ok(false);
        }
        *mark = seq;
        self.touch(now);
        Ok(true)
    }

    /// Changes the customer's details as far as the patch's authority reaches.
    /// Returns whether anything changed.
    pub fn set_details(&mut self, patch: DetailsPatch, now: Timestamp) -> bool {
        let DetailsPatch {
            name,
            email,
            phone,
            page_url,
            authority,
        } = patch;
        let mut page_is_signed = false;
        let changed = [
            apply_field(
                &mut self.room.customer_name,
                &mut self.signed.name,
                name,
                authority,
            ),
            apply_field(
                &mut self.room.customer_email,
                &mut self.signed.email,
                email,
                authority,
            ),
            apply_field(
                &mut self.room.customer_phone,
                &mut self.signed.phone,
                phone,
                authority,
            ),
            page_url.is_some_and(|wish| {
                apply_field(
                    &mut self.room.page_url,
                    &mut page_is_signed,
                    Some(wish),
                    super::Authority::Visitor,
                )
            }),
        ]
        .contains(&true);
        if changed {
            self.touch(now);
        }
        changed
    }

    /// Follows a change of the visitor, who was blocked or let in again.
    pub fn visitor_changed(&mut self, now: Timestamp) {
        self.touch(now);
    }

    /// Gives the room to another visitor, after an anonymous one signed in.
    pub fn move_to(
        &mut self,
        visitor_id: VisitorId,
        user: Option<String>,
        blocked: bool,
        now: Timestamp,
    ) {
        self.visitor_id = visitor_id;
        self.room.user = user;
        self.blocked = blocked;
        self.touch(now);
    }

    fn enter(&mut self, status: Status, now: Timestamp) {
        self.waiting_since = match (status, self.waiting_since) {
            (Status::Waiting, Some(since)) => Some(since),
            (Status::Waiting, None) => Some(now),
            _ => None,
        };
        self.room.status = status;
    }

    fn append(
        &mut self,
        id: Uuid,
        sender_type: SenderType,
        sender_name: String,
        content: String,
        event: Option<SystemEvent>,
        now: Timestamp,
    ) -> Message {
        self.room.last_seq += 1;
        self.room.last_message_at = Some(now);
        self.touch(now);
        let message = Message {
            id,
            room_id: self.room.id,
            seq: self.room.last_seq,
            sender_type,
            sender_name,
            content,
            event,
            is_read: false,
            created_at: now,
        };
        self.last_message = Some(LastMessage::from(&message));
        message
    }

    fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        self.room.updated_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Authority, Details};

    const NOW: Timestamp = Timestamp(1_000);

    fn record() -> RoomRecord {
        RoomRecord {
            room: Room {
                id: Uuid::nil(),
                status: Status::Active,
                customer_name: Some("Ann".into()),
                customer_email: None,
                customer_phone: None,
                user: None,
                page_url: None,
                created_at: Timestamp(0),
                updated_at: Timestamp(0),
                last_message_at: None,
                last_seq: 0,
                customer_read_seq: 0,
                admin_read_seq: 0,
            },
            visitor_id: Uuid::nil(),
            blocked: false,
            signed: SignedFields::default(),
            version: 0,
            change: 0,
            unread_count: 0,
            waiting_since: None,
            last_message: None,
        }
    }

    fn agent() -> Sender {
        Sender::Agent {
            display_name: "Mia".into(),
        }
    }

    fn draft(sender: Sender) -> Draft {
        Draft {
            id: Uuid::now_v7(),
            sender,
            content: "hello".into(),
        }
    }

    #[test]
    fn a_question_makes_the_room_wait_and_an_answer_ends_it() {
        let mut record = record();
        let asked = record.post(draft(Sender::Visitor), NOW);
        assert_eq!((asked.seq, asked.sender_name.as_str()), (1, "Ann"));
        record.post(draft(Sender::Visitor), Timestamp(2_000));
        assert_eq!(record.room.status, Status::Waiting);
        assert_eq!(
            record.waiting_since,
            Some(NOW),
            "the first unanswered message counts"
        );
        assert_eq!(record.unread_count, 2);
        let answered = record.post(draft(agent()), NOW);
        assert_eq!((answered.seq, answered.sender_name.as_str()), (3, "Mia"));
        assert_eq!(
            (record.room.status, record.waiting_since),
            (Status::Active, None)
        );
        assert_eq!(record.unread_count, 2, "an answer is not a reading");
        assert_eq!(record.version, 3);
    }

    #[test]
    fn a_question_opens_a_closed_room_again() {
        let mut record = record();
        record.post(draft(Sender::Visitor), NOW);
        let note = record
            .set_status(Status::Closed, &agent(), Uuid::nil(), NOW)
            .expect("the status changes");
        assert_eq!((note.event, note.seq), (Some(SystemEvent::Closed), 2));
        assert_eq!(record.waiting_since, None);
        assert_eq!(record.unread_count, 1, "a note never counts as unread");
        record.post(draft(Sender::Visitor), NOW);
        assert_eq!(record.room.status, Status::Waiting);
    }

    #[test]
    fn the_present_status_leaves_no_note() {
        let mut record = record();
        assert_eq!(
            record.set_status(Status::Active, &agent(), Uuid::nil(), NOW),
            None
        );
        assert_eq!((record.version, record.room.last_seq), (0, 0));
    }

    #[test]
    fn read_marks_only_move_forward_and_never_past_the_head() {
        let mut record = record();
        record.post(draft(Sender::Visitor), NOW);
        record.post(draft(Sender::Visitor), NOW);
        assert_eq!(record.mark_read(Side::Agent, 2, NOW), Ok(true));
        assert_eq!(record.mark_read(Side::Agent, 1, NOW), Ok(false));
        assert_eq!(record.room.admin_read_seq, 2);
        assert_eq!(
            record.mark_read(Side::Agent, 3, NOW),
            Err(PastHead { asked: 3, head: 2 })
        );
        assert_eq!(record.room.customer_read_seq, 0);
    }

    #[test]
    fn unsigned_words_never_overwrite_signed_ones() {
        let mut record = record();
        let signed = Details {
            name: Some("Ann Signed".into()),
            ..Details::default()
        };
        assert!(record.set_details(DetailsPatch::from_identity(signed.clone()), NOW));
        assert!(
            !record.set_details(DetailsPatch::from_identity(signed), NOW),
            "the same again is no change"
        );
        let typed = Details {
            name: Some("Mallory".into()),
            email: Some("ann@example.com".into()),
            ..Details::default()
        };
        assert!(record.set_details(DetailsPatch::from_visitor(typed), NOW));
        assert_eq!(record.room.customer_name.as_deref(), Some("Ann Signed"));
        assert_eq!(
            record.room.customer_email.as_deref(),
            Some("ann@example.com")
        );
        let corrected = DetailsPatch {
            name: Some(Some("Anne".into())),
            authority: Authority::Agent,
            ..DetailsPatch::default()
        };
        assert!(record.set_details(corrected, NOW));
        assert_eq!(record.room.customer_name.as_deref(), Some("Anne"));
    }
}
