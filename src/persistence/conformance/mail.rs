use uuid::Uuid;

use crate::chat::{Details, RoomId, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

const PAST: Timestamp = Timestamp(1_000);

fn transcript(room: RoomId, recipient: &str) -> NewMail {
    NewMail {
        id: Uuid::now_v7(),
        kind: MailKind::Transcript,
        room: Some(room),
        recipient: recipient.to_owned(),
        until_seq: 1,
        text: None,
    }
}

async fn due(store: &Store) -> Vec<DueMail> {
    let due = store.due_mails(Timestamp::now(), 100).await;
    due.expect("it reads")
}

async fn known(store: &Store, room: RoomId) -> AnswersMail {
    store.answers_mail(room).await.expect("it reads")
}

#[tokio::test]
async fn one_mail_with_answers_waits_for_each_room() {
    let store = TestStore::new();
    let (room, other) = (store.new_room("Ann").await, store.new_room("Bob").await);
    assert_eq!(known(&store, room).await, AnswersMail::default());
    for after_seq in [1, 2] {
        let id = Uuid::now_v7();
        let waits = store.await_answers(id, room, after_seq, PAST).await;
        waits.expect("it waits");
    }
    let waits = store.await_answers(Uuid::now_v7(), other, 7, PAST).await;
    waits.expect("it waits");
    let mails = due(&store).await;
    assert_eq!(mails.len(), 2);
    let waiting = known(&store, room).await.waiting.expect("it waits");
    assert_eq!((waiting.after_seq, waiting.until_seq), (1, None));
    assert_eq!(store.next_mail_due().await, Ok(Some(PAST)));

    let address = "ann@example.com".to_owned();
    let addressed = store.address_mail(waiting.id, address.clone(), 4).await;
    addressed.expect("it is addressed");
    let was_mailed = store.was_mailed(room, address.clone()).await;
    assert_eq!(was_mailed, Ok(false), "not before it was sent");
    let sent = store.finish_mail(waiting.id, MailOutcome::Sent).await;
    sent.expect("it is recorded");
    let after = known(&store, room).await;
    assert_eq!((after.waiting, after.mailed_seq), (None, 4));
    assert!(after.mailed_at.is_some());
    assert_eq!(store.was_mailed(room, address.clone()).await, Ok(true));
    assert_eq!(store.was_mailed(other, address.clone()).await, Ok(false));
    assert_eq!(store.mails_sent_to(address, PAST).await, Ok(1));
    assert_eq!(due(&store).await.len(), 1, "the other room's still waits");
}

#[tokio::test]
async fn a_failed_attempt_is_counted_and_waits() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    let id = Uuid::now_v7();
    store
        .await_answers(id, room, 0, PAST)
        .await
        .expect("it waits");
    let later = Timestamp(2_000);
    let postponed = store.postpone_mail(id, later, Some("busy".into())).await;
    postponed.expect("it is postponed");
    store
        .postpone_mail(id, later, None)
        .await
        .expect("it is postponed");
    let mail = due(&store).await.pop().expect("it waits");
    assert_eq!((mail.tries, mail.due), (1, later));
    let failed = MailOutcome::Failed("no".into());
    store.finish_mail(id, failed).await.expect("it ends");
    assert!(due(&store).await.is_empty());
    assert_eq!(known(&store, room).await.mailed_seq, 0);
}

#[tokio::test]
async fn budgets_count_a_day_of_a_room_and_of_an_address() {
    let store = TestStore::new();
    let (room, other) = (store.new_room("Ann").await, store.new_room("Bob").await);
    let budget = Some(MailBudget {
        by_room: 2,
        by_address: 3,
    });
    let ask = async |room, recipient: &str| {
        let asked = store.queue_mail(transcript(room, recipient), budget).await;
        asked.expect("it is decided")
    };
    assert_eq!(ask(room, "a@example.com").await, Queued::Yes);
    assert_eq!(ask(room, "a@example.com").await, Queued::Yes);
    assert_eq!(ask(room, "b@example.com").await, Queued::OverBudget);
    assert_eq!(ask(other, "a@example.com").await, Queued::Yes);
    assert_eq!(ask(other, "a@example.com").await, Queued::OverBudget);
    assert_eq!(due(&store).await.len(), 3);
    let repeated = due(&store).await.remove(0);
    let mail = NewMail {
        id: repeated.id,
        ..transcript(room, "a@example.com")
    };
    assert_eq!(store.queue_mail(mail, None).await, Ok(Queued::Yes));
    assert_eq!(due(&store).await.len(), 3, "the same mail is queued once");
    let nowhere = store.queue_mail(transcript(Uuid::now_v7(), "a@b.c"), None);
    assert_eq!(nowhere.await, Err(Refusal::NotFound.into()));
}

#[tokio::test]
async fn two_nodes_agree_on_a_key_and_on_a_budget() {
    let store = TestStore::new();
    let first = store.mail_key([1; 32]).await;
    assert_eq!(first, Ok([1; 32]));
    assert_eq!(store.mail_key([2; 32]).await, Ok([1; 32]));
    if !store.is_shared() {
        return;
    }
    let (room, other) = (store.new_room("Ann").await, store.another_node());
    let budget = Some(MailBudget {
        by_room: 3,
        by_address: 100,
    });
    let asked = (0..16).map(|at| {
        let node = if at % 2 == 0 {
            store.store.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move { node.queue_mail(transcript(room, "a@b.c"), budget).await })
    });
    let mut queued = 0;
    for asked in asked.collect::<Vec<_>>() {
        let asked = asked.await.expect("it ends").expect("it is decided");
        queued += usize::from(asked == Queued::Yes);
    }
    assert_eq!(queued, 3);
    other.close().await;
}

