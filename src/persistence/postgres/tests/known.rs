//! Rooms that the lane writes without reading them again, and what others do to them meanwhile.

use super::{left_out_on_sqlite, nodes, open_room};
use crate::chat::{RoomId, Sender, Side, Status};
use crate::persistence::testing::*;
use crate::persistence::*;

async fn apply(store: &Store, room: RoomId, op: RoomOp) -> Result<RoomCommit, WriteError> {
    super::apply(store, room, op).await
}

/// What a post as the visitor has come to.
async fn ask(store: &Store, room: RoomId) -> RoomCommit {
    let op = RoomOp::Post(visitor_draft("hello"));
    apply(store, room, op).await.expect("it is committed")
}

fn close() -> RoomOp {
    RoomOp::SetStatus {
        status: Status::Closed,
        by: Sender::Visitor,
    }
}

fn read_by_agents(seq: u64) -> RoomOp {
    RoomOp::MarkRead {
        side: Side::Agent,
        seq,
    }
}

#[tokio::test]
async fn a_known_room_is_written_without_being_read() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let room = open_room(&test).await;
    ask(&test, room).await;
    // Whoever reads a room reads this table.
    test.execute_from_outside("ALTER TABLE rooms RENAME TO unreadable");
    assert_eq!(ask(&test, room).await.record.room.last_seq, 2);
    let answered = apply(&test, room, RoomOp::Post(agent_draft("hello"))).await;
    assert_eq!(answered.expect("committed").record.room.last_seq, 3);
    let read = apply(&test, room, read_by_agents(3)).await;
    assert_eq!(read.expect("committed").record.unread_count, 0);
    apply(&test, room, close()).await.expect("committed");
    // What writes nothing is not checked by being written, so it is read, and cannot be here.
    assert!(apply(&test, room, close()).await.is_err());
    test.execute_from_outside("ALTER TABLE unreadable RENAME TO rooms");
    assert_eq!(ask(&test, room).await.record.room.last_seq, 5);
    assert_eq!(test.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn what_another_node_has_done_to_a_known_room_is_noticed() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let [here, there] = nodes(&test);
    let room = open_room(&here).await;
    ask(&here, room).await;
    for round in 0..4 {
        apply(&there, room, close()).await.expect("committed");
        // Known here as open with a lower seq.
        let closed = apply(&here, room, close()).await.expect("committed");
        assert_eq!(closed.effect, Effect::Unchanged, "round {round}");
        let reopened = ask(&here, room).await.record;
        assert_eq!(reopened.room.status, Status::Waiting);
        assert_eq!(reopened.room.last_seq, 3 + 2 * round);
        let read = apply(&there, room, read_by_agents(reopened.room.last_seq)).await;
        assert_eq!(read.expect("committed").record.unread_count, 0);
        // No message, whose seq would be taken: the version alone tells.
        let side = Side::Visitor;
        let seq = reopened.room.last_seq;
        let read = apply(&here, room, RoomOp::MarkRead { side, seq }).await;
        let read = read.expect("committed").record;
        assert_eq!((read.unread_count, read.room.admin_read_seq), (0, seq));
    }
    let draft = visitor_draft("once");
    let first = posted(apply(&there, room, RoomOp::Post(draft.clone())).await);
    let again = apply(&here, room, RoomOp::Post(draft.clone())).await;
    let again = again.expect("it is committed");
    assert_eq!(again.effect, Effect::Duplicate(first));
    // Known as it is now, but the message was stored in an earlier batch.
    ask(&here, room).await;
    let again = apply(&here, room, RoomOp::Post(draft)).await;
    assert!(matches!(
        again.expect("committed").effect,
        Effect::Duplicate(_)
    ));
    assert_eq!(test.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn a_block_is_in_force_for_a_known_room() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let room = open_room(&test).await;
    ask(&test, room).await;
    // As it is while the visitor's other rooms wait for their turn: no room has changed.
    test.execute_from_outside("UPDATE visitors SET blocked = TRUE");
    let refused = apply(&test, room, RoomOp::Post(visitor_draft("hello"))).await;
    assert!(matches!(
        refused,
        Err(WriteError::Refused(Refusal::Blocked))
    ));
    let answer = RoomOp::Post(agent_draft("no"));
    apply(&test, room, answer).await.expect("agents may post");
    test.execute_from_outside("UPDATE visitors SET blocked = FALSE");
    assert_eq!(ask(&test, room).await.record.room.last_seq, 3);
}

#[tokio::test]
async fn what_is_stored_is_not_refused_by_rules_that_came_later() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let [here, there] = nodes(&test);
    let room = open_room(&here).await;
    let draft = visitor_draft("hello");
    let first = posted(apply(&here, room, RoomOp::Post(draft.clone())).await);
    test.execute_from_outside("UPDATE visitors SET blocked = TRUE");
    // Not known there, and known here.
    for node in [&there, &here] {
        let again = apply(node, room, RoomOp::Post(draft.clone())).await;
        let again = again.expect("it is answered").effect;
        assert_eq!(again, Effect::Duplicate(first.clone()));
        let new = apply(node, room, RoomOp::Post(visitor_draft("and?"))).await;
        assert!(matches!(new, Err(WriteError::Refused(Refusal::Blocked))));
    }
    assert_eq!(test.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn an_assignee_who_is_off_duty_is_noticed_whether_or_not_the_room_is_known() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let [here, there] = nodes(&test);
    let agent = test.new_agent("mia").await;
    for node in [&here, &there] {
        test.execute_from_outside("UPDATE agents SET on_duty = TRUE");
        let room = open_room(&here).await;
        ask(&here, room).await;
        let answer = RoomOp::Post(draft(uuid::Uuid::now_v7(), agent.clone(), "hello"));
        let answered = apply(&here, room, answer).await.expect("committed");
        let assignee = answered.record.desk.assignee;
        assert!(assignee.is_some(), "the first to answer");
        assert_eq!(ask(&here, room).await.record.desk.assignee, assignee);
        test.execute_from_outside("UPDATE agents SET on_duty = FALSE");
        assert_eq!(ask(node, room).await.record.desk.assignee, None);
    }
    assert_eq!(test.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn a_read_mark_in_the_middle_of_a_known_room_counts_what_is_stored() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let room = open_room(&test).await;
    for _ in 0..5 {
        ask(&test, room).await;
    }
    let read = apply(&test, room, read_by_agents(2)).await;
    assert_eq!(read.expect("committed").record.unread_count, 3);
    assert_eq!(test.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn a_known_room_that_was_erased_is_gone() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let room = open_room(&test).await;
    ask(&test, room).await;
    test.execute_from_outside("DELETE FROM room_heads; DELETE FROM rooms");
    let refused = apply(&test, room, RoomOp::Post(visitor_draft("hello"))).await;
    assert!(matches!(
        refused,
        Err(WriteError::Refused(Refusal::NotFound))
    ));
    let messages = test.rows("SELECT count(*) FROM messages");
    assert_eq!(messages, ["1"], "nothing was appended to it");
}

/// The seqs of the messages since which the room waits and that is its newest, by what its head has.
fn named_by_the_head(test: &TestStore) -> Vec<String> {
    test.rows(
        "SELECT w.seq, l.seq FROM room_heads h
         LEFT JOIN messages w ON w.n = h.waiting_n LEFT JOIN messages l ON l.n = h.last_n",
    )
}

#[tokio::test]
async fn the_head_names_the_oldest_unanswered_and_the_newest_message() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let room = open_room(&test).await;
    ask(&test, room).await;
    assert_eq!(named_by_the_head(&test), ["1|1"]);
    let batch = async |drafts: Vec<crate::chat::Draft>| {
        let pause = test.pause_writer().await;
        let posts: Vec<_> = drafts
            .into_iter()
            .map(|draft| test.submit_op(room, RoomOp::Post(draft)))
            .collect();
        drop(pause);
        for post in posts {
            post.await.expect("completed").expect("committed");
        }
    };
    let (ask, answer) = (|| visitor_draft("hello"), || agent_draft("hello"));
    batch(vec![ask(), ask()]).await;
    assert_eq!(named_by_the_head(&test), ["1|3"]);
    batch(vec![answer(), ask(), ask()]).await;
    assert_eq!(named_by_the_head(&test), ["5|6"]);
    batch(vec![ask(), answer()]).await;
    assert_eq!(named_by_the_head(&test), ["|8"]);
}
