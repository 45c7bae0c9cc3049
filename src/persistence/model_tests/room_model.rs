use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::Item;
use super::patches::Desks;
use crate::chat::{
    Counts, Draft, LastMessage, RoomRecord, Sender, Side, Status, SystemEvent, Timestamp,
};
use crate::persistence::testing::*;
use crate::persistence::*;

/// What a room holds, according to the replies so far.
pub(super) struct RoomModel {
    pub(super) log: Vec<Uuid>,
    drafts: HashMap<Uuid, Draft>,
    /// The last draft that was tried.
    last: Option<Draft>,
    /// As of the last reply.
    record: RoomRecord,
    /// Whether the visitor is blocked, and until when, as it is stored.
    block: (bool, Option<Timestamp>),
    desks: Desks,
}

impl RoomModel {
    /// A new room.
    pub(super) fn new(record: Arc<RoomRecord>, desks: Desks) -> Self {
        Self {
            log: Vec::new(),
            drafts: HashMap::new(),
            last: None,
            record: Arc::unwrap_or_clone(record),
            block: (false, None),
            desks,
        }
    }

    /// The record as it has to be stored.
    pub(super) fn record(&self) -> RoomRecord {
        RoomRecord {
            blocked: self.block.0,
            ..self.record.clone()
        }
    }

    /// Another process has stored a block, or none, and has left its end as it was.
    pub(super) fn block_from_outside(&mut self, blocked: bool) {
        self.block.0 = blocked;
    }

    /// The operation of an item, if it has one.
    pub(super) fn op(&mut self, item: &Item) -> Option<RoomOp> {
        let draft = match item {
            Item::VisitorPost(_) => visitor_draft("hello"),
            Item::AgentPost(_) => agent_draft("hi"),
            Item::Retry(_) => self.last.clone()?,
            Item::Reuse(_) => Draft {
                content: "something else".into(),
                ..self.last.clone()?
            },
            Item::Read(_, admin) => {
                let seq = self.log.len() as u64;
                let side = if *admin { Side::Agent } else { Side::Visitor };
                return Some(RoomOp::MarkRead { side, seq });
            }
            Item::ReadTooFar(_) => {
                return Some(RoomOp::MarkRead {
                    side: Side::Agent,
                    seq: u64::MAX,
                });
            }
            Item::Close(_) => return Some(set(Status::Closed)),
            Item::Reopen(_) => return Some(set(Status::Active)),
            Item::Patch(_, patch) => return self.desks.op(patch),
            _ => return None,
        };
        self.last = Some(draft.clone());
        Some(RoomOp::Post(draft))
    }

    /// Compares a reply with the model and applies it. Returns what the audit gets.
    pub(super) fn check_reply(
        &mut self,
        op: &RoomOp,
        reply: Result<RoomCommit, Refusal>,
    ) -> Option<String> {
        let record = match &reply {
            Ok(commit) => RoomRecord::clone(&commit.record),
            Err(_) => self.record.clone(),
        };
        let audited = match (op, reply) {
            (RoomOp::Post(draft), reply) => {
                self.check_post_reply(draft, reply);
                None
            }
            (RoomOp::MarkRead { seq, .. }, Err(Refusal::PastHead(_))) => {
                assert_eq!(*seq, u64::MAX);
                None
            }
            (RoomOp::Change(patch), reply) => self.check_patch_reply(patch, reply),
            (_, Ok(commit)) => {
                if let Effect::StatusChanged(message) = commit.effect {
                    assert_eq!(message.seq, self.log.len() as u64 + 1);
                    self.log.push(message.id);
                }
                None
            }
            (op, reply) => panic!("{op:?} got {reply:?}"),
        };
        assert_eq!(record.room.last_seq, self.log.len() as u64);
        self.record = record;
        audited
    }

    fn check_post_reply(&mut self, draft: &Draft, reply: Result<RoomCommit, Refusal>) {
        let place = self.log.iter().position(|id| *id == draft.id);
        let known = self.drafts.get(&draft.id);
        let blocked = self.block.0;
        match reply {
            Ok(RoomCommit {
                effect: Effect::Posted(message),
                record,
                ..
            }) => {
                assert_eq!(place, None, "what is stored is not stored again");
                assert!(!blocked || draft.sender != Sender::Visitor);
                assert_eq!(message.seq, self.log.len() as u64 + 1);
                assert_eq!(record.room.last_seq, message.seq);
                self.log.push(message.id);
                self.drafts.insert(message.id, draft.clone());
            }
            Ok(RoomCommit {
                effect: Effect::Duplicate(message),
                ..
            }) => {
                assert_eq!(place, Some(message.seq as usize - 1));
                assert_eq!(known, Some(draft));
            }
            Err(Refusal::Conflict) => assert_ne!(known.expect("it is stored"), draft),
            Err(Refusal::Blocked) => assert!(blocked && known.is_none()),
            other => panic!("a post got {other:?}"),
        }
    }

