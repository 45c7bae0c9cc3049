use std::sync::Arc;

use uuid::Uuid;

use super::failure::Trouble;
use super::job::Tx;
use super::live_rooms::{LiveRoom, LiveRooms};
use super::places::RoomPlaces;
use super::room_rows::{self, Standing};
use super::{
    AuditAction, Completion, Effect, Principal, Refusal, RoomCommit, RoomOp, Store, StoreError,
    audit, messages, visitor_changes, visitors,
};
use crate::chat::{DetailsPatch, Draft, RoomId, RoomRecord, Sender, SenderType, Side, Status};

impl Store {
    /// Queues what is to be done to a room. `done` gets the commit, `NotFound` for
    /// an unknown room, or another refusal.
    pub fn write_room(&self, room_id: RoomId, op: RoomOp, done: Completion<RoomCommit>) {
        self.submit_to_rooms(move |tx, rooms| apply(tx, rooms, room_id, &op), done);
    }

    /// Reads a room through the writer's queue: behind all writes queued before.
    pub fn load_room(&self, room_id: RoomId, done: Completion<Option<Arc<RoomRecord>>>) {
        self.submit_to_rooms(
            move |tx, rooms| {
                let room = rooms.get(tx.conn, room_id)?;
                Ok(room.map(|room| Arc::clone(&room.record)))
            },
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
///
/// What is done with every message goes through memory and changes nothing before it is sure
/// to happen; the rest goes to the table.
fn apply(
    tx: &mut Tx<'_>,
    rooms: &mut LiveRooms,
    id: RoomId,
    op: &RoomOp,
) -> Result<RoomCommit, Trouble> {
    let mut also_changed = Vec::new();
    let (record, effect) = match op {
        RoomOp::Post(draft) => post(tx, rooms, id, draft)?,
        RoomOp::MarkRead { side, seq } => mark_read(tx, rooms, id, *side, *seq)?,
        RoomOp::SetStatus { status, by } => set_status(tx, rooms, id, *status, by)?,
        RoomOp::SetDetails(patch) => {
            rooms.put_away(tx.conn)?;
            set_details(tx, id, patch)?
        }
        RoomOp::SetBlocked { blocked, by } => {
            rooms.put_away(tx.conn)?;
            block(tx, id, *blocked, *by, &mut also_changed)?
        }
    };
    Ok(RoomCommit {
        record,
        effect,
        also_changed,
    })
}

fn known<'r>(tx: &Tx<'_>, rooms: &'r mut LiveRooms, id: RoomId) -> Result<&'r LiveRoom, Trouble> {
    Ok(rooms.get(tx.conn, id)?.ok_or(Refusal::NotFound)?)
}

fn post(
    tx: &mut Tx<'_>,
    rooms: &mut LiveRooms,
    id: RoomId,
    draft: &Draft,
) -> Result<(Arc<RoomRecord>, Effect), Trouble> {
    let room = known(tx, rooms, id)?;
    if room.record.blocked && draft.sender == Sender::Visitor {
        // What was stored stays stored, whoever was blocked since.
        let effect = stored_before(tx, room, draft)?.ok_or(Refusal::Blocked)?;
        return Ok((Arc::clone(&room.record), effect));
    }
    let mut record = RoomRecord::clone(&room.record);
    let message = record.post(draft.clone(), tx.now);
    let Some(n) = messages::insert(tx, room.keys.pk, &message)? else {
        let effect = stored_before(tx, room, draft)?
            .ok_or_else(|| Trouble::Bug("an id is taken by no message".into()))?;
        return Ok((Arc::clone(&room.record), effect));
    };
    let record = rooms.replace(tx, record, Some(n))?;
    Ok((record, Effect::Posted(message)))
}

/// What a draft is whose id the room has: the same once more, or a conflict.
fn stored_before(tx: &Tx<'_>, room: &LiveRoom, draft: &Draft) -> Result<Option<Effect>, Trouble> {
    let Some(stored) = messages::by_id(tx.conn, room.keys.pk, &room.record.room, draft.id)? else {
        return Ok(None);
    };
    let sender_type = SenderType::from(draft.sender.side());
    if stored.sender_type == sender_type && stored.content == draft.content {
        Ok(Some(Effect::Duplicate(stored)))
    } else {
        Err(Refusal::Conflict.into())
    }
}

fn set_status(
    tx: &mut Tx<'_>,
    rooms: &mut LiveRooms,
    id: RoomId,
    status: Status,
    by: &Sender,
) -> Result<(Arc<RoomRecord>, Effect), Trouble> {
    let room = known(tx, rooms, id)?;
    if status == Status::Waiting {
        return Err(Trouble::Bug("a room was to be set waiting by hand".into()));
    }
    let mut record = RoomRecord::clone(&room.record);
    let Some(note) = record.set_status(status, by, Uuid::now_v7(), tx.now) else {
        return Ok((Arc::clone(&room.record), Effect::Unchanged));
    };
    let n = messages::insert(tx, room.keys.pk, &note)?
        .ok_or_else(|| Trouble::Bug("the id of a note was taken".into()))?;
    let record = rooms.replace(tx, record, Some(n))?;
    Ok((record, Effect::StatusChanged(note)))
}

fn mark_read(
    tx: &mut Tx<'_>,
    rooms: &mut LiveRooms,
    id: RoomId,
    side: Side,
    seq: u64,
) -> Result<(Arc<RoomRecord>, Effect), Trouble> {
    let room = known(tx, rooms, id)?;
    let mut record = RoomRecord::clone(&room.record);
    let old_mark = record.room.read_seq(side);
    if !record.mark_read(side, seq, tx.now)? {
        return Ok((Arc::clone(&room.record), Effect::Unchanged));
    }
    if side == Side::Agent {
        record.unread_count = unread(tx, &room.places, &record, old_mark)?;
    }
    let record = rooms.replace(tx, record, None)?;
    Ok((record, Effect::ReadMoved { side, seq }))
}

/// Customer messages past the agents' mark, which has just moved from `old_mark`;
/// counted on the shorter side of it.
fn unread(
    tx: &Tx<'_>,
    places: &RoomPlaces,
    record: &RoomRecord,
    old_mark: u64,
) -> rusqlite::Result<u64> {
    let of_customer = |after: u64, until: u64| -> rusqlite::Result<u64> {
        let places = places.range(tx.conn, after + 1, until)?;
        Ok(places.iter().filter(|place| place.by_customer).count() as u64)
    };
    let (mark, head) = (record.room.admin_read_seq, record.room.last_seq);
    if mark - old_mark < head - mark {
        let read = of_customer(old_mark, mark)?;
        Ok(record.unread_count.saturating_sub(read))
    } else {
        of_customer(mark, head)
    }
}

fn set_details(
    tx: &mut Tx<'_>,
    id: RoomId,
    patch: &DetailsPatch,
) -> Result<(Arc<RoomRecord>, Effect), Trouble> {
    let mut row = room_rows::by_id(tx.conn, id)?.ok_or(Refusal::NotFound)?;
    let before = Standing::of(&row.record);
    let effect = if row.record.set_details(patch.clone(), tx.now) {
        room_rows::update(tx, before, &mut row)?;
        room_rows::update_details(tx, &row)?;
        Effect::DetailsChanged
    } else {
        Effect::Unchanged
    };
    Ok((Arc::new(row.record), effect))
}

fn block(
    tx: &mut Tx<'_>,
    id: RoomId,
    blocked: bool,
    by: Principal,
    also_changed: &mut Vec<RoomId>,
) -> Result<(Arc<RoomRecord>, Effect), Trouble> {
    let row = room_rows::by_id(tx.conn, id)?.ok_or(Refusal::NotFound)?;
    if row.record.blocked == blocked {
        return Ok((Arc::new(row.record), Effect::Unchanged));
    }
    visitors::set_blocked(tx, row.record.visitor_id, blocked)?;
    *also_changed = visitor_changes::blocked(tx, row.record.visitor_id)?;
    if also_changed.contains(&id) {
        also_changed.retain(|other| *other != id);
    } else {
        // Its turn comes later, but this is the one that somebody waits for.
        let mut row = room_rows::by_id(tx.conn, id)?.ok_or(Refusal::NotFound)?;
        let before = Standing::of(&row.record);
        row.record.visitor_changed(tx.now);
        room_rows::update(tx, before, &mut row)?;
    }
    let what = if blocked { "blocked" } else { "unblocked" };
    audit::note(
        tx,
        AuditAction::VisitorBlocked,
        Some(by),
        Some(format!("{id} {what}")),
    )?;
    let row = room_rows::by_id(tx.conn, id)?.ok_or(Refusal::NotFound)?;
    Ok((Arc::new(row.record), Effect::DetailsChanged))
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
                    by: Sender::Visitor,
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
        let first = posted(bench.apply(room, post(Sender::Visitor, "one")).await);
        let again = bench
            .apply(room, post(Sender::Visitor, "one"))
            .await
            .expect("it is there");
        assert_eq!(again.effect, Effect::Duplicate(first.clone()));
        let other = bench.apply(room, post(Sender::Visitor, "two")).await;
        assert_eq!(refusal(other), Refusal::Conflict);
        let side = Sender::Agent {
            display_name: "Mia".into(),
        };
        assert_eq!(
            refusal(bench.apply(room, post(side, "one")).await),
            Refusal::Conflict
        );
        assert_eq!(bench.head().change, 1, "none of these changed anything");

        bench.apply(room, block()).await.expect("blocked");
        let retried = bench.apply(room, post(Sender::Visitor, "one")).await;
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
            by: Sender::Visitor,
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
            side: Side::Agent,
            seq,
        };
        for (seq, unread) in [(1, 4), (2, 4), (3, 3), (9, 0), (10, 0)] {
            let commit = bench.apply(room, read(seq)).await.expect("it moves");
            assert_eq!(commit.record.unread_count, unread, "after {seq}");
            assert_eq!(
                commit.effect,
                Effect::ReadMoved {
                    side: Side::Agent,
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
