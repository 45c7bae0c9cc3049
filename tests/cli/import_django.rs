use std::collections::BTreeMap;

use uuid::Uuid;

use crate::common::{Rest, Value, json};
use crate::process::{Ended, Place, Running};

/// What Django has written of the same shop: see tests/django/generate.py.
const JSON_LINES: &str = include_str!("../django/fixtures/shop.jsonl");
const SQL: &str = include_str!("../django/fixtures/shop.sql");
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The shop as a database, as JSON Lines and as JSON.
fn with_sources() -> Place {
    let place = Place::new().with("SHOPTALK_IMPORT__SESSION_SECRET", SECRET);
    place.write("shop.jsonl", JSON_LINES);
    let objects: Vec<&str> = JSON_LINES.lines().collect();
    place.write("shop.json", &format!("[\n{}\n]\n", objects.join(",\n")));
    let database = rusqlite::Connection::open(place.path().join("shop.sqlite3"));
    database
        .and_then(|database| database.execute_batch(SQL))
        .expect("it is made");
    place
}

/// One object of the dump, changed.
fn object(model: &str, pk: &Value, fields: Value) -> String {
    json!({"model": model, "pk": pk, "fields": fields}).to_string()
}

fn room(number: u128) -> Uuid {
    Uuid::from_u128((0xd7a0 << 112) | number)
}

/// A dump of one room with these texts.
fn dump_of(contents: &[&str]) -> String {
    let id = json!(room(1));
    let mut lines = vec![object(
        "chat.chatroom",
        &id,
        json!({"customer_name": "Ann"}),
    )];
    for (pk, content) in (1..).zip(contents) {
        let fields = json!({"room": id, "sender_type": "customer", "content": content,
            "created_at": format!("2024-05-04T10:20:{:02}.007Z", pk % 60)});
        lines.push(object("chat.chatmessage", &json!(pk), fields));
    }
    lines.join("\n")
}

async fn admin(running: &Running) -> Rest {
    let login = json!({"username": "mia", "password": "old"});
    let signed_in: Value = running
        .rest()
        .post("/api/admin/login/", login)
        .await
        .is(200);
    running
        .rest()
        .bearer(signed_in["token"].as_str().expect("a token"))
}

/// Everything that consoles see of all rooms, by room.
async fn everything(running: &Running) -> BTreeMap<String, (Value, Value)> {
    let admin = admin(running).await;
    let listed: Value = admin.get("/api/admin/rooms/?limit=200").await.is(200);
    let mut rooms = BTreeMap::new();
    for summary in listed["results"].as_array().expect("rooms") {
        let id = summary["id"].as_str().expect("an id").to_owned();
        let messages = format!("/api/admin/rooms/{id}/messages/?after=0&limit=200");
        let messages: Value = admin.get(&messages).await.is(200);
        rooms.insert(id, (summary.clone(), messages["results"].clone()));
    }
    rooms
}

fn contents(messages: &Value) -> Vec<&str> {
    let messages = messages.as_array().expect("messages");
    messages
        .iter()
        .map(|message| message["content"].as_str().expect("text"))
        .collect()
}

