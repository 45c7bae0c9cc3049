//! How small values of the domain are stored in columns.

use rusqlite::Row;
use rusqlite::types::Type;

use crate::chat::{Language, Role, SenderType, SignedFields, Status, SystemEvent, TagId, Via};
use crate::persistence::MailKind;

/// A count or number as SQLite stores it. One past its range cannot have been stored, so the
/// largest value compares in the same way.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count or number from a column.
pub(crate) fn uint(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// A count or number from a column that may be null.
pub(crate) fn optional_uint(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    match row.get::<_, Option<i64>>(column)? {
        Some(_) => uint(row, column).map(Some),
        None => Ok(None),
    }
}

/// A LIMIT of `items` rows and `extra` more.
pub(crate) fn limit(items: usize, extra: usize) -> i64 {
    i64::try_from(items.saturating_add(extra)).unwrap_or(i64::MAX)
}

/// Tags as one column has them: their bytes, one behind the other; none is null.
pub(crate) fn tags_bytes(tags: &[TagId]) -> Option<Vec<u8>> {
    let bytes: Vec<u8> = tags.iter().flat_map(|tag| *tag.as_bytes()).collect();
    (!bytes.is_empty()).then_some(bytes)
}

/// Tags from a column of [`tags_bytes`].
pub(crate) fn tags(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<TagId>> {
    let Some(bytes) = row.get_ref(column)?.as_blob_or_null()? else {
        return Ok(Vec::new());
    };
    let (tags, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(rusqlite::Error::FromSqlConversionFailure(
            column,
            Type::Blob,
            format!("{} bytes are no tags", bytes.len()).into(),
        ));
    }
    Ok(tags.iter().copied().map(TagId::from_bytes).collect())
}

fn unknown<T>(column: usize, value: i64, what: &str) -> rusqlite::Result<T> {
    Err(rusqlite::Error::FromSqlConversionFailure(
        column,
        Type::Integer,
        format!("{value} is no {what}").into(),
    ))
}

pub(crate) fn status_code(status: Status) -> i64 {
    match status {
        Status::Waiting => 0,
        Status::Active => 1,
        Status::Closed => 2,
    }
}

pub(crate) fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    match row.get(column)? {
        0 => Ok(Status::Waiting),
        1 => Ok(Status::Active),
        2 => Ok(Status::Closed),
        other => unknown(column, other, "status"),
    }
}

pub(crate) fn sender_code(sender: SenderType) -> i64 {
    match sender {
        SenderType::Customer => 0,
        SenderType::Admin => 1,
        SenderType::System => 2,
    }
}

pub(crate) fn sender(row: &Row<'_>, column: usize) -> rusqlite::Result<SenderType> {
    match row.get(column)? {
        0 => Ok(SenderType::Customer),
        1 => Ok(SenderType::Admin),
        2 => Ok(SenderType::System),
        other => unknown(column, other, "sender"),
    }
}

pub(crate) fn event_code(event: SystemEvent) -> i64 {
    match event {
        SystemEvent::Closed => 0,
        SystemEvent::Reopened => 1,
    }
}

pub(crate) fn event(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<SystemEvent>> {
    match row.get(column)? {
        None => Ok(None),
        Some(0) => Ok(Some(SystemEvent::Closed)),
        Some(1) => Ok(Some(SystemEvent::Reopened)),
        Some(other) => unknown(column, other, "event"),
    }
}

pub(crate) fn via_code(via: Via) -> i64 {
    match via {
        Via::Mail => 0,
    }
}

pub(crate) fn via(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Via>> {
    match row.get(column)? {
        None => Ok(None),
        Some(0) => Ok(Some(Via::Mail)),
        Some(other) => unknown(column, other, "way"),
    }
}

pub(crate) fn role_code(role: Role) -> i64 {
    match role {
        Role::Agent => 0,
        Role::Admin => 1,
    }
}

pub(crate) fn role(row: &Row<'_>, column: usize) -> rusqlite::Result<Role> {
    match row.get(column)? {
        0 => Ok(Role::Agent),
        1 => Ok(Role::Admin),
        other => unknown(column, other, "role"),
    }
}

/// A language from a column that may be null. One of a newer program is not known here.
pub(crate) fn language(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Language>> {
    let code: Option<String> = row.get(column)?;
    Ok(code.as_deref().and_then(Language::of_tag))
}

pub(crate) fn mail_kind(row: &Row<'_>, column: usize) -> rusqlite::Result<MailKind> {
    let code = row.get(column)?;
    MailKind::of_code(code).map_or_else(|| unknown(column, code, "kind of mail"), Ok)
}

pub(crate) fn signed_code(signed: SignedFields) -> i64 {
    i64::from(signed.name) | i64::from(signed.email) << 1 | i64::from(signed.phone) << 2
}

pub(crate) fn signed(row: &Row<'_>, column: usize) -> rusqlite::Result<SignedFields> {
    let bits: i64 = row.get(column)?;
    Ok(SignedFields {
        name: bits & 1 != 0,
        email: bits & 2 != 0,
        phone: bits & 4 != 0,
    })
}
