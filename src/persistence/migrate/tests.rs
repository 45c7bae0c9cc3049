use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use shoptalk_local_servers::Postgres;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::chat::{
    Agent, ApiToken, ChangeVector, DeskPatch, Details, Language, Message, Right, Role, RoomId,
    RoomRecord, Sender, Side, Status, Timestamp,
};
use crate::persistence::testing::*;
use crate::persistence::*;

/// What a client can see of a database.
#[derive(Debug, PartialEq)]
struct Seen {
    epoch: String,
    head: Head,
    agents: Vec<Agent>,
    listed: Vec<RoomRecord>,
    rooms: Vec<(RoomRecord, Vec<Message>, Vec<u64>)>,
    changed: Vec<RoomRecord>,
    removed: Vec<RemovedRoom>,
    session: Option<Agent>,
    visitor: Option<Visitor>,
    unrecorded: Vec<Uuid>,
    api_tokens: Vec<ApiToken>,
}

/// A shop in SQLite, closed.
struct Shop {
    directory: TempDir,
    rooms: Vec<RoomId>,
    /// A place in the order of changes before the last ones.
    cursor: ChangeVector,
    visitor: TokenHash,
    session: TokenHash,
    seen: Seen,
}

async fn sign_in(store: &TestStore) -> TokenHash {
    let agent = NewAgent {
        username: "Mia".into(),
        display_name: "Mia".into(),
        role: Role::Admin,
        password_hash: "$argon2id$hash".into(),
    };
    let added = store.add_agent(agent, Principal::CommandLine).await;
    added.expect("added");
    let found = store.agent_credentials("mia").await.expect("it reads");
    let session = NewSession {
        token: token(),
        expires_at: Timestamp(Timestamp::now().0 + 1_000_000),
    };
    let token = session.token;
    let verified = found.expect("known");
    store
        .start_session(verified, session)
        .await
        .expect("signed in");
    token
}

/// Rooms in every state: waiting, active, closed, empty, blocked, redacted, erased.
async fn shop() -> Shop {
    let store = TestStore::in_sqlite();
    let session = sign_in(&store).await;
    let mut rooms = Vec::new();
    for number in 0..12 {
        let room = store.new_room(&format!("Ann \u{1f600} {number}")).await;
        for count in 0..number * 3 {
            let text = format!("message {count}\n'\"\\ \u{e4}");
            store.post_as_visitor(room, &text).await;
        }
        rooms.push(room);
    }
    let new = NewApiToken {
        token: token(),
        name: "Robot".into(),
        rights: vec![Right::Export],
        created_by: Uuid::from_u128(3),
        expires_at: Some(Timestamp(i64::MAX)),
    };
    store.add_api_token(new).await.expect("made");
    let by = Principal::CommandLine;
    let close = RoomOp::SetStatus {
        status: Status::Closed,
        by: Sender::Visitor,
    };
    let mark = RoomOp::MarkRead {
        side: Side::Agent,
        seq: 5,
    };
    store.post_as_agent(rooms[3], "hello").await;
    store.apply(rooms[4], close).await.expect("closed");
    let rating = crate::chat::NewRating {
        score: 4,
        comment: Some("quick \u{1f600}".into()),
    };
    for content in ["one \u{1f600}", "two"] {
        let note = crate::chat::NoteDraft {
            id: uuid::Uuid::now_v7(),
            agent_id: uuid::Uuid::nil(),
            agent_name: "Mia".into(),
            content: content.into(),
        };
        let noted = store.apply(rooms[4], RoomOp::Note(note)).await;
        noted.expect("noted");
    }
    let rated = store.apply(rooms[4], RoomOp::Rate(rating)).await;
    rated.expect("rated");
    store.apply(rooms[5], block()).await.expect("blocked");
    let redact = RoomOp::Redact { seq: 2, by };
    store.apply(rooms[6], redact).await.expect("redacted");
    store.apply(rooms[7], mark).await.expect("read");
    let tag = NewTag {
        name: "order".into(),
        color: "#112233".into(),
    };
    let tag = store.add_tag(tag).await.expect("added").id;
    let desk = DeskPatch {
        assignee: Some(Some(Uuid::from_u128(7))),
        tags: Some(vec![tag]),
        spam: Some(true),
        snoozed_until: Some(Some(Timestamp(9_000_000_000_000))),
        ..DeskPatch::default()
    };
    let desk = RoomOp::set_desk(desk);
    store.apply(rooms[8], desk).await.expect("changed");
    let erased = record(&store, rooms.remove(2)).await.visitor_id;
    store
        .begin_erasure(vec![erased], by)
        .await
        .expect("decided");
    let cursor = store.head().changes;
    // Its messages are still to be deleted.
    store.erase_step().await.expect("it goes on");
    let opened = store.open_room(anonymous(Details::default()));
    let opened = opened.await.expect("it opens");
    rooms.push(opened.record.room.id);
    let request = anonymous(Details::default());
    let visitor = request.fresh_token;
    let opened = store.open_room(request).await.expect("it opens");
    rooms.push(opened.record.room.id);
    store.set_visitor_language(opened.record.visitor_id, Language::Arabic);
    store.post_as_visitor(rooms[0], "the last one").await;
    let mut shop = Shop {
        directory: TempDir::new().expect("a directory"),
        rooms,
        cursor,
        visitor,
        session,
        seen: Seen {
            epoch: String::new(),
            head: Head::default(),
            agents: Vec::new(),
            listed: Vec::new(),
            rooms: Vec::new(),
            changed: Vec::new(),
            removed: Vec::new(),
            session: None,
            visitor: None,
            unrecorded: Vec::new(),
            api_tokens: Vec::new(),
        },
    };
    shop.seen = shop.look_at(&store).await;
    assert!(shop.seen.session.is_some());
    let visitor = shop.seen.visitor.as_ref().expect("known");
    assert_eq!(visitor.language, Some(Language::Arabic));
    assert_eq!(shop.seen.removed.len(), 1);
    store.close().await;
    shop.directory = store.directory;
    shop
}

