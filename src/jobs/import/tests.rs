use proptest::prelude::*;
use tempfile::TempDir;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::*;
use crate::chat::{
    DeskPatch, Details, Draft, NewRating, NoteDraft, RoomId, Sender, Side, Status, Timestamp,
};
use crate::jobs::export::{Export, ExportFormat};
use crate::persistence::{
    ExportScope, Identity, NewAgent, NewTag, OpenRoom, RoomOp, RuleSettings, SetBlock,
    StoreOptions, Synchronous, TokenHash,
};

struct Shop {
    store: Store,
    directory: TempDir,
}

impl Shop {
    fn new() -> Self {
        let directory = TempDir::new().expect("a directory");
        let store = Store::open(StoreOptions {
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
        });
        Self {
            store: store.expect("the store opens"),
            directory,
        }
    }

    async fn open(&self, user: Option<&str>, details: Details) -> RoomId {
        let mut hash = [0; 32];
        hash[..16].copy_from_slice(Uuid::new_v4().as_bytes());
        let identity = user.map(|user| Identity {
            user: user.to_owned(),
            details: details.clone(),
            attributes: None,
        });
        let request = OpenRoom {
            token: None,
            identity,
            details,
            fresh_token: TokenHash(hash),
        };
        let opened = self.store.open_room(request).await.expect("it opens");
        opened.record.room.id
    }

    async fn apply(&self, room: RoomId, op: RoomOp) {
        let (reply, replied) = oneshot::channel();
        let done = Box::new(move |result| {
            let _ = reply.send(result);
        });
        self.store.write_room(room, op, done);
        replied.await.expect("completed").expect("committed");
    }

    async fn export(&self, format: ExportFormat) -> String {
        self.export_of(ExportScope::All, format).await
    }

    async fn export_of(&self, scope: ExportScope, format: ExportFormat) -> String {
        let begun = Export::begin(&self.store, scope, format).await;
        let mut export = begun.expect("it begins");
        let mut text = String::new();
        while let Some(part) = export.next().await.expect("it goes on") {
            text.push_str(&part);
        }
        text
    }

    async fn import(&self, text: &str) -> Result<TransferCounts, ImportError> {
        let path = self.directory.path().join("export.jsonl");
        std::fs::write(&path, text).expect("written");
        import(&self.store, &path, &ErasedIds::default(), |_| ()).await
    }
}

fn agent() -> Sender {
    Sender::Agent {
        id: Uuid::nil(),
        display_name: "Mia".into(),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Open(Option<u8>, String),
    Post(usize, bool, String),
    Read(usize, bool),
    Close(usize),
    Reopen(usize),
    Block(usize),
    Desk(usize, bool, bool),
    Redact(usize),
    Rate(usize, u8, Option<String>),
    Note(usize, String),
}

/// Texts that formats stumble over: line breaks of all kinds, quotes, what looks like an end of a
/// line in JSON, characters outside of the first plane.
fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\n\\r\\u{2028}\\u{2029}\\u{85}\\u{feff}\"\\\\,;=+@-]{1,8}",
        Just("=1+1\",'\u{1F469}\u{200D}\u{1F4BB}\u{202E}".to_owned()),
    ]
    .prop_map(|text| format!("x{}", text.replace('\0', "0")))
}

fn step() -> impl Strategy<Value = Step> {
    let room = 0_usize..8;
    prop_oneof![
        3 => (proptest::option::of(0_u8..3), odd_text()).prop_map(|(user, name)| Step::Open(user, name)),
        9 => (room.clone(), any::<bool>(), odd_text()).prop_map(|(room, by, text)| Step::Post(room, by, text)),
        2 => (room.clone(), any::<bool>()).prop_map(|(room, by)| Step::Read(room, by)),
        2 => room.clone().prop_map(Step::Close),
        1 => room.clone().prop_map(Step::Reopen),
        1 => room.clone().prop_map(Step::Redact),
        3 => (room.clone(), odd_text()).prop_map(|(room, text)| Step::Note(room, text)),
        2 => (room.clone(), 1_u8..=5, proptest::option::of(odd_text()))
            .prop_map(|(room, score, comment)| Step::Rate(room, score, comment)),
        2 => (room.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(room, is_tagged, spam)| Step::Desk(room, is_tagged, spam)),
        1 => room.prop_map(Step::Block),
    ]
}

