use std::sync::Arc;

use rusqlite::params;
use uuid::Uuid;

use super::failure::Trouble;
use super::job::Tx;
use super::room_rows::{self, RoomRow, Standing};
use super::{
    AuditAction, Completion, Effect, Refusal, RoomCommit, RoomOp, Store, StoreError, audit,
    messages,
};
use crate::chat::{
    Draft, Message, RoomId, RoomRecord, Sender, SenderType, Side, Status, VisitorId,
};

impl Store {
    /// Queues what is to be done to a room. `done` gets the commit, `NotFound` for
    /// an unknown room, or another refusal.
    pub fn write_room(&self, room_id: RoomId, op: RoomOp, done: Completion<RoomCommit>) {
        self.submit(move |tx| apply(tx, room_id, op), done);
    }

    /// Reads a room through the writer's queue: behind all writes queued before.
    pub fn load_room(&self, room_id: RoomId, done: Completion<Option<Arc<RoomRecord>>>) {
        self.submit(
            move |tx| Ok(room_rows::by_id(tx.conn, room_id)?.map(|row| Arc::new(row.record))),
            done,
        );
    }

    /// Reads a room, or `None` when there is no such room.
    pub async fn room(&self, room_id: RoomId) -> Result<Option<RoomRecord>, StoreError> {
        self.readers()
            .read(move |conn| Ok(room_rows::by_id(conn, room_id)?.map(|row| row.record)))
            .await
    }
}

/// Does one thing to one room, inside the transaction.
fn apply(tx: &mut Tx<'_>, room_id: RoomId, op: RoomOp) -> Result<RoomCommit, Trouble> {
    let mut row = room_rows::by_id(tx.conn, room_id)?.ok_or(Refusal::NotFound)?;
    let mut also_changed = Vec::new();
    let effect = match op {
        RoomOp::Post(draft) => post(tx, &mut row, draft)?,
        RoomOp::MarkRead { side, seq } => mark_read(tx, &mut row, side, seq)?,
        RoomOp::SetStatus { status, by } => set_status(tx, &mut row, status, &by)?,
        RoomOp::SetDetails(patch) => {
            let before = Standing::of(&row.record);
            if row.record.set_details(patch, tx.now) {
                room_rows::update(tx, before, &mut row)?;
                room_rows::update_details(tx, &row)?;
                Effect::DetailsChanged
            } else {
                Effect::Unchanged
            }
        }
        RoomOp::SetBlocked { blocked, .. } if row.record.blocked == blocked => Effect::Unchanged,
        RoomOp::SetBlocked { blocked, by } => {
            also_changed = set_blocked(tx, row.record.visitor_id, blocked)?;
            also_changed.retain(|id| *id != room_id);
            audit::note(
                tx,
                AuditAction::VisitorBlocked,
                Some(by),
                Some(format!(
                    "{room_id} {}",
                    if blocked { "blocked" } else { "unblocked" }
                )),
            )?;
            row = room_rows::by_id(tx.conn, room_id)?.ok_or(Refusal::NotFound)?;
            Effect::DetailsChanged
        }
    };
    Ok(RoomCommit {
        record: Arc::new(row.record),
        effect,
        also_changed,
    })
}

fn post(tx: &mut Tx<'_>, row: &mut RoomRow, draft: Draft) -> Result<Effect, Trouble> {
    let sender_type = SenderType::from(draft.sender.side());
    // A retry comes first: what was stored stays stored, whoever was blocked since.
    if let Some(stored) = messages::by_id(tx.conn, row.pk, &row.record.room, draft.id)? {
        return if stored.sender_type == sender_type && stored.content == draft.content {
            Ok(Effect::Duplicate(stored))
        } else {
            Err(Refusal::Conflict.into())
        };
    }
    if row.record.blocked && draft.sender == Sender::Customer {
        return Err(Refusal::Blocked.into());
    }
    let before = Standing::of(&row.record);
    let message = row.record.post(draft, tx.now);
    append(tx, before, row, &message)?;
    Ok(Effect::Posted(message))
}