#[tokio::test]
async fn quarantined_mail_is_listed_once() {
    let store = TestStore::new();
    for (digest, reason) in [
        (1, QuarantineReason::Forged),
        (1, QuarantineReason::Forged),
        (2, QuarantineReason::TooLarge),
    ] {
        let mail = QuarantinedMail {
            id: String::new(),
            reason,
            from: Some("a@b.c".into()),
            subject: None,
            room_id: None,
            size: 5,
            text: Some("Hello".into()),
            at: PAST,
        };
        let kept = store.quarantine_mail([digest; 32], mail).await;
        kept.expect("it is kept");
    }
    let mut listed = store.quarantined_mail(10).await.expect("it reads");
    listed.sort_by(|one, other| one.id.cmp(&other.id));
    let reasons: Vec<_> = listed.iter().map(|mail| mail.reason).collect();
    assert_eq!(
        reasons,
        [QuarantineReason::Forged, QuarantineReason::TooLarge]
    );
    assert_eq!(listed[0].id, "01".repeat(32));
}

#[tokio::test]
async fn a_mailbox_is_read_on_from_where_it_was_read() {
    let store = TestStore::new();
    let mailbox = "a@b/INBOX".to_owned();
    let read = store.mailbox_position(mailbox.clone()).await;
    assert_eq!(read, Ok(None));
    for (uid_validity, uid) in [(1, 5), (u32::MAX, u32::MAX)] {
        let position = MailboxPosition { uid_validity, uid };
        let saved = store.save_mailbox_position(mailbox.clone(), position);
        saved.await.expect("it is saved");
        let read = store.mailbox_position(mailbox.clone()).await;
        assert_eq!(read, Ok(Some(position)));
    }
}

#[tokio::test]
async fn an_erased_person_is_forgotten_by_mail_too() {
    let store = TestStore::new();
    let details = |email: &str| Details {
        email: Some(email.to_owned()),
        ..Details::default()
    };
    let open = async |email: &str| {
        let opened = store.open_room(anonymous(details(email))).await;
        opened.expect("it opens").record
    };
    let (ann, bob) = (open("Ann@Example.com").await, open("bob@example.com").await);
    for (record, address) in [(&ann, "ann@example.com"), (&bob, "bob@example.com")] {
        let room = record.room.id;
        let id = Uuid::now_v7();
        store
            .await_answers(id, room, 0, PAST)
            .await
            .expect("it waits");
        store
            .address_mail(id, address.into(), 1)
            .await
            .expect("addressed");
        store
            .finish_mail(id, MailOutcome::Sent)
            .await
            .expect("sent");
        store
            .mark_bounced(address.into(), "5.1.1".into())
            .await
            .expect("marked");
        let mail = QuarantinedMail {
            id: String::new(),
            reason: QuarantineReason::NoReplyAddress,
            from: Some(address.into()),
            subject: None,
            room_id: None,
            size: 5,
            text: Some("Hello".into()),
            at: PAST,
        };
        let digest = [u8::from(address == "ann@example.com"); 32];
        store.quarantine_mail(digest, mail).await.expect("kept");
    }
    let visitors = vec![ann.visitor_id];
    let begun = store.begin_erasure(visitors, Principal::CommandLine).await;
    begun.expect("it begins").expect("somebody");
    while store.erase_step().await.expect("it goes on").is_some() {}
    let forgotten = async |room, address: &str| {
        let address = address.to_owned();
        (
            store
                .was_mailed(room, address.clone())
                .await
                .expect("it reads"),
            store
                .is_recipient(room, address.clone())
                .await
                .expect("it reads"),
            store.bounced(address).await.expect("it reads").is_some(),
        )
    };
    let gone = forgotten(ann.room.id, "ann@example.com").await;
    assert_eq!(gone, (false, false, false));
    let stays = forgotten(bob.room.id, "bob@example.com").await;
    assert_eq!(stays, (true, true, true));
    let kept = store.quarantined_mail(10).await.expect("it reads");
    let from: Vec<_> = kept
        .iter()
        .filter_map(|mail| mail.from.as_deref())
        .collect();
    assert_eq!(from, ["bob@example.com"]);
}

#[tokio::test]
async fn an_address_that_mail_does_not_reach_is_listed_until_it_is_allowed_again() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    let queued = store.queue_mail(transcript(room, "ann@example.com"), None);
    queued.await.expect("it is queued");
    for address in ["bob@example.com", "ann@example.com"] {
        let marked = store.mark_bounced(address.into(), "5.1.1".into()).await;
        marked.expect("it is marked");
    }
    let listed = async |limit| {
        let all = store.bounced_addresses(limit).await.expect("it reads");
        let all = all.into_iter();
        all.map(|one| (one.address, one.reason, one.room_id))
            .collect::<Vec<_>>()
    };
    let ann = ("ann@example.com".into(), "5.1.1".into(), Some(room));
    let bob = ("bob@example.com".into(), "5.1.1".into(), None);
    assert_eq!(listed(2).await, [ann.clone(), bob.clone()]);
    assert_eq!(listed(1).await, [ann]);
    // Again changes nothing.
    for _ in 0..2 {
        let by = Principal::CommandLine;
        let allowed = store.allow_address("ann@example.com".into(), by).await;
        allowed.expect("it is allowed");
    }
    assert_eq!(listed(2).await, [bob]);
    assert_eq!(store.bounced("ann@example.com".into()).await, Ok(None));
    let audited = "SELECT action, actor FROM audit WHERE subject IS NULL";
    assert_eq!(store.rows(audited), ["address_allowed|command line"]);
}
