use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::persistence::sqlite::contradictions;
use crate::persistence::testing::*;
use crate::persistence::{Store, verify_backup};

/// Databases that the versions which had these schemas made of the same conversations.
const RELEASED: [u64; 5] = [2, 3, 4, 5, 6];

/// A data directory with the database of a released schema.
fn released(schema: u64) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let packed = format!(
        "{}/tests/fixtures/schemas/{schema}.db.gz",
        env!("CARGO_MANIFEST_DIR")
    );
    let packed = File::open(packed).expect("the fixture is there");
    let mut database = Vec::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_end(&mut database)
        .expect("it unpacks");
    std::fs::write(directory.path().join(DATABASE_FILE), database).expect("written");
    directory
}

fn connect(directory: &Path) -> Connection {
    Connection::open(directory.join(DATABASE_FILE)).expect("it opens")
}

/// Every message as its room and everything that people see of it.
fn messages(conn: &Connection) -> Vec<(Vec<u8>, i64, String, String)> {
    let mut query = conn
        .prepare(
            "SELECT r.id, m.seq, m.sender_name, m.content
             FROM messages m JOIN rooms r ON r.pk = m.room ORDER BY r.id, m.seq",
        )
        .expect("the tables are there");
    let rows = query
        .query_map([], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, Option<String>>(2)?
                    .unwrap_or_else(|| "-".into()),
                row.get(3)?,
            ))
        })
        .expect("they are read");
    rows.collect::<Result<_, _>>().expect("they are read")
}

fn backups(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory.join("backups")) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[tokio::test]
async fn every_released_schema_is_backed_up_and_then_upgraded_whole() {
    for schema in RELEASED {
        let directory = released(schema);
        let before = messages(&connect(directory.path()));
        assert_eq!(before.len(), 240);
        let store = Store::open(options(&directory)).expect("it is upgraded");
        assert_eq!(store.damage(), None);
        let after = connect(directory.path());
        assert_eq!(schema::version(&after).expect("a version"), schema::LATEST);
        assert_eq!(messages(&after), before, "schema {schema}");
        assert_eq!(
            contradictions(&after).expect("it reads"),
            Vec::<String>::new()
        );
        assert!(!directory.path().join(MARKER_FILE).exists());
        let kept = backups(directory.path());
        if schema == schema::LATEST {
            assert_eq!(kept, Vec::<PathBuf>::new(), "nothing was changed");
            continue;
        }
        let [backup] = &kept[..] else {
            panic!("one backup of schema {schema}: {kept:?}");
        };
        assert_eq!(verify_backup(backup).expect("it verifies").schema, schema);
    }
}

/// A directory with the database of a schema, in which an upgrade began with another one.
fn interrupted(schema: u64, began_with: u64) -> (tempfile::TempDir, PathBuf) {
    let directory = released(schema);
    let backup = directory.path().join("backups/before-upgrade-earlier.db");
    std::fs::create_dir(directory.path().join("backups")).expect("made");
    std::fs::write(&backup, "made by the attempt that was killed").expect("written");
    std::fs::write(
        directory.path().join(MARKER_FILE),
        format!("{began_with}\n{}\n", backup.display()),
    )
    .expect("written");
    (directory, backup)
}

#[test]
fn an_attempt_killed_before_its_first_step_is_begun_again() {
    let (directory, earlier) = interrupted(2, 2);
    upgrade(&mut connect(directory.path()), &options(&directory)).expect("it is upgraded");
    let kept = backups(directory.path());
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_ne!(kept[0], earlier);
    verify_backup(&kept[0]).expect("the newer one is sound");
}

#[test]
fn a_backup_that_cannot_be_made_leaves_nothing() {
    let directory = released(2);
    let options = StoreOptions {
        backup_dir: directory.path().join("missing"),
        backup_recipients: vec![age::x25519::Identity::generate().to_public()],
        ..options(&directory)
    };
    let upgrade = upgrade_of(&options);
    let failed = upgrade.back_up(&connect(directory.path()), 2);
    let failed = failed.expect_err("there is no place for it").to_string();
    assert!(failed.contains(STAGED_FILE), "{failed}");
    let names: Vec<_> = std::fs::read_dir(directory.path())
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, [DATABASE_FILE]);
}

