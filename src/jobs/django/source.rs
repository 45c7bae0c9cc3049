//! Reads the rows from a SQLite database of Django, or from a dump.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::dump;
use super::error::ImportError;
use super::record::{Kind, Record};
use crate::persistence::{ForeignDatabase, ForeignValue, is_sqlite_file};

const ROOMS: &str = "chatroom";
const MESSAGES: &str = "chatmessage";

/// Receives rows, with how much of the source was read and how much there is.
pub(super) type Sink<'s> = &'s mut dyn FnMut(Kind, Record, (u64, u64)) -> Result<(), ImportError>;

/// Reads all rows of a source and returns the name of the app whose chat it was.
pub(super) fn read(path: &Path, app: Option<&str>, sink: Sink<'_>) -> Result<String, ImportError> {
    let unreadable = |error: std::io::Error| ImportError::Source {
        path: path.to_owned(),
        cause: error.to_string(),
    };
    if path.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    if is_sqlite_file(path).map_err(unreadable)? {
        return read_database(path, app, sink);
    }
    read_dump(path, app, sink)
}

/// The one app that has a chat.
fn only_app(
    path: &Path,
    wanted: Option<&str>,
    apps: Vec<String>,
    seen: Vec<String>,
    separator: char,
) -> Result<String, ImportError> {
    if let Some(wanted) = wanted {
        let wanted = wanted.to_lowercase();
        if apps.contains(&wanted) {
            return Ok(wanted);
        }
        return Err(ImportError::NoChat {
            path: path.to_owned(),
            wanted: format!("{wanted}{separator}{ROOMS} and {wanted}{separator}{MESSAGES}"),
            seen,
        });
    }
    match apps.as_slice() {
        [] => Err(ImportError::NoChat {
            path: path.to_owned(),
            wanted: format!("APP{separator}{ROOMS} and APP{separator}{MESSAGES}"),
            seen,
        }),
        [app] => Ok(app.clone()),
        _ => Err(ImportError::SeveralApps(apps)),
    }
}

fn read_database(path: &Path, app: Option<&str>, sink: Sink<'_>) -> Result<String, ImportError> {
    let database = ForeignDatabase::open(path)?;
    let tables = database.tables()?;
    let has = |name: &str| tables.iter().any(|table| table.eq_ignore_ascii_case(name));
    let apps: Vec<String> = tables
        .iter()
        .filter_map(|table| {
            let table = table.to_lowercase();
            let app = table.strip_suffix(ROOMS)?.strip_suffix('_')?;
            has(&format!("{app}_{MESSAGES}")).then(|| app.to_owned())
        })
        .collect();
    let seen = tables
        .iter()
        .filter(|table| table.to_lowercase().ends_with(ROOMS))
        .cloned()
        .collect();
    let app = only_app(path, app, apps, seen, '_')?;
    let rooms = format!("{app}_{ROOMS}");
    let mut plan = Vec::new();
    // Users and sessions come first, so that nothing waits for them.
    if let Some(users) = user_table(&database, &rooms, &tables)? {
        plan.push((Kind::User, users));
    }
    if has("django_session") {
        plan.push((Kind::Session, "django_session".to_owned()));
    }
    plan.push((Kind::Room, rooms));
    plan.push((Kind::Message, format!("{app}_{MESSAGES}")));
    let mut total = 0;
    for (_, table) in &plan {
        total += database.count(table)?;
    }
    let mut done = 0;
    for (kind, table) in plan {
        read_table(&database, kind, &table, &mut |kind, record| {
            done += 1;
            sink(kind, record, (done, total))
        })?;
    }
    Ok(app)
}

/// The table of users: the one that rooms refer to, or Django's own, or one that looks like it.
fn user_table(
    database: &ForeignDatabase,
    rooms: &str,
    tables: &[String],
) -> Result<Option<String>, ImportError> {
    if let Some(table) = database.referred_by(rooms, "user_id")? {
        return Ok(Some(table));
    }
    if tables.iter().any(|table| table == "auth_user") {
        return Ok(Some("auth_user".to_owned()));
    }
    for table in tables {
        let columns = database.columns(table)?;
        if ["password", "is_staff", "is_active"]
            .iter()
            .all(|column| columns.iter().any(|found| found == column))
        {
            return Ok(Some(table.clone()));
        }
    }
    Ok(None)
}