fn count(ended: &Ended, what: &str) -> u64 {
    let line = ended.stdout.lines().find(|line| line.ends_with(what));
    let number = line.and_then(|line| line.trim().split(' ').next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_database_json_and_json_lines_give_the_same_rooms() {
    let mut seen = Vec::new();
    for source in ["shop.sqlite3", "shop.json", "shop.jsonl"] {
        let place = with_sources();
        let ended = place.run(&["import-django", source, "--agents"]).await;
        for line in [
            "room d7a00000-0000-0000-0000-000000000003: customer_name cut to 100 characters",
            "message 11 of room d7a00000-0000-0000-0000-000000000007: too long, split into 3",
            "message 12 of room d7a00000-0000-0000-0000-000000000007: blank; left out",
            "message 13 of room d7a00000-0000-0000-0000-000000000007: it has a NUL character; left out",
            "message 900: its room d7a00000-0000-0000-0000-0000000003e7 is missing; left out",
            "agent eve: no password that can be checked",
            "user 4 (gone): inactive",
            "sender_type 'ghost'",
        ] {
            assert!(ended.stdout.contains(line), "'{line}' in {ended:?}");
        }
        assert_eq!(count(&ended, "new rooms"), 10, "{ended:?}");
        assert_eq!(count(&ended, "rooms without messages skipped"), 2);
        assert_eq!(count(&ended, "agents added"), 3);
        assert_eq!(count(&ended, "customers whose session goes on"), 1);
        ended.well();
        let running = place.serve().await;
        seen.push(everything(&running).await);
        running.stop().await;
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[1], seen[2]);

    let of = |number: u128| &seen[0][&room(number).to_string()];
    let (ann, log) = of(1);
    assert_eq!(ann["user"], "5");
    assert_eq!(
        (&ann["status"], &ann["unread_count"]),
        (&json!("waiting"), &json!(1))
    );
    assert_eq!(
        (&ann["admin_read_seq"], &ann["customer_read_seq"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(
        ann["last_message_at"], "2024-03-02T09:02:00.000Z",
        "not that of auto_now"
    );
    assert_eq!(
        contents(log),
        [
            "hello",
            "second, though its time is earlier",
            "good morning",
            "<b>ünïcödé</b> 😀\r\n\ttabs"
        ]
    );
    let id = Uuid::new_v5(&room(1), b"1").to_string();
    assert_eq!(log[0]["id"], id);
    assert_eq!(of(2).0["status"], "active");
    assert_eq!(of(8).0["status"], "closed");
    let lengths: Vec<usize> = contents(&of(7).1).iter().map(|text| text.len()).collect();
    assert_eq!(lengths, [8_000, 8_000, 3]);
    assert_eq!(of(12).0["customer_name"], "Control  name");
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_a_later_one_appends() {
    let place = with_sources();
    let import = ["import-django", "shop.jsonl", "--agents"];
    place.run(&import).await.well();
    let running = place.serve().await;
    let before = everything(&running).await;
    running.stop().await;
    let again = place.run(&import).await;
    assert_eq!(count(&again, "rooms unchanged"), 10, "{again:?}");
    assert!(
        again.stdout.contains("agent mia: there is one"),
        "{again:?}"
    );
    assert_eq!(count(&again, "agents added"), 0);
    assert_eq!(count(&again, "agents whose user name was taken"), 3);
    assert!(!again.stdout.contains("no password"), "{again:?}");
    again.well();
    let late = json!({"room": room(2), "sender_type": "customer", "content": "older, but later",
        "created_at": "2020-01-01T00:00:00Z"});
    let late = object("chat.chatmessage", &json!(5_000), late);
    place.write("later.jsonl", &format!("{JSON_LINES}{late}\n"));
    let running = place.serve().await;
    assert_eq!(everything(&running).await, before);
    running.stop().await;
    let later = place.run(&["import-django", "later.jsonl"]).await;
    assert_eq!(count(&later, "rooms with new messages"), 1, "{later:?}");
    later.well();
    let running = place.serve().await;
    let now = everything(&running).await;
    let (summary, log) = &now[&room(2).to_string()];
    assert_eq!(contents(log), ["hi", "yes?", "older, but later"]);
    assert_eq!(summary["status"], "waiting");
}

#[tokio::test]
async fn an_erased_customer_does_not_come_back_with_another_run() {
    let place = with_sources();
    let import = ["import-django", "shop.jsonl", "--agents"];
    place.run(&import).await.well();
    let erased = place.run(&["erase", "user:5"]).await.well();
    let erased: Value = serde_json::from_str(&erased).expect("a receipt");
    let rooms = erased["erased"]["rooms"].as_u64().expect("a number");
    assert!(rooms > 0, "{erased}");
    for arguments in [&["--dry-run"][..], &[]] {
        let again = place.run(&[&import[..2], arguments].concat()).await;
        let left_out = "rooms left out because they were erased";
        assert_eq!(count(&again, left_out), rooms, "{again:?}");
        assert_eq!(count(&again, "rooms unchanged"), 10 - rooms, "{again:?}");
        assert_eq!(count(&again, "new rooms"), 0, "{again:?}");
        again.well();
    }
}

/// A new database knows of no erasure, but the ledger beside the backups does.
#[tokio::test]
async fn a_new_database_does_not_get_a_customer_whom_the_ledger_lists() {
    let place = with_sources();
    let kept = place.path().join("kept").display().to_string();
    let place = place.with("SHOPTALK_BACKUP__DIRECTORY", &kept);
    place.run(&["import-django", "shop.jsonl"]).await.well();
    let erased = place.run(&["erase", "user:5"]).await.well();
    let erased: Value = serde_json::from_str(&erased).expect("a receipt");
    let rooms = erased["erased"]["rooms"].as_u64().expect("a number");
    assert!(rooms > 0, "{erased}");
    for arguments in [&["--dry-run"][..], &[]] {
        let import = ["import-django", "shop.jsonl", "--data-dir", "fresh"];
        let imported = place.run(&[&import[..], arguments].concat()).await;
        let left_out = "rooms left out because they were erased";
        assert_eq!(count(&imported, left_out), rooms, "{imported:?}");
        assert_eq!(count(&imported, "new rooms"), 10 - rooms, "{imported:?}");
        imported.well();
    }
}

#[tokio::test]
async fn passwords_of_django_go_on_and_are_hashed_anew() {
    let place = with_sources();
    let import = place
        .run(&["import-django", "shop.sqlite3", "--agents"])
        .await;
    import.well();
    let hash = |name: &str| -> String {
        let database = rusqlite::Connection::open(place.data_dir().join("shoptalk.db"));
        database
            .and_then(|database| {
                database.query_row(
                    "SELECT password_hash FROM agents WHERE username = ?1",
                    [name],
                    |row| row.get(0),
                )
            })
            .expect("there is one")
    };
    let running = place.serve().await;
    for (name, password, role, begins) in [
        ("mia", "old", "admin", "pbkdf2_sha256$1000000$"),
        ("tom", "correct horse", "agent", "argon2$argon2id$"),
    ] {
        assert!(hash(name).starts_with(begins));
        for expected in ["first", "second"] {
            let login = json!({"username": name, "password": password});
            let signed_in: Value = running
                .rest()
                .post("/api/admin/login/", login)
                .await
                .is(200);
            assert_eq!(signed_in["agent"]["role"], role, "{expected}");
            assert!(
                hash(name).starts_with("$argon2id$v=19$m=19456,"),
                "{}",
                hash(name)
            );
        }
    }
    let eve = json!({"username": "eve", "password": "!uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"});
    running.rest().post("/api/admin/login/", eve).await.is(401);
}

#[tokio::test]
async fn a_customer_whose_session_lives_goes_on_by_its_token() {
    let place = with_sources();
    place.run(&["import-django", "shop.sqlite3"]).await.well();
    let running = place.serve().await;
    let token = |session: &str| shoptalk::credentials::session_token(SECRET, session);
    let live = running
        .rest()
        .bearer(&token(&format!("live{}", "s".repeat(28))));
    let rooms: Value = live.get("/api/chat/rooms/").await.is(200);
    let mut ids: Vec<&str> = rooms["results"]
        .as_array()
        .expect("rooms")
        .iter()
        .map(|room| room["id"].as_str().expect("an id"))
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, [room(3).to_string(), room(4).to_string()]);
    let opened: Value = live.post("/api/chat/rooms/", json!({})).await.is(200);
    assert_eq!(opened["room"]["id"], room(4).to_string());
    for session in [
        format!("dead{}", "s".repeat(28)),
        format!("ws_{}", "0".repeat(20)),
    ] {
        let ended = running.rest().bearer(&token(&session));
        ended.get("/api/chat/rooms/").await.is(401);
    }
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_old_conversations_are_closed_on_request() {
    let place = with_sources();
    let dry = place
        .run(&["import-django", "shop.jsonl", "--agents", "--dry-run"])
        .await;
    assert!(dry.stdout.contains("would import 10 rooms"), "{dry:?}");
    dry.well();
    assert!(!place.data_dir().exists());
    let close = [
        "import-django",
        "shop.jsonl",
        "--agents",
        "--close-older-than",
        "30",
    ];
    place.run(&close).await.well();
    let dry = place
        .run(&["import-django", "shop.jsonl", "--dry-run"])
        .await;
    assert_eq!(count(&dry, "rooms unchanged"), 10, "{dry:?}");
    let running = place.serve().await;
    let rooms = everything(&running).await;
    assert!(rooms.values().all(|(room, _)| room["status"] == "closed"));
    let running_refusal = place.run(&["import-django", "shop.jsonl"]).await;
    running_refusal.failed(&["stop it first"]);
}

#[tokio::test]
async fn customers_are_named_as_the_identities_name_them() {
    let place = with_sources();
    let email = place
        .run(&["import-django", "shop.jsonl", "--sub", "email"])
        .await;
    email.refused_with(1, &["ann@example.com", "users 5, 7", "--sub"]);
    assert!(!place.data_dir().exists(), "nothing is imported");
    let unique = JSON_LINES.replacen("\"twin\"", "\"other\"", 1);
    let unique = unique.replacen("ann@example.com", "ann@example.org", 1);
    place.write("unique.jsonl", &unique);
    let empty = place
        .run(&["import-django", "unique.jsonl", "--sub", "email"])
        .await;
    empty.refused_with(1, &["empty", ": 6"]);
    let without: Vec<&str> = JSON_LINES
        .lines()
        .filter(|line| !line.contains("auth.user"))
        .collect();
    place.write("without.jsonl", &without.join("\n"));
    let without = place
        .run(&["import-django", "without.jsonl", "--sub", "username"])
        .await;
    without.refused_with(1, &["dumpdata auth.user"]);
    let by_name = [
        "import-django",
        "shop.jsonl",
        "--sub",
        "username",
        "--agents",
    ];
    place.run(&by_name).await.well();
    let running = place.serve().await;
    let rooms = everything(&running).await;
    assert_eq!(rooms[&room(1).to_string()].0["user"], "ann");
}

#[tokio::test]
async fn bad_sources_are_refused_with_what_to_do_and_leave_nothing() {
    let place = Place::new();
    let several = format!(
        "{}\n{}",
        dump_of(&["hi"]),
        dump_of(&["hi"]).replace("chat.chat", "help.chat")
    );
    let token = "gAAAAABl6vXKAAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw==";
    let integer_key = dump_of(&["hi"]).replace(&room(1).to_string(), "17");
    let no_keys = dump_of(&["hi"])
        .replace("\"pk\":1,", "")
        .replace(",\"pk\":1", "");
    let cut = dump_of(&["hi", "ho"]);
    for (name, text, words) in [
        (
            "letter.txt",
            "Dear Sir".to_owned(),
            &["neither a SQLite database nor JSON", "dumpdata"][..],
        ),
        ("empty.json", String::new(), &["empty"]),
        ("other.json", "[]".to_owned(), &["no APP.chatroom", "--app"]),
        (
            "cut.json",
            cut[..cut.len() - 20].to_owned(),
            &["ends in the middle", "again"],
        ),
        (
            "list.json",
            "[1, 2]".to_owned(),
            &["not the output of manage.py dumpdata"],
        ),
        ("several.jsonl", several, &["chat, help", "--app"]),
        (
            "fernet.jsonl",
            dump_of(&["plain", token]),
            &["message 2", "Fernet", "decrypt first"],
        ),
        ("integers.jsonl", integer_key, &["UUID"]),
        ("natural.jsonl", no_keys, &["--natural-primary"]),
        (
            "columns.jsonl",
            dump_of(&["hi"]).replace("\"content\"", "\"words\""),
            &["chat.chatmessage has no content"],
        ),
        (
            "shoptalk.sqlite3",
            "SQLite format 3\0 and then nothing of it".to_owned(),
            &["damaged or encrypted"],
        ),
        ("zipped.json.gz", "\u{1f}\u{8b}".to_owned(), &[]),
    ] {
        place.write(name, &text);
        let refused = place.run(&["import-django", name]).await;
        refused.refused_with(1, words);
        assert!(!place.data_dir().exists(), "{name}");
    }
    let missing = place.run(&["import-django", "missing.json"]).await;
    missing.refused_with(1, &["missing.json"]);
    let zone = place
        .run(&["import-django", "letter.txt", "--timezone", "Berlin"])
        .await;
    zone.misused(&["Berlin", "Europe/Berlin"]);
    let app = place
        .run(&["import-django", "several.jsonl", "--app", "help"])
        .await;
    assert_eq!(count(&app, "new rooms"), 1, "{app:?}");
}

#[tokio::test]
async fn times_without_a_zone_are_of_the_given_one() {
    let place = Place::new();
    let naive = dump_of(&["hi"]).replace("2024-05-04T10:20:01.007Z", "2024-03-31T02:30:00");
    place.write("naive.jsonl", &naive);
    let utc = place
        .run(&["import-django", "naive.jsonl", "--dry-run"])
        .await;
    assert!(utc.stdout.contains("taken as UTC"), "{utc:?}");
    let berlin = [
        "import-django",
        "naive.jsonl",
        "--timezone",
        "Europe/Berlin",
    ];
    let berlin = place.run(&berlin).await;
    assert!(
        berlin
            .stdout
            .contains("Europe/Berlin skipped; taken as 2024-03-31T01:30:00.000Z"),
        "{berlin:?}"
    );
    berlin.well();
}

/// Runs the template tag of the documentation with the little of Django that it needs. Returns what it
/// has put into the page of an anonymous customer and of one with an account.
async fn pages_of_the_tag() -> Option<[String; 2]> {
    const RUN: &str = r#"
import sys, types, importlib.util
def module(name, **names):
    sys.modules[name] = types.SimpleNamespace(**names)
class Library:
    def simple_tag(self, takes_context):
        return lambda function: function
settings = types.SimpleNamespace(
    SHOPTALK_URL="https://chat.example.com", STATIC_URL="/static/",
    SHOPTALK_SESSION_SECRET=sys.argv[2], SHOPTALK_IDENTITY_SECRET=sys.argv[2])
template = types.SimpleNamespace(Library=Library)
module("django", template=template)
module("django.conf", settings=settings)
module("django.contrib")
module("django.contrib.auth")
class Signal:
    def connect(self, receiver, dispatch_uid):
        self.receiver = receiver
signal = Signal()
module("django.contrib.auth.signals", user_logged_out=signal)
module("django.utils")
module("django.utils.html", format_html=lambda text, *values: text.format(*values))
spec = importlib.util.spec_from_file_location("tag", sys.argv[1])
tag = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tag)
def page(signed_in):
    user = types.SimpleNamespace(is_authenticated=signed_in, pk=5, email="ann@example.com",
        get_full_name=lambda: "Ann Smith")
    session = types.SimpleNamespace(session_key="live" + "s" * 28)
    request = types.SimpleNamespace(user=user, session=session)
    print(tag.shoptalk({"request": request}))
    assert tag.NoStore(lambda request: {})(request)["Cache-Control"] == "private, no-store"
page(False)
page(True)
class Response(dict):
    def set_cookie(self, name, value, **options):
        self[name] = value
def sign_out(request):
    signal.receiver(sender=None, request=request, user=None)
    return Response()
request = types.SimpleNamespace(is_secure=lambda: True)
assert tag.NoStore(sign_out)(request) == {"shoptalk_signed_out": "1"}
assert tag.NoStore(lambda request: Response())(types.SimpleNamespace()) == {}
signal.receiver(sender=None, request=None, user=None)
"#;
    let tag = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/django/shoptalk_chat.py"
    );
    let python = tokio::process::Command::new("python3")
        .args(["-B", "-c", RUN, tag, SECRET])
        .output()
        .await;
    let output = match python {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: the tag was not run, because there is no python3 ({error})");
            return None;
        }
    };
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    Some(lines.try_into().expect("two pages"))
}

#[tokio::test]
async fn the_tag_of_the_documentation_hands_customers_over() {
    let Some([anonymous, signed_in]) = pages_of_the_tag().await else {
        return;
    };
    let attribute = |page: &str, name: &str| {
        let (_, rest) = page.split_once(&format!("{name}=\"")).expect(name);
        rest.split_once('"').expect("it ends").0.to_owned()
    };
    let place = with_sources().with("SHOPTALK_IDENTITY__SECRETS", SECRET);
    place.run(&["import-django", "shop.sqlite3"]).await.well();
    let running = place.serve().await;
    let token = attribute(&anonymous, "data-token");
    let rooms: Value = running
        .rest()
        .bearer(&token)
        .get("/api/chat/rooms/")
        .await
        .is(200);
    assert_eq!(rooms["results"].as_array().map(Vec::len), Some(2));
    let identity = attribute(&signed_in, "data-identity");
    assert!(!signed_in.contains("data-token"), "{signed_in}");
    let script = "<script src=\"/static/shoptalk-identify.js\"";
    assert!(anonymous.contains(script) && signed_in.contains(script));
    let rooms: Value = running
        .rest()
        .bearer(&identity)
        .get("/api/chat/rooms/")
        .await
        .is(200);
    assert_eq!(rooms["results"][0]["id"], room(1).to_string());
}

#[tokio::test]
async fn a_dump_that_ends_before_the_messages_is_refused_as_one_that_was_cut_off() {
    let place = with_sources();
    let whole = std::fs::read_to_string(place.path().join("shop.jsonl")).expect("a dump");
    let cut: Vec<&str> = whole
        .lines()
        .filter(|line| !line.contains("chat.chatmessage"))
        .collect();
    place.write("cut.jsonl", &cut.join("\n"));
    for more in [&[][..], &["--app", "chat"]] {
        let args = [&["import-django", "cut.jsonl", "--dry-run"][..], more].concat();
        let ended = place.run(&args).await;
        ended.refused_with(1, &["no message", "cut off", "dump again"]);
    }
}

#[tokio::test]
async fn a_room_whose_user_was_deleted_is_nobodys() {
    let place = with_sources();
    let whole = std::fs::read_to_string(place.path().join("shop.jsonl")).expect("a dump");
    let is_ann = |line: &&str| line.contains("auth.user") && line.contains("\"pk\": 5,");
    assert_eq!(whole.lines().filter(is_ann).count(), 1);
    let without: Vec<&str> = whole.lines().filter(|line| !is_ann(line)).collect();
    place.write("shop.jsonl", &without.join("\n"));
    let imported = place.run(&["import-django", "shop.jsonl"]).await;
    assert_eq!(count(&imported, "rooms whose user is missing"), 1);
    let said = "its user 5 is missing; imported as anonymous";
    assert!(imported.stdout.contains(said), "{imported:?}");
    imported.well();
    let nobody = place.run(&["export", "--person", "user:5"]).await;
    nobody.failed(&["no visitor matches"]);

    // A dump need not have users at all.
    let none: Vec<&str> = without
        .into_iter()
        .filter(|line| !line.contains("auth.user"))
        .collect();
    place.write("none.jsonl", &none.join("\n"));
    let import = ["import-django", "none.jsonl", "--data-dir", "other"];
    let imported = place.run(&import).await;
    assert_eq!(count(&imported, "rooms whose user is missing"), 0);
    imported.well();
    let export = ["export", "--person", "user:5", "--data-dir", "other"];
    place.run(&export).await.well();
}