async fn fill(shop: &Shop, steps: Vec<Step>) {
    let mut rooms: Vec<RoomId> = Vec::new();
    for step in steps {
        let of = |room: usize| (!rooms.is_empty()).then(|| rooms[room % rooms.len()]);
        match step {
            Step::Open(user, name) => {
                let name = name.replace(char::is_control, " ");
                let details = Details {
                    name: Some(name.chars().take(100).collect()),
                    ..Details::default()
                };
                let user = user.map(|user| format!("user {user}"));
                let room = shop.open(user.as_deref(), details).await;
                if !rooms.contains(&room) {
                    rooms.push(room);
                }
            }
            Step::Post(room, by_visitor, content) => {
                let Some(room) = of(room) else { continue };
                let record = shop.store.room(room).await.expect("read").expect("there");
                let sender = if by_visitor && !record.blocked {
                    Sender::Visitor
                } else {
                    agent()
                };
                let id = Uuid::now_v7();
                shop.apply(
                    room,
                    RoomOp::Post(Draft {
                        id,
                        sender,
                        content,
                        via: None,
                    }),
                )
                .await;
            }
            Step::Read(room, by_visitor) => {
                let Some(room) = of(room) else { continue };
                let seq = shop
                    .store
                    .room_head(room)
                    .await
                    .expect("read")
                    .expect("there");
                let side = if by_visitor {
                    Side::Visitor
                } else {
                    Side::Agent
                };
                shop.apply(room, RoomOp::MarkRead { side, seq }).await;
            }
            Step::Close(room) | Step::Reopen(room) => {
                let Some(id) = of(room) else { continue };
                let status = match step {
                    Step::Close(_) => Status::Closed,
                    _ => Status::Active,
                };
                shop.apply(
                    id,
                    RoomOp::SetStatus {
                        status,
                        by: agent(),
                    },
                )
                .await;
            }
            Step::Redact(room) => {
                let Some(room) = of(room) else { continue };
                let seq = shop.store.room_head(room).await.expect("read");
                let Some(seq) = seq.filter(|seq| *seq > 0) else {
                    continue;
                };
                let by = Principal::CommandLine;
                shop.apply(room, RoomOp::Redact { seq, by }).await;
            }
            Step::Note(room, content) => {
                let Some(room) = of(room) else { continue };
                let draft = NoteDraft {
                    id: Uuid::now_v7(),
                    agent_id: Uuid::from_u128(7),
                    agent_name: "Mia".into(),
                    content,
                };
                shop.apply(room, RoomOp::Note(draft)).await;
            }
            Step::Rate(room, score, comment) => {
                let Some(room) = of(room) else { continue };
                let record = shop.store.room(room).await.expect("read").expect("there");
                if record.room.status == Status::Closed && !record.blocked && !record.desk.spam {
                    shop.apply(room, RoomOp::Rate(NewRating { score, comment }))
                        .await;
                }
            }
            Step::Desk(room, is_tagged, spam) => {
                let Some(room) = of(room) else { continue };
                let tags = shop.store.tags().await.expect("read");
                let tags = tags.iter().filter(|_| is_tagged).map(|tag| tag.id);
                let patch = DeskPatch {
                    assignee: Some(Some(Uuid::from_u128(7))),
                    tags: Some(tags.collect()),
                    spam: Some(spam),
                    snoozed_until: Some(spam.then_some(Timestamp(9_000_000_000_000))),
                    ..DeskPatch::default()
                };
                shop.apply(room, RoomOp::set_desk(patch)).await;
            }
            Step::Block(room) => {
                let Some(room) = of(room) else { continue };
                let by = Principal::CommandLine;
                shop.apply(
                    room,
                    RoomOp::set_block(SetBlock {
                        blocked: true,
                        until: None,
                        by,
                    }),
                )
                .await;
            }
        }
    }
}

