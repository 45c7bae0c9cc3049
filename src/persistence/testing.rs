//! What the store's tests share.

mod contradictions;

use std::any::Any;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use shoptalk_local_servers::{Database, test_database};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::chat::{
    AgentId, DeskPatch, Details, DetailsPatch, Draft, Message, MessageId, RoomId, Sender, Status,
    TagId, Timestamp,
};
use crate::persistence::*;

/// Options for a store in `directory`.
pub(crate) fn options(directory: &TempDir) -> StoreOptions {
    StoreOptions {
        url: None,
        data_dir: directory.path().to_owned(),
        backup_dir: directory.path().join("backups"),
        backup_recipients: Vec::new(),
        still_upgrading: || {},
        synchronous: Synchronous::Normal,
        exclusive: true,
        queue_items: 1_000,
        batch_items: 100,
        readers: 2,
        rules: RuleSettings::default(),
    }
}

/// Opens a store from a test, whose own runtime may not be blocked and ends with it.
fn open(options: StoreOptions) -> Result<Store, OpenError> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if options.url.is_none() {
        return Store::open(options);
    }
    let runtime = RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"));
    let opener = std::thread::spawn(|| {
        let _entered = runtime.enter();
        Store::open(options)
    });
    opener.join().expect("it does not panic")
}

/// The writer waits until this is dropped.
pub(crate) struct WriterPause {
    _release: Box<dyn Any + Send>,
}

/// A store in a directory of its own, or in a database of its own where PostgreSQL is tested.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    pub(crate) directory: TempDir,
    database: Option<Database<'static>>,
}

impl std::ops::Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl TestStore {
    /// A store of the kind that is tested.
    pub(crate) fn new() -> Self {
        Self::open_in(test_database(), |_| {})
    }

    /// A store in SQLite, for tests of what only SQLite does.
    pub(crate) fn in_sqlite() -> Self {
        Self::open_in(None, |_| {})
    }

    /// As [`in_sqlite`](Self::in_sqlite), with other options.
    pub(crate) fn in_sqlite_with(change: impl FnOnce(&mut StoreOptions)) -> Self {
        Self::open_in(None, change)
    }

    /// A store in PostgreSQL that connects to it at another port.
    pub(crate) fn in_postgres_at(database: Database<'static>, port: u16) -> Self {
        let url = format!(
            "postgres://shoptalk@127.0.0.1:{port}/{}?sslmode=disable",
            database.name()
        );
        Self::open_in(Some(database), |options| options.url = Some(url))
    }

    fn open_in(
        database: Option<Database<'static>>,
        change: impl FnOnce(&mut StoreOptions),
    ) -> Self {
        let directory = TempDir::new().expect("a directory");
        let mut options = options(&directory);
        options.url = database.as_ref().map(|database| database.url().to_owned());
        change(&mut options);
        Self {
            store: open(options).expect("the store opens"),
            directory,
            database,
        }
    }

    /// A store in SQLite that the test has opened by itself.
    pub(crate) fn opened(store: Store, directory: TempDir) -> Self {
        Self {
            store,
            directory,
            database: None,
        }
    }

    /// What is stored and contradicts itself, in words.
    pub(crate) async fn contradictions(&self) -> Vec<String> {
        if let Some(database) = &self.database {
            return contradictions::in_postgres(database);
        }
        self.sqlite()
            .write(|tx| Ok(crate::persistence::sqlite::contradictions(tx.conn)?))
            .await
            .expect("checked")
    }

    /// Runs SQL from outside, as another program would.
    pub(crate) fn execute_from_outside(&self, sql: &str) {
        match &self.database {
            Some(database) => drop(database.psql(sql).expect("it runs")),
            None => self.sqlite_file().execute_batch(sql).expect("it runs"),
        }
    }