fn read_table(
    database: &ForeignDatabase,
    kind: Kind,
    table: &str,
    sink: &mut dyn FnMut(Kind, Record) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let columns = database.columns(table)?;
    let fields: Vec<String> = columns.iter().map(|column| field(column)).collect();
    check_fields(
        kind,
        table,
        |wanted| fields.iter().any(|it| it == wanted),
        &columns,
    )?;
    let key = database.primary_key(table)?;
    let key = columns
        .iter()
        .position(|column| Some(column) == key.as_ref());
    database.rows(table, &columns, |values| {
        let mut record = Record {
            key: Value::Null,
            fields: serde_json::Map::new(),
        };
        for (column, value) in values.into_iter().enumerate() {
            let value = json(value);
            if Some(column) == key {
                record.key = value;
            } else {
                record.fields.insert(fields[column].clone(), value);
            }
        }
        sink(kind, record)
    })
}

/// A column as the model names it: a foreign key `room_id` is the field `room`.
fn field(column: &str) -> String {
    match column.strip_suffix("_id") {
        Some(field @ ("room" | "user")) => field.to_owned(),
        _ => column.to_owned(),
    }
}

/// Refuses a model without the columns that the import needs.
fn check_fields(
    kind: Kind,
    table: &str,
    has: impl Fn(&str) -> bool,
    found: &[String],
) -> Result<(), ImportError> {
    let wanted: &[&'static str] = match kind {
        Kind::Message => &["room", "sender_type", "content", "created_at"],
        Kind::Room | Kind::User | Kind::Session => &[],
    };
    match wanted.iter().find(|column| !has(column)) {
        Some(column) => Err(ImportError::NoColumn {
            table: table.to_owned(),
            column,
            found: found.to_vec(),
        }),
        None => Ok(()),
    }
}

fn json(value: ForeignValue) -> Value {
    match value {
        ForeignValue::Null => Value::Null,
        ForeignValue::Integer(number) => number.into(),
        ForeignValue::Real(number) => number.into(),
        ForeignValue::Text(text) => Value::String(text),
    }
}

fn read_dump(path: &Path, app: Option<&str>, sink: Sink<'_>) -> Result<String, ImportError> {
    let total = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let wanted = app.map(str::to_lowercase);
    let (mut with_rooms, mut with_messages) = (BTreeSet::new(), BTreeSet::new());
    let mut checked = false;
    dump::read(path, &mut |model, record, done| {
        let Some((app, name)) = model.split_once('.') else {
            return Ok(());
        };
        let is_wanted = wanted.as_deref().is_none_or(|wanted| wanted == app);
        let kind = match name {
            ROOMS => {
                with_rooms.insert(app.to_owned());
                Kind::Room
            }
            MESSAGES => {
                with_messages.insert(app.to_owned());
                Kind::Message
            }
            "session" if app == "sessions" => Kind::Session,
            _ if looks_like_a_user(&record) => Kind::User,
            _ => return Ok(()),
        };
        if !is_wanted && matches!(kind, Kind::Room | Kind::Message) {
            return Ok(());
        }
        if record.key.is_null() && kind != Kind::User {
            return Err(ImportError::NoKeys);
        }
        if kind == Kind::Message && !checked {
            let found: Vec<String> = record.fields.keys().cloned().collect();
            check_fields(
                kind,
                model,
                |wanted| record.fields.contains_key(wanted),
                &found,
            )?;
            checked = true;
        }
        sink(kind, record, (done, total))
    })?;
    // dumpdata writes a model after the other.
    if with_messages.is_empty()
        && let Some(app) = with_rooms
            .iter()
            .find(|app| wanted.as_ref().is_none_or(|wanted| wanted == *app))
    {
        return Err(ImportError::NoMessages {
            path: path.to_owned(),
            app: app.clone(),
        });
    }
    let apps = with_rooms.intersection(&with_messages).cloned().collect();
    let seen: BTreeSet<&String> = with_rooms.union(&with_messages).collect();
    let seen = seen.into_iter().map(|app| format!("app {app}")).collect();
    only_app(path, wanted.as_deref(), apps, seen, '.')
}

/// Models of users, whatever the shop calls them.
fn looks_like_a_user(record: &Record) -> bool {
    ["password", "is_staff", "is_active"]
        .iter()
        .all(|field| record.fields.contains_key(*field))
}