    /// All of a patch or nothing, as one change.
    fn check_patch_reply(
        &mut self,
        patch: &RoomPatch,
        reply: Result<RoomCommit, Refusal>,
    ) -> Option<String> {
        let before = self.record();
        let (assignee, expected) = (before.desk.assignee, patch.desk.expect_assignee);
        let has_moved = expected
            .is_some_and(|expected| expected != assignee && patch.desk.assignee != Some(assignee));
        let commit = match reply {
            Ok(commit) => commit,
            Err(Refusal::AssigneeMoved(_)) => {
                assert!(has_moved, "{patch:?} of {before:?}");
                return None;
            }
            Err(refusal) => panic!("{patch:?} got {refusal:?}"),
        };
        assert!(!has_moved, "{patch:?} of {before:?}");
        let mut after = patched(&before, patch);
        let asked = patch.block.map(|block| (block.blocked, block.until));
        let block_moves = asked.is_some_and(|asked| block(asked) != block(self.block));
        let desk_only = after
            == RoomRecord {
                desk: after.desk.clone(),
                ..before.clone()
            };
        if after.room.status != before.room.status {
            self.append_status(&mut after, &commit.effect);
        } else {
            let expected = match desk_only {
                true if after != before => Effect::DeskChanged,
                true if !block_moves => Effect::Unchanged,
                // The end of the block may be all that has moved.
                _ => Effect::DetailsChanged,
            };
            assert_eq!(commit.effect, expected);
        }
        if after != before {
            after.version += 1;
            after.change = commit.record.change;
            assert_eq!(
                after.is_listed(),
                after.change != before.change,
                "it has a place"
            );
            if !desk_only {
                assert!(commit.record.room.updated_at >= before.room.updated_at);
                after.room.updated_at = commit.record.room.updated_at;
            }
        }
        assert_eq!(*commit.record, after, "{patch:?}");
        if let Some(asked) = asked.filter(|_| block_moves) {
            self.block = block(asked);
        }
        let set_block = patch
            .block
            .filter(|block| block.blocked != before.blocked)?;
        let change = if set_block.blocked {
            "blocked"
        } else {
            "unblocked"
        };
        let (actor, room) = (set_block.by.name(), before.room.id);
        Some(format!("{actor}|{room} {change}"))
    }

    /// A message records the status that the room has now.
    fn append_status(&mut self, after: &mut RoomRecord, effect: &Effect) {
        let Effect::StatusChanged(message) = effect else {
            panic!("the status has changed: {effect:?}");
        };
        let event = match after.room.status {
            Status::Closed => SystemEvent::Closed,
            _ => SystemEvent::Reopened,
        };
        let seq = self.log.len() as u64 + 1;
        assert_eq!((message.seq, message.event), (seq, Some(event)));
        self.log.push(message.id);
        after.room.last_seq = message.seq;
        after.room.last_message_at = Some(message.created_at);
        after.last_message = Some(LastMessage::from(message));
    }
}

/// Without a block, its end says nothing.
fn block((blocked, until): (bool, Option<Timestamp>)) -> (bool, Option<Timestamp>) {
    (blocked, until.filter(|_| blocked))
}

/// A record with what a patch asks for, apart from what follows from it.
fn patched(before: &RoomRecord, patch: &RoomPatch) -> RoomRecord {
    let mut after = before.clone();
    if let Some((status, _)) = &patch.status {
        after.room.status = *status;
        after.waiting_since = None;
    }
    if let Some(name) = &patch.details.name {
        after.room.customer_name.clone_from(name);
    }
    if let Some(block) = &patch.block {
        after.blocked = block.blocked;
    }
    let desk = &patch.desk;
    if let Some(assignee) = desk.assignee {
        after.desk.assignee = assignee;
    }
    if let Some(tags) = &desk.tags {
        after.desk.tags.clone_from(tags);
        after.desk.tags.sort_unstable();
    }
    if let Some(spam) = desk.spam {
        after.desk.spam = spam;
    }
    if let Some(until) = desk.snoozed_until {
        after.desk.snoozed_until = until;
    }
    after
}

/// How many of the rooms consoles list with each status.
pub(super) fn counts(models: &[RoomModel]) -> Counts {
    let mut counts = Counts::default();
    let listed = models.iter().map(|model| &model.record);
    for record in listed.filter(|record| record.is_listed() && !record.desk.spam) {
        *counts.of_mut(record.room.status) += 1;
    }
    counts
}

fn set(status: Status) -> RoomOp {
    RoomOp::SetStatus {
        status,
        by: Sender::Visitor,
    }
}