    /// The rows of a query from outside, each with its fields as text between `|`.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        if let Some(database) = &self.database {
            let rows = database.psql(sql).expect("rows");
            return rows.lines().map(str::to_owned).collect();
        }
        let conn = self.sqlite_file();
        let mut statement = conn.prepare(sql).expect("a statement");
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let fields = (0..columns).map(|column| field(row.get_ref(column)?));
            Ok(fields.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
        });
        rows.and_then(Iterator::collect).expect("rows")
    }

    fn sqlite_file(&self) -> rusqlite::Connection {
        let conn = rusqlite::Connection::open(self.directory.path().join("shoptalk.db"))
            .expect("it opens");
        conn.busy_timeout(std::time::Duration::from_secs(60))
            .expect("it waits");
        conn
    }

    /// Another node on the same database. Only where PostgreSQL is tested.
    pub(crate) fn another_node(&self) -> Store {
        self.try_another_node().expect("the store opens")
    }

    /// As [`another_node`](Self::another_node), where it may be refused.
    pub(crate) fn try_another_node(&self) -> Result<Store, OpenError> {
        let mut options = options(&self.directory);
        options.url = self
            .database
            .as_ref()
            .map(|database| database.url().to_owned());
        assert!(options.url.is_some(), "SQLite has one node");
        open(options)
    }

    /// Makes the writer wait inside a transaction.
    pub(crate) async fn pause_writer(&self) -> WriterPause {
        let (begun, begins) = oneshot::channel();
        // When it is run again, the pause is already over.
        let mut begun = Some(begun);
        let release: Box<dyn Any + Send> = match &self.store {
            Store::Sqlite(store) => {
                let (release, released) = std::sync::mpsc::channel::<()>();
                // It leaves the writer's memory of rooms as it is.
                store.submit_to_rooms(
                    move |_, _| {
                        begun.take().map(|begun| begun.send(()));
                        let _ = released.recv();
                        Ok(())
                    },
                    Box::new(|_| {}),
                );
                Box::new(release)
            }
            Store::Postgres(store) => {
                let (release, released) = oneshot::channel::<()>();
                let released = released.map(|_| ()).shared();
                store.submit_write(
                    move |_| {
                        begun.take().map(|begun| begun.send(()));
                        Box::pin(released.clone().map(Ok))
                    },
                    Box::new(|_| {}),
                );
                Box::new(release)
            }
        };
        begins.await.expect("the writer takes it");
        WriterPause { _release: release }
    }

    /// Drops the store without closing it, and opens what it has stored again.
    pub(crate) fn reopened(self) -> Self {
        let Self {
            store,
            directory,
            database,
        } = self;
        drop(store);
        let mut options = options(&directory);
        options.url = database.as_ref().map(|database| database.url().to_owned());
        Self {
            store: open(options).expect("the store opens again"),
            directory,
            database,
        }
    }

    /// Applies an operation to a room and waits for the outcome.
    pub(crate) async fn apply(&self, room: RoomId, op: RoomOp) -> Result<RoomCommit, WriteError> {
        self.submit_op(room, op).await.expect("it is completed")
    }

    /// Queues an operation on a room without waiting.
    pub(crate) fn submit_op(
        &self,
        room: RoomId,
        op: RoomOp,
    ) -> oneshot::Receiver<Result<RoomCommit, WriteError>> {
        let (reply, replied) = oneshot::channel();
        self.write_room(
            room,
            op,
            Box::new(move |result| {
                let _ = reply.send(result);
            }),
        );
        replied
    }

    /// Blocks a room's visitor through a connection of its own, as another process would.
    pub(crate) fn block_from_outside(&self, room: RoomId, blocked: bool) {
        self.sqlite_file()
            .execute(
                "UPDATE visitors SET blocked = ?2
                 WHERE id = (SELECT visitor FROM rooms WHERE id = ?1)",
                rusqlite::params![room, blocked],
            )
            .expect("it is blocked");
    }

    /// A new anonymous visitor's room.
    pub(crate) async fn new_room(&self, name: &str) -> RoomId {
        let details = Details {
            name: Some(name.to_owned()),
            ..Details::default()
        };
        let opened = self.open_room(anonymous(details)).await.expect("it opens");
        opened.record.room.id
    }

    /// A new agent, as a sender.
    pub(crate) async fn new_agent(&self, name: &str) -> Sender {
        let new = NewAgent {
            username: name.into(),
            display_name: name.into(),
            role: crate::chat::Role::Agent,
            password_hash: NO_PASSWORD.into(),
        };
        let added = self.add_agent(new, Principal::CommandLine).await;
        Sender::Agent {
            id: added.expect("added").id,
            display_name: name.into(),
        }
    }

    /// Posts as the visitor and returns the message.
    pub(crate) async fn post_as_visitor(&self, room: RoomId, content: &str) -> Message {
        posted(self.apply(room, RoomOp::Post(visitor_draft(content))).await)
    }

    /// Posts as an agent and returns the message.
    pub(crate) async fn post_as_agent(&self, room: RoomId, content: &str) -> Message {
        posted(self.apply(room, RoomOp::Post(agent_draft(content))).await)
    }
}