impl Shop {
    async fn look_at(&self, store: &Store) -> Seen {
        let mut rooms = Vec::new();
        for room in &self.rooms {
            let record = store.room(*room).await.expect("it reads").expect("there");
            let mut log: Vec<Message> = Vec::new();
            loop {
                let after = log.len() as u64;
                let page = store.messages_after(*room, after, 7).await.expect("read");
                log.extend(page.messages);
                if !page.more {
                    break;
                }
            }
            let redacted = store.redacted(*room, u64::MAX).await.expect("read");
            rooms.push((record, log, redacted));
        }
        let mut listed = Vec::new();
        let mut cursor = None;
        loop {
            let query = RoomQuery {
                status: None,
                filter: Default::default(),
                order: RoomOrder::Activity,
                cursor,
                limit: 5,
            };
            let page = store.list_rooms(query).await.expect("listed");
            listed.extend(page.records);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let changed = store.changed_since(&self.cursor, 100).await.expect("read");
        Seen {
            epoch: store.epoch().to_owned(),
            head: store.head(),
            agents: store.agents().await.expect("it reads"),
            listed,
            rooms,
            changed: changed.records,
            removed: changed.removed,
            session: store.session_agent(self.session).await.expect("it reads"),
            visitor: store
                .visitor_by_token(self.visitor)
                .await
                .expect("it reads"),
            unrecorded: store.unrecorded().await.expect("it reads").erased.rooms,
            api_tokens: store.api_tokens().await.expect("it reads"),
        }
    }

    fn options(&self) -> StoreOptions {
        options(&self.directory)
    }

    /// Checks that the other database has everything, and that it goes on.
    async fn check(&self, url: &str) {
        let mut options = self.options();
        options.url = Some(url.to_owned());
        let store = blocking(|| Store::open(options)).await.expect("it ends");
        let store = store.expect("it opens");
        assert_eq!(self.look_at(&store).await, self.seen);
        let (reply, replied) = tokio::sync::oneshot::channel();
        let post = RoomOp::Post(visitor_draft("and on"));
        let done = Box::new(move |result| drop(reply.send(result)));
        store.write_room(self.rooms[0], post, done);
        let before = &self.seen.rooms[0].0;
        let message = posted(replied.await.expect("completed"));
        assert_eq!(message.seq, before.room.last_seq + 1);
        let numbers = store.head().changes;
        let first = self.seen.head.changes.of_slot(0);
        assert_eq!(numbers.of_slot(0), first + 1, "cursors go on");
        let new = store.open_room(anonymous(Details::default())).await;
        assert!(new.expect("it opens").created, "no number is given twice");
        while store.erase_step().await.expect("it goes on").is_some() {}
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_sqlite_is_in_postgres_and_goes_on() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let database = server.create_database().expect("a database");
    let shop = shop().await;
    let mut steps = Vec::new();
    let migrated = migrate(shop.options(), &database.url(), |step| steps.push(step)).await;
    assert_eq!(migrated.expect("moved"), Migrated::Now);
    assert_eq!(steps.first(), Some(&MigrateStep::Marked));
    assert_eq!(steps.last(), Some(&MigrateStep::Committed));
    let refused = Store::open(shop.options()).expect_err("it has moved");
    assert!(matches!(refused, OpenError::Moved { .. }), "{refused}");
    let again = migrate(shop.options(), &database.url(), |_| {}).await;
    assert_eq!(again.expect("it was moved"), Migrated::Before);
    shop.check(&database.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_cut_off_anywhere_is_completed_by_another_run() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    type Cut = fn(MigrateStep) -> bool;
    let cuts: [Cut; 5] = [
        |step| step == MigrateStep::Marked,
        |step| matches!(step, MigrateStep::Copied { done: 1.., .. }),
        |step| matches!(step, MigrateStep::Copied { done, total } if done > total / 2),
        |step| step == MigrateStep::Compared,
        |step| step == MigrateStep::Committed,
    ];
    for cut in cuts {
        let database = server.create_database().expect("a database");
        let shop = shop().await;
        let url = database.url();
        let moving = migrate(shop.options(), &url, |step| {
            assert!(!cut(step), "cut off");
        });
        let ended = AssertUnwindSafe(moving).catch_unwind().await;
        assert!(ended.is_err(), "it was cut off");
        let refused = Store::open(shop.options()).expect_err("it is moving");
        assert!(matches!(refused, OpenError::Moving { .. }), "{refused}");
        let elsewhere = migrate(shop.options(), "postgres://other@db/shop", |_| {}).await;
        assert!(matches!(elsewhere, Err(MigrateError::Elsewhere(_))));
        let migrated = migrate(shop.options(), &url, |_| {}).await;
        assert_eq!(migrated.expect("completed"), Migrated::Now);
        shop.check(&url).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_somebody_uses_is_left_alone_and_sqlite_goes_on() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let database = server.create_database().expect("a database");
    let first = shop().await;
    let moved = migrate(first.options(), &database.url(), |_| {}).await;
    moved.expect("moved");
    let second = shop().await;
    let refused = migrate(second.options(), &database.url(), |_| {}).await;
    let refused = refused.expect_err("it is used").to_string();
    assert!(refused.contains("CREATE DATABASE"), "{refused}");
    let unreachable = "postgres://shop@127.0.0.1:1/shop";
    let failed = migrate(second.options(), unreachable, |_| {}).await;
    assert!(matches!(failed, Err(MigrateError::Target { .. })));
    let store = Store::open(second.options()).expect("it is as it was");
    assert_eq!(second.look_at(&store).await, second.seen);
    store.close().await;
    // The lock goes with the writer's thread.
    drop(store);
    let locked = Store::open(second.options()).expect("it opens");
    let busy = migrate(second.options(), &database.url(), |_| {}).await;
    assert!(matches!(
        busy,
        Err(MigrateError::Open(OpenError::Locked(_)))
    ));
    drop(locked);
}