fn upgrade_of(options: &StoreOptions) -> Upgrade<'_> {
    Upgrade {
        data_dir: &options.data_dir,
        backup_dir: &options.backup_dir,
        recipients: &options.backup_recipients,
        reporter: Reporter::new(|| {}),
    }
}

#[test]
fn nothing_of_a_killed_attempt_takes_the_space_of_the_next_one() {
    let (directory, earlier) = interrupted(2, 2);
    let unfinished = [
        directory.path().join("backups").join(STAGED_FILE),
        directory.path().join(PLAIN_FILE),
    ];
    for path in &unfinished {
        std::fs::write(path, "half of a backup").expect("written");
    }
    let conn = connect(directory.path());
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .expect("a log");
    conn.execute_batch("CREATE TABLE step (x); DROP TABLE step")
        .expect("something in the log");
    let options = options(&directory);
    upgrade_of(&options)
        .make_room(
            &conn,
            Some(Marker {
                schema: 2,
                backup: earlier.clone(),
            }),
        )
        .expect("made");
    for path in unfinished.iter().chain([&earlier]) {
        assert!(!path.exists(), "{}", path.display());
    }
    let log = directory.path().join("shoptalk.db-wal");
    assert_eq!(log.metadata().expect("a log").len(), 0);
}

#[test]
fn an_attempt_killed_between_two_steps_goes_on_with_its_backup() {
    let (directory, earlier) = interrupted(3, 2);
    upgrade(&mut connect(directory.path()), &options(&directory)).expect("it is upgraded");
    assert_eq!(backups(directory.path()), [earlier]);
    assert!(!directory.path().join(MARKER_FILE).exists());
}

#[test]
fn progress_is_reported() {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    let directory = released(2);
    let options = StoreOptions {
        still_upgrading: || {
            REPORTS.fetch_add(1, Ordering::Relaxed);
        },
        ..options(&directory)
    };
    upgrade(&mut connect(directory.path()), &options).expect("it is upgraded");
    assert!(REPORTS.load(Ordering::Relaxed) > 0);
}

#[test]
fn with_recipients_the_backup_is_encrypted_and_nothing_plain_is_left() {
    let directory = released(2);
    let identity = age::x25519::Identity::generate();
    let options = StoreOptions {
        backup_recipients: vec![identity.to_public()],
        ..options(&directory)
    };
    upgrade(&mut connect(directory.path()), &options).expect("it is upgraded");
    let [backup] = &backups(directory.path())[..] else {
        panic!("one file: {:?}", backups(directory.path()));
    };
    assert_eq!(backup.extension().expect("one"), "age");
    let key = directory.path().join("identity.txt");
    let secret = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
    std::fs::write(&key, secret).expect("written");
    let plain = directory.path().join("plain.db");
    let mut target = File::create(&plain).expect("made");
    encryption::decrypt(backup, &key, &mut target).expect("the identity opens it");
    assert_eq!(verify_backup(&plain).expect("it verifies").schema, 2);
}

#[test]
fn a_disk_that_is_too_small_is_named() {
    let lacking = |free, free_for_backups| lacking_space(100, free, free_for_backups, 0);
    assert_eq!(lacking(300, None), None);
    assert_eq!(lacking(299, None), Some((Disk::Data, 300, 299)));
    assert_eq!(lacking(200, Some(100)), None);
    assert_eq!(lacking(199, Some(100)), Some((Disk::Data, 200, 199)));
    assert_eq!(lacking(200, Some(99)), Some((Disk::Backups, 100, 99)));
    let encrypted = |free, free_for_backups| lacking_space(100, free, free_for_backups, 1);
    assert_eq!(encrypted(399, None), Some((Disk::Data, 400, 399)));
    assert_eq!(encrypted(299, Some(100)), Some((Disk::Data, 300, 299)));
    assert_eq!(encrypted(300, Some(99)), Some((Disk::Backups, 100, 99)));
}

#[test]
fn other_texts_are_no_marker() {
    let marker = Marker {
        schema: 4,
        backup: "/a/b.db".into(),
    };
    assert_eq!(Marker::parse(&marker.to_string()), Some(marker));
    for text in [
        "", "4", "4
", "x
/a
", "4
/a",
    ] {
        assert_eq!(Marker::parse(text), None, "{text:?}");
    }
}