fn set_status(
    tx: &mut Tx<'_>,
    row: &mut RoomRow,
    status: Status,
    by: &Sender,
) -> Result<Effect, Trouble> {
    if status == Status::Waiting {
        return Err(Trouble::Bug("a room was to be set waiting by hand".into()));
    }
    let before = Standing::of(&row.record);
    match row.record.set_status(status, by, Uuid::now_v7(), tx.now) {
        Some(note) => {
            append(tx, before, row, &note)?;
            Ok(Effect::StatusChanged(note))
        }
        None => Ok(Effect::Unchanged),
    }
}

/// Stores a message that the record has just given its place.
fn append(
    tx: &mut Tx<'_>,
    before: Standing,
    row: &mut RoomRow,
    message: &Message,
) -> rusqlite::Result<()> {
    let n = messages::insert(tx, row.pk, message)?;
    row.last_n = Some(n);
    row.waiting_n = match row.record.waiting_since {
        Some(_) => row.waiting_n.or(Some(n)),
        None => None,
    };
    room_rows::update(tx, before, row)
}

fn mark_read(tx: &mut Tx<'_>, row: &mut RoomRow, side: Side, seq: u64) -> Result<Effect, Trouble> {
    let before = Standing::of(&row.record);
    let old_mark = row.record.room.read_seq(side);
    if !row.record.mark_read(side, seq, tx.now)? {
        return Ok(Effect::Unchanged);
    }
    if side == Side::Admin {
        row.record.unread_count = unread(tx, row, old_mark)?;
    }
    room_rows::update(tx, before, row)?;
    Ok(Effect::ReadMoved { side, seq })
}

/// Customer messages past the agents' mark, which has just moved from `old_mark`;
/// counted on the shorter side of it.
fn unread(tx: &Tx<'_>, row: &RoomRow, old_mark: u64) -> rusqlite::Result<u64> {
    let room = &row.record.room;
    let (mark, head) = (room.admin_read_seq, room.last_seq);
    if mark - old_mark < head - mark {
        let read = messages::count_of_customer(tx.conn, row.pk, old_mark, mark)?;
        Ok(row.record.unread_count.saturating_sub(read))
    } else {
        messages::count_of_customer(tx.conn, row.pk, mark, head)
    }
}