async fn add_mia(shop: &Shop) {
    let mia = NewAgent {
        username: "mia".into(),
        display_name: "Mia".into(),
        role: crate::chat::Role::Admin,
        password_hash: "$secret".into(),
    };
    let added = shop.store.add_agent(mia, Principal::CommandLine).await;
    added.expect("added");
    for name in ["order", "returns"] {
        let tag = NewTag {
            name: name.into(),
            color: "#112233".into(),
        };
        shop.store.add_tag(tag).await.expect("added");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn export_import_export_gives_the_same_bytes(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let (from, to) = (Shop::new(), Shop::new());
            add_mia(&from).await;
            fill(&from, steps).await;
            let first = from.export(ExportFormat::Jsonl).await;
            assert!(!first.contains("secret"), "{first}");
            to.import(&first).await.expect("it imports");
            assert_eq!(to.export(ExportFormat::Jsonl).await, first);
            assert_eq!(from.store.head().counts, to.store.head().counts);
            let again = to.import(&first).await.expect("it imports");
            assert_eq!((again.rooms, again.visitors, again.agents), (0, 0, 0));
            assert_eq!(to.export(ExportFormat::Jsonl).await, first);
        });
    }
}

async fn sample() -> (Shop, String) {
    let shop = Shop::new();
    for name in ["Ann", "Bob"] {
        let details = Details {
            name: Some(name.into()),
            ..Details::default()
        };
        let room = shop.open(None, details).await;
        for content in ["one", "two"] {
            let draft = Draft {
                id: Uuid::now_v7(),
                sender: Sender::Visitor,
                content: content.into(),
                via: None,
            };
            shop.apply(room, RoomOp::Post(draft)).await;
        }
    }
    let text = shop.export(ExportFormat::Jsonl).await;
    (shop, text)
}

#[tokio::test]
async fn a_file_with_a_bad_line_changes_nothing_and_the_line_is_named() {
    let (_shop, text) = sample().await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 8);
    let join = |lines: &[&str]| lines.join("\n");
    let with = |index: usize, line: &str| {
        let mut changed = lines.clone();
        changed[index] = line;
        changed.join("\n")
    };
    for (file, number, word) in [
        (with(3, "{\"type\":\"message\""), 4, "EOF"),
        (with(4, "{\"type\":\"spell\"}"), 5, "\"spell\""),
        (with(4, "{\"id\":1}"), 5, "type"),
        (with(2, lines[3]), 3, "seq is 2"),
        (with(1, lines[2]), 2, "follow"),
        (with(4, lines[1]), 6, "ends after 0 of 2"),
        (with(2, &lines[2].replace("one", " ")), 3, "content"),
        (join(&lines[..7]), 8, "incomplete"),
    ] {
        let to = Shop::new();
        let failure = to.import(&file).await.expect_err("refused").to_string();
        assert!(failure.contains(&format!("line {number}: ")), "{failure}");
        assert!(failure.contains(word), "{failure}");
        assert!(failure.contains("run the import again"), "{failure}");
        assert_eq!(to.export(ExportFormat::Jsonl).await, "", "{failure}");
    }
}

