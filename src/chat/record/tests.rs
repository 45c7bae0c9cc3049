use uuid::Uuid;

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
        change: ChangeId::default(),
        unread_count: 0,
        waiting_since: None,
        last_message: None,
        desk: Default::default(),
    }
}

fn agent() -> Sender {
    Sender::Agent {
        id: Uuid::nil(),
        display_name: "Mia".into(),
    }
}

fn draft(sender: Sender) -> Draft {
    Draft {
        id: Uuid::now_v7(),
        sender,
        content: "hello".into(),
        via: None,
    }
}

#[test]
fn a_visitor_s_message_makes_the_room_waiting_and_an_agent_s_active() {
    let mut record = record();
    let question = record.post(draft(Sender::Visitor), NOW);
    assert_eq!((question.seq, question.sender_name.as_str()), (1, "Ann"));
    record.post(draft(Sender::Visitor), Timestamp(2_000));
    assert_eq!(record.room.status, Status::Waiting);
    assert_eq!(
        record.waiting_since,
        Some(NOW),
        "the first unanswered message counts"
    );
    assert_eq!(record.unread_count, 2);
    let reply = record.post(draft(agent()), NOW);
    assert_eq!((reply.seq, reply.sender_name.as_str()), (3, "Mia"));
    assert_eq!(
        (record.room.status, record.waiting_since),
        (Status::Active, None)
    );
    assert_eq!(record.unread_count, 2, "a message moves no read mark");
    assert_eq!(record.version, 3);
}

#[test]
fn a_visitor_s_message_reopens_a_closed_room() {
    let mut record = record();
    record.post(draft(Sender::Visitor), NOW);
    let closing = record
        .set_status(Status::Closed, &agent(), Uuid::nil(), NOW)
        .expect("the status changes");
    assert_eq!((closing.event, closing.seq), (Some(SystemEvent::Closed), 2));
    assert_eq!(record.waiting_since, None);
    assert_eq!(
        record.unread_count, 1,
        "a system message never counts as unread"
    );
    record.post(draft(Sender::Visitor), NOW);
    assert_eq!(record.room.status, Status::Waiting);
}

#[test]
fn setting_the_present_status_changes_nothing() {
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
fn unsigned_details_never_overwrite_signed_ones() {
    let mut record = record();
    let signed = Details {
        name: Some("Ann Signed".into()),
        ..Details::default()
    };
    assert!(record.set_details(DetailsPatch::from_identity(signed.clone()), NOW));
    assert!(
        !record.set_details(DetailsPatch::from_identity(signed), NOW),
        "repeating it changes nothing"
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

#[test]
fn a_blocked_visitor_may_not_post_and_agents_may() {
    let mut record = record();
    assert!(rules::may_post(&record, Side::Visitor));
    record.blocked = true;
    assert!(!rules::may_post(&record, Side::Visitor));
    assert!(rules::may_post(&record, Side::Agent));
}

#[test]
fn the_record_with_the_higher_version_is_newer() {
    let (older, mut newer) = (record(), record());
    assert!(!newer.is_newer_than(&older));
    newer.post(draft(Sender::Visitor), NOW);
    assert!(newer.is_newer_than(&older));
    assert!(!older.is_newer_than(&newer));
}
