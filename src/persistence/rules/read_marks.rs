//! Read marks, and how the unread count follows the agents' mark.

use crate::chat::{PastHead, RoomRecord, Side, Timestamp};
use crate::persistence::Effect;
use crate::persistence::rules::rooms::Change;

/// A read mark that moves, and what has to be counted for it.
#[derive(Debug)]
pub(crate) struct MarkMove {
    change: Change,
    /// The visitor's messages to count, if the unread count changes.
    pub(crate) count: Option<UnreadCount>,
}

/// How the unread count follows the agents' mark: counted on the shorter side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnreadCount {
    /// The visitor's messages with these seqs have been read.
    Read { from: u64, to: u64 },
    /// Those with these seqs are left unread.
    Unread { from: u64, to: u64 },
}

/// Moves one side's read mark. `None` when it is there or further already.
pub(crate) fn mark_read(
    record: &RoomRecord,
    side: Side,
    seq: u64,
    now: Timestamp,
) -> Result<Option<MarkMove>, PastHead> {
    let old_mark = record.room.read_seq(side);
    let mut record = record.clone();
    if !record.mark_read(side, seq, now)? {
        return Ok(None);
    }
    let count = (side == Side::Agent).then(|| {
        let (mark, head) = (record.room.admin_read_seq, record.room.last_seq);
        if mark - old_mark < head - mark {
            UnreadCount::Read {
                from: old_mark + 1,
                to: mark,
            }
        } else {
            UnreadCount::Unread {
                from: mark + 1,
                to: head,
            }
        }
    });
    Ok(Some(MarkMove {
        change: Change {
            record,
            effect: Effect::ReadMoved { side, seq },
        },
        count,
    }))
}

impl MarkMove {
    /// The change, once the messages that [`count`](Self::count) names were counted.
    pub(crate) fn counted(self, messages: u64) -> Change {
        let mut change = self.change;
        match self.count {
            Some(UnreadCount::Read { .. }) => {
                change.record.unread_count = change.record.unread_count.saturating_sub(messages);
            }
            Some(UnreadCount::Unread { .. }) => change.record.unread_count = messages,
            None => {}
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::{Draft, Sender};
    use crate::persistence::rules::open_room::new_room;
    use crate::persistence::rules::visitors::StoredVisitor;

    const NOW: Timestamp = Timestamp(1_000);

    #[test]
    fn unread_messages_are_counted_on_the_shorter_side_of_the_mark() {
        let visitor = StoredVisitor {
            id: Uuid::from_u128(1),
            user: None,
            blocked: false,
        };
        let id = Uuid::from_u128(2);
        let mut record = new_room(id, &visitor, None, Default::default(), NOW);
        for id in 3..13 {
            let draft = Draft {
                id: Uuid::from_u128(id),
                sender: Sender::Visitor,
                content: "hello".into(),
                via: None,
            };
            record.post(draft, NOW);
        }
        let near = mark_read(&record, Side::Agent, 2, NOW)
            .expect("not past the head")
            .expect("it moves");
        assert_eq!(near.count, Some(UnreadCount::Read { from: 1, to: 2 }));
        assert_eq!(near.counted(2).record.unread_count, 8);
        let far = mark_read(&record, Side::Agent, 9, NOW)
            .expect("not past the head")
            .expect("it moves");
        assert_eq!(far.count, Some(UnreadCount::Unread { from: 10, to: 10 }));
        assert_eq!(far.counted(1).record.unread_count, 1);
        let visitors = mark_read(&record, Side::Visitor, 9, NOW)
            .expect("not past the head")
            .expect("it moves");
        assert_eq!(visitors.count, None);
        assert_eq!(visitors.counted(0).record.unread_count, 10);
        assert!(mark_read(&record, Side::Agent, 11, NOW).is_err());
    }
}