#[tokio::test]
async fn an_export_has_notes_and_agents_ids_unless_it_is_of_a_person() {
    let shop = Shop::new();
    let details = Details {
        email: Some("ann@example.com".into()),
        ..Details::default()
    };
    let (agent, room) = (Uuid::from_u128(7), shop.open(None, details).await);
    let sender = Sender::Agent {
        id: agent,
        display_name: "Mia".into(),
    };
    for (after_seq, content) in ["before", "after"].into_iter().enumerate() {
        let note = NoteDraft {
            id: Uuid::now_v7(),
            agent_id: agent,
            agent_name: "Mia".into(),
            content: content.into(),
        };
        shop.apply(room, RoomOp::Note(note)).await;
        let draft = Draft {
            id: Uuid::now_v7(),
            sender: sender.clone(),
            content: format!("message {after_seq}"),
            via: None,
        };
        shop.apply(room, RoomOp::Post(draft)).await;
    }
    let all = shop.export(ExportFormat::Jsonl).await;
    let of_type = |kind: &str| all.matches(&format!("{{\"type\":\"{kind}\"")).count();
    assert_eq!((of_type("message"), of_type("note")), (2, 2), "{all}");
    assert_eq!(
        all.matches(&format!("\"agent_id\":\"{agent}\"")).count(),
        4,
        "{all}"
    );
    let to = Shop::new();
    to.import(&all).await.expect("it imports");
    assert_eq!(to.export(ExportFormat::Jsonl).await, all);
    for (wrong, word) in [
        (all.replace("\"no\":2", "\"no\":3"), "no is 3"),
        (
            all.replace("\"after_seq\":1", "\"after_seq\":3"),
            "after_seq is 3",
        ),
        (
            all.replace("\"content\":\"after\"", "\"content\":\" \""),
            "content",
        ),
    ] {
        let failure = Shop::new().import(&wrong).await.expect_err("refused");
        assert!(failure.to_string().contains(word), "{failure}");
    }
    let who = "email:ann@example.com".parse().expect("a person");
    let scope = ExportScope::Person(who);
    let of_person = shop.export_of(scope, ExportFormat::Jsonl).await;
    assert_eq!(of_person.matches("{\"type\":\"message\"").count(), 2);
    for word in ["note", "agent_id", "before", &agent.to_string()] {
        assert!(!of_person.contains(word), "{word}: {of_person}");
    }
}

/// Somebody was added with `agent add` before the import.
#[tokio::test]
async fn what_an_agent_wrote_belongs_to_the_one_who_has_the_user_name_here() {
    let (from, to) = (Shop::new(), Shop::new());
    let add = async |shop: &Shop| {
        let agent = NewAgent {
            username: "mia".into(),
            display_name: "Mia".into(),
            role: crate::chat::Role::Agent,
            password_hash: "none".into(),
        };
        let added = shop.store.add_agent(agent, Principal::CommandLine).await;
        added.expect("added").id
    };
    let (there, here) = (add(&from).await, add(&to).await);
    let room = from.open(None, Details::default()).await;
    let note = NoteDraft {
        id: Uuid::now_v7(),
        agent_id: there,
        agent_name: "Mia".into(),
        content: "a note".into(),
    };
    from.apply(room, RoomOp::Note(note)).await;
    let post = Draft {
        id: Uuid::now_v7(),
        sender: Sender::Agent {
            id: there,
            display_name: "Mia".into(),
        },
        content: "hello".into(),
        via: None,
    };
    from.apply(room, RoomOp::Post(post)).await;
    let text = from.export(ExportFormat::Jsonl).await;
    // The agent's own line, the message, the note and the assignee.
    assert_eq!(text.matches(&there.to_string()).count(), 4, "{text}");
    to.import(&text).await.expect("it imports");
    let imported = to.export(ExportFormat::Jsonl).await;
    assert_eq!(imported.matches(&here.to_string()).count(), 4, "{imported}");
    assert!(!imported.contains(&there.to_string()), "{imported}");
}

#[tokio::test]
async fn a_room_that_is_there_stays_whole() {
    let (shop, text) = sample().await;
    let more = text.replace("\"two\"", "\"other\"");
    let counts = shop.import(&more).await.expect("it imports");
    assert_eq!((counts.rooms, counts.present_rooms), (0, 2));
    assert_eq!(shop.export(ExportFormat::Jsonl).await, text);
}

#[tokio::test]
async fn a_table_has_a_row_for_each_message() {
    let (shop, _text) = sample().await;
    let table = shop.export(ExportFormat::Csv).await;
    let rows: Vec<&str> = table.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 5, "{table}");
    assert!(rows[0].starts_with("room_id,"), "{table}");
    assert!(
        rows[1].contains(",Ann,") && rows[1].contains(",one,"),
        "{table}"
    );
}