fn field(value: rusqlite::types::ValueRef<'_>) -> rusqlite::Result<String> {
    use rusqlite::types::ValueRef;
    Ok(match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
    })
}

/// The message that a post has appended.
pub(crate) fn posted(result: Result<RoomCommit, WriteError>) -> Message {
    match result.expect("it is committed").effect {
        Effect::Posted(message) => message,
        other => panic!("it was posted, not {other:?}"),
    }
}

/// A request without credentials.
pub(crate) fn anonymous(details: Details) -> OpenRoom {
    OpenRoom {
        token: None,
        identity: None,
        details,
        fresh_token: token(),
    }
}

/// The hash of a fresh token.
pub(crate) fn token() -> TokenHash {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    TokenHash(hash)
}

pub(crate) fn visitor_draft(content: &str) -> Draft {
    draft(Uuid::now_v7(), Sender::Visitor, content)
}

pub(crate) fn block() -> RoomOp {
    RoomOp::set_block(SetBlock {
        blocked: true,
        until: None,
        by: Principal::CommandLine,
    })
}

/// A change in every respect, which closes the room.
pub(crate) fn everything(
    assignee: AgentId,
    expect_assignee: Option<AgentId>,
    tag: TagId,
) -> RoomOp {
    let by = Sender::Agent {
        id: assignee,
        display_name: "Mia".into(),
    };
    RoomOp::Change(Box::new(RoomPatch {
        desk: DeskPatch {
            assignee: Some(Some(assignee)),
            expect_assignee: Some(expect_assignee),
            tags: Some(vec![tag]),
            spam: None,
            snoozed_until: Some(Some(Timestamp(9_000_000_000_000))),
        },
        details: DetailsPatch {
            name: Some(Some("Carla".into())),
            ..DetailsPatch::default()
        },
        block: Some(SetBlock {
            blocked: true,
            until: Some(Timestamp(8_000_000_000_000)),
            by: Principal::Agent(assignee),
        }),
        status: Some((Status::Closed, by)),
    }))
}

pub(crate) fn agent_draft(content: &str) -> Draft {
    let sender = Sender::Agent {
        id: Uuid::nil(),
        display_name: "Mia".into(),
    };
    draft(Uuid::now_v7(), sender, content)
}

pub(crate) fn draft(id: MessageId, sender: Sender, content: &str) -> Draft {
    Draft {
        id,
        sender,
        content: content.to_owned(),
        via: None,
    }
}

/// A room's record, read from the table.
pub(crate) async fn record(store: &Store, room: RoomId) -> Arc<crate::chat::RoomRecord> {
    Arc::new(
        store
            .room(room)
            .await
            .expect("it reads")
            .expect("it is there"),
    )
}
