//! When mail is due and what is in it: pure rules.

use std::time::Duration;

use crate::chat::{Message, RoomRecord, SenderType, Timestamp};
use crate::persistence::{AnswersMail, MailBudget};

/// Messages that one mail with answers holds, at most. The next mail has the rest.
pub(crate) const ANSWERS_MAX: usize = 10;
/// The time between two mails with answers of one room, at least.
pub(crate) const ANSWERS_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Mails a day to an address that a visitor has typed, at most.
pub(crate) const TYPED_PER_DAY: u64 = 10;
/// What visitors may ask for within a day.
pub(crate) const TRANSCRIPTS: MailBudget = MailBudget {
    by_room: 3,
    by_address: TYPED_PER_DAY,
};
/// How long a mail is tried while the relay is away.
pub(crate) const GIVE_UP_AFTER: Duration = Duration::from_secs(4 * 24 * 60 * 60);

const BACK_OFF_FIRST: Duration = Duration::from_secs(30);
const BACK_OFF_MAX: Duration = Duration::from_secs(30 * 60);

/// Where a room's customer gets mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CustomerAddress {
    /// In lower case.
    pub(crate) address: String,
    /// Whether the shop's back end has signed it; otherwise somebody has typed it.
    pub(crate) is_signed: bool,
}

impl CustomerAddress {
    pub(crate) fn of(record: &RoomRecord) -> Option<Self> {
        let address = record.room.customer_email.as_ref()?;
        Some(Self {
            address: address.to_lowercase(),
            is_signed: record.signed.email,
        })
    }
}

/// Behind which seq and when a mail with answers becomes due after a change of its room; `None` if
/// there is nothing to mail, or a mail waits already.
pub(crate) fn answers_due(
    record: &RoomRecord,
    known: &AnswersMail,
    after: Duration,
) -> Option<(u64, Timestamp)> {
    if known.waiting.is_some() || !may_have_answers(record) {
        return None;
    }
    let seen = record.room.customer_read_seq.max(known.mailed_seq);
    let last = record
        .last_message
        .as_ref()
        .filter(|last| last.seq > seen)?;
    let due = last.created_at + after;
    let paused = known.mailed_at.map(|at| at + ANSWERS_PAUSE);
    Some((seen, paused.map_or(due, |paused| paused.max(due))))
}

/// Whether a room may have answers that its customer has not read. It costs nothing to ask.
pub(crate) fn may_have_answers(record: &RoomRecord) -> bool {
    let is_of_customer = |last: &crate::chat::LastMessage| last.sender_type == SenderType::Customer;
    record.room.last_seq > record.room.customer_read_seq
        && record.room.customer_email.is_some()
        && !record.blocked
        && !record.last_message.as_ref().is_none_or(is_of_customer)
}

/// The messages of a mail with answers, among those behind the customer's read mark. To an address
/// that somebody has typed go agents' messages alone. Empty if there is no answer.
pub(crate) fn answers(messages: Vec<Message>, is_signed: bool) -> Vec<Message> {
    let is_answer = |message: &Message| message.sender_type == SenderType::Admin;
    let mut chosen: Vec<Message> = messages
        .into_iter()
        .filter(|message| !message.redacted && message.sender_type != SenderType::System)
        .filter(|message| is_signed || is_answer(message))
        .take(ANSWERS_MAX)
        .collect();
    while chosen.last().is_some_and(|last| !is_answer(last)) {
        chosen.pop();
    }
    chosen
}

/// When the first answer among these messages has waited for long enough.
pub(crate) fn ripe_at(messages: &[Message], after: Duration) -> Option<Timestamp> {
    let is_answer = |message: &&Message| message.sender_type == SenderType::Admin;
    let first = messages.iter().find(is_answer)?;
    Some(first.created_at + after)
}

/// The pause after this many failed attempts.
pub(crate) fn back_off(tries: u32) -> Duration {
    BACK_OFF_FIRST
        .saturating_mul(1 << tries.min(10))
        .min(BACK_OFF_MAX)
}

/// How often to look whether a customer who is here has gone.
pub(crate) fn look_again(after: Duration) -> Duration {
    (after / 10).clamp(Duration::from_millis(100), Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn message(seq: u64, sender_type: SenderType) -> Message {
        Message {
            id: Uuid::now_v7(),
            room_id: Uuid::now_v7(),
            seq,
            sender_type,
            sender_name: "Ann".to_owned(),
            content: "text".to_owned(),
            agent_id: None,
            via: None,
            event: None,
            is_read: false,
            redacted: false,
            created_at: Timestamp(0),
        }
    }

    fn seqs(messages: &[Message]) -> Vec<u64> {
        messages.iter().map(|message| message.seq).collect()
    }

    #[test]
    fn a_typed_address_gets_agents_messages_alone() {
        use SenderType::{Admin, Customer, System};
        let kinds = [Customer, Admin, System, Customer, Admin, Customer];
        let log = || {
            (1..)
                .zip(kinds)
                .map(|(seq, kind)| message(seq, kind))
                .collect()
        };
        assert_eq!(seqs(&answers(log(), false)), [2, 5]);
        assert_eq!(seqs(&answers(log(), true)), [1, 2, 4, 5]);
        let unanswered = vec![message(1, Customer), message(2, System)];
        assert!(answers(unanswered, true).is_empty());
    }

    #[test]
    fn a_mail_holds_ten_messages_and_none_whose_text_is_gone() {
        let mut log: Vec<Message> = (1..=14)
            .map(|seq| message(seq, SenderType::Admin))
            .collect();
        log[0].redacted = true;
        assert_eq!(seqs(&answers(log, false)), (2..=11).collect::<Vec<_>>());
    }

    #[test]
    fn the_pause_grows_up_to_a_bound() {
        assert_eq!(back_off(0), Duration::from_secs(30));
        assert_eq!(back_off(1), Duration::from_secs(60));
        assert_eq!(back_off(9), BACK_OFF_MAX);
        assert_eq!(back_off(u32::MAX), BACK_OFF_MAX);
    }
}