/// Blocks a visitor or lets them again, in all their rooms. Returns those.
pub(super) fn set_blocked(
    tx: &mut Tx<'_>,
    visitor: VisitorId,
    blocked: bool,
) -> rusqlite::Result<Vec<RoomId>> {
    let mut changed = Vec::new();
    for mut row in room_rows::of_visitor(tx.conn, visitor)? {
        let before = Standing::of(&row.record);
        if row.record.set_blocked(blocked, tx.now) {
            room_rows::update(tx, before, &mut row)?;
            changed.push(row.record.room.id);
        }
    }
    tx.execute(
        "UPDATE visitors SET blocked = ?2 WHERE id = ?1",
        params![visitor, blocked],
    )?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::*;
    use crate::chat::{Counts, Sender, Side, Status};
    use uuid::Uuid;

    fn refusal<T: std::fmt::Debug>(result: Result<T, WriteError>) -> Refusal {
        match result {
            Err(WriteError::Refused(refusal)) => refusal,
            other => panic!("it was refused, not {other:?}"),
        }
    }

    #[tokio::test]
    async fn seqs_changes_and_counts_have_no_gap() {
        let bench = Bench::new();
        let (one, two) = (bench.new_room("Ann").await, bench.new_room("Bob").await);
        assert_eq!(bench.head(), Head::default(), "an empty room is not listed");
        for (seq, room) in [(1, one), (2, one), (1, two), (3, one)] {
            assert_eq!(bench.ask(room, "hello").await.seq, seq);
        }
        assert_eq!(bench.head().change, 4);
        assert_eq!(bench.head().counts.waiting, 2);
        bench.answer(one, "hi").await;
        let closed = bench
            .apply(
                two,
                RoomOp::SetStatus {
                    status: Status::Closed,
                    by: Sender::Customer,
                },
            )
            .await
            .expect("it closes");
        assert!(matches!(closed.effect, Effect::StatusChanged(_)));
        let counts = Counts {
            waiting: 0,
            active: 1,
            closed: 1,
        };
        assert_eq!((bench.head().change, bench.head().counts), (6, counts));
        let bench = bench.reopened();
        assert_eq!((bench.head().change, bench.head().counts), (6, counts));
        let record = record(&bench, one).await;
        assert_eq!((record.room.last_seq, record.version), (4, 4));
        assert_eq!(record.unread_count, 3);
        assert_eq!(
            record
                .last_message
                .as_ref()
                .map(|last| last.content.as_str()),
            Some("hi")
        );
    }

    #[tokio::test]
    async fn a_retry_is_a_duplicate_and_a_reused_id_a_conflict() {
        let bench = Bench::new();
        let room = bench.new_room("Ann").await;
        let id = Uuid::now_v7();
        let post = |sender, content| RoomOp::Post(draft(id, sender, content));
        let first = posted(bench.apply(room, post(Sender::Customer, "one")).await);
        let again = bench
            .apply(room, post(Sender::Customer, "one"))
            .await
            .expect("it is there");
        assert_eq!(again.effect, Effect::Duplicate(first.clone()));
        let other = bench.apply(room, post(Sender::Customer, "two")).await;
        assert_eq!(refusal(other), Refusal::Conflict);
        let side = Sender::Admin {
            display_name: "Mia".into(),
        };
        assert_eq!(
            refusal(bench.apply(room, post(side, "one")).await),
            Refusal::Conflict
        );
        assert_eq!(bench.head().change, 1, "none of these changed anything");

        bench.apply(room, block()).await.expect("blocked");
        let retried = bench.apply(room, post(Sender::Customer, "one")).await;
        assert_eq!(
            retried.expect("what is stored stays").effect,
            Effect::Duplicate(first)
        );
        let new = bench.apply(room, RoomOp::Post(question("more"))).await;
        assert_eq!(refusal(new), Refusal::Blocked);
        assert_eq!(bench.answer(room, "no").await.seq, 2);
    }

    #[tokio::test]
    async fn a_block_reaches_all_rooms_of_the_visitor() {
        let bench = Bench::new();
        let mut request = anonymous(Default::default());
        let one = bench.open_room(request.clone()).await.expect("it opens");
        let one = one.record.room.id;
        bench.ask(one, "hello").await;
        let close = RoomOp::SetStatus {
            status: Status::Closed,
            by: Sender::Customer,
        };
        bench.apply(one, close).await.expect("it closes");
        request.token = Some(request.fresh_token);
        request.fresh_token = token();
        let two = bench.open_room(request.clone()).await.expect("it opens");
        assert!(two.created && two.token_issued);
        let two = two.record.room.id;
        let blocked = bench.apply(two, block()).await.expect("blocked");
        assert_eq!(blocked.also_changed, [one]);
        assert!(blocked.record.blocked);
        assert_eq!(bench.head().change, 3, "the listed room alone has a change");
        assert!(record(&bench, one).await.blocked);
        let again = bench.apply(one, block()).await;
        assert_eq!(again.expect("fine").effect, Effect::Unchanged);
    }

    #[tokio::test]
    async fn reading_counts_the_unread_anew() {
        let bench = Bench::new();
        let room = bench.new_room("Ann").await;
        for _ in 0..5 {
            bench.ask(room, "?").await;
            bench.answer(room, "!").await;
        }
        let read = |seq| RoomOp::MarkRead {
            side: Side::Admin,
            seq,
        };
        for (seq, unread) in [(1, 4), (2, 4), (3, 3), (9, 0), (10, 0)] {
            let commit = bench.apply(room, read(seq)).await.expect("it moves");
            assert_eq!(commit.record.unread_count, unread, "after {seq}");
            assert_eq!(
                commit.effect,
                Effect::ReadMoved {
                    side: Side::Admin,
                    seq
                }
            );
        }
        let back = bench.apply(room, read(4)).await.expect("fine");
        assert_eq!(back.effect, Effect::Unchanged);
        assert!(matches!(
            refusal(bench.apply(room, read(11)).await),
            Refusal::PastHead(_)
        ));
        let page = bench.messages_after(room, 0, 50).await.expect("it reads");
        assert!(
            page.messages
                .iter()
                .all(|message| message.is_read == (message.sender_name == "Ann"))
        );
    }

    #[tokio::test]
    async fn an_unknown_room_is_not_found() {
        let bench = Bench::new();
        let post = RoomOp::Post(question("hello"));
        assert_eq!(
            refusal(bench.apply(Uuid::now_v7(), post).await),
            Refusal::NotFound
        );
    }
}
