use super::*;
use crate::chat::{Details, Sender, Status};
use crate::persistence::testing::*;
use crate::persistence::{Expiry, Principal, Refusal, RoomOp};

fn backups_in(directory: &std::path::Path) -> BackupSettings {
    BackupSettings {
        data_dir: directory.to_owned(),
        directory: directory.to_owned(),
        every: std::time::Duration::ZERO,
        min_free_bytes: 0,
        recipients: Vec::new(),
        is_postgres: false,
    }
}

#[tokio::test]
async fn the_file_is_rewritten_when_the_chat_is_quiet_and_only_after_an_erasure() {
    let store = TestStore::in_sqlite();
    let directory = tempfile::tempdir().expect("a directory");
    let eraser = Eraser::new((*store).clone(), None, backups_in(directory.path()));
    let quiet = |hour| Quiet {
        hour,
        now: Timestamp::now(),
        has_visitors: false,
    };
    let opened = store
        .open_room(anonymous(Details::default()))
        .await
        .expect("it opens");
    store.post_as_visitor(opened.record.room.id, "hello").await;
    let other = store.new_room("Bob").await;
    store.post_as_visitor(other, "hello").await;
    assert_eq!(eraser.rewrite_if_quiet(quiet(3)).await, Ok(None));
    let begun = store
        .begin_erasure(vec![opened.record.visitor_id], Principal::CommandLine)
        .await
        .expect("it is decided")
        .expect("known");
    eraser.finish(|_| {}).await.expect("it is done");
    assert_eq!(eraser.rewrite_if_quiet(quiet(12)).await, Ok(None));
    let at = eraser.rewrite_if_quiet(quiet(3)).await.expect("rewritten");
    let erasure = store.erasure(begun.id).await.expect("it reads");
    assert!(at.is_some());
    assert_eq!(erasure.expect("known").bytes_gone_at, at);
    assert_eq!(eraser.rewrite_if_quiet(quiet(3)).await, Ok(None));
}

#[tokio::test]
async fn who_was_just_decided_to_be_erased_is_gone_when_a_second_request_returns() {
    let store = TestStore::new();
    let directory = tempfile::tempdir().expect("a directory");
    let eraser = Eraser::new((*store).clone(), None, backups_in(directory.path()));
    let details = Details {
        email: Some("ann@example.com".into()),
        ..Details::default()
    };
    let opened = store.open_room(anonymous(details)).await.expect("it opens");
    let (room, visitor) = (opened.record.room.id, opened.record.visitor_id);
    store.post_as_visitor(room, "hello").await;
    let begun = store.begin_erasure(vec![visitor], Principal::CommandLine);
    begun.await.expect("decided").expect("known");
    let request = EraseRequest {
        who: "email:ann@example.com".parse().expect("a person"),
        dry_run: false,
        now: false,
        by: Principal::CommandLine,
    };
    let (progress, _watched) = watch::channel(EraseProgress::default());
    let receipt = eraser.erase(&request, progress).await.expect("it is done");
    assert_eq!(receipt.erasure, None, "it was the first one's");
    assert_eq!(store.room(room).await, Ok(None));
    assert_eq!(store.erase_step().await, Ok(None));
}

#[tokio::test]
async fn closed_rooms_past_their_time_go_in_steps_until_none_is_left() {
    let store = TestStore::new();
    let directory = tempfile::tempdir().expect("a directory");
    let eraser = Eraser::new((*store).clone(), None, backups_in(directory.path()));
    for _ in 0..65 {
        let room = store.new_room("Ann").await;
        store.post_as_visitor(room, "hello").await;
        let close = RoomOp::SetStatus {
            status: Status::Closed,
            by: Sender::Visitor,
        };
        store.apply(room, close).await.expect("it closes");
    }
    let open = store.new_room("Bob").await;
    store.post_as_visitor(open, "hello").await;
    assert_eq!(eraser.expire(Expiry::of_closed(Timestamp(0))).await, Ok(0));
    let before = Expiry::of_closed(Timestamp(Timestamp::now().0 + 1));
    assert_eq!(eraser.expire(before).await, Ok(65));
    assert_eq!(eraser.expire(before).await, Ok(0));
    assert!(store.room(open).await.expect("it reads").is_some());
    assert_eq!(store.erase_step().await, Ok(None));
}

#[test]
fn only_a_failure_that_has_stored_nothing_says_that_nobody_was_erased() {
    let said = |cause| EraseFailure::of_decision(cause).to_string();
    for cause in [
        WriteError::Store(StoreError::Full),
        WriteError::Store(StoreError::Busy),
        WriteError::Refused(Refusal::NotFound),
    ] {
        let said = said(cause);
        assert!(said.starts_with("nobody was erased: "), "{said}");
    }
    // The reply to the commit may have been lost.
    for cause in [
        StoreError::Unavailable("the connection is gone".into()),
        StoreError::Closed,
    ] {
        let said = said(WriteError::Store(cause));
        assert!(said.starts_with("it is not known whether"), "{said}");
        assert!(said.contains("the next start, completes"), "{said}");
    }
}
