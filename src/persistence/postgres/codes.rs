//! How small values of the domain are stored in columns. A value that was never written means that
//! somebody else has changed the row.

use tokio_postgres::Row;

use crate::chat::{Language, Role, SenderType, SignedFields, Status, SystemEvent, Timestamp, Via};
use crate::persistence::MailKind;
use crate::persistence::postgres::tx_error::TxError;

/// A count or number as PostgreSQL stores it. One past its range cannot have been stored, so the
/// largest value compares in the same way.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A LIMIT of `items` rows and `extra` more.
pub(crate) fn limit(items: usize, extra: usize) -> i64 {
    i64::try_from(items.saturating_add(extra)).unwrap_or(i64::MAX)
}

fn unknown(column: usize, value: impl std::fmt::Display, what: &str) -> TxError {
    TxError::unreadable(format!("column {column} holds {value}, which is no {what}"))
}

/// A count or number from a column.
pub(crate) fn uint(row: &Row, column: usize) -> Result<u64, TxError> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| unknown(column, value, "count"))
}

/// A time from a column.
pub(crate) fn time(row: &Row, column: usize) -> Result<Timestamp, TxError> {
    Ok(Timestamp(row.try_get(column)?))
}

/// A time from a column that may be null.
pub(crate) fn optional_time(row: &Row, column: usize) -> Result<Option<Timestamp>, TxError> {
    Ok(row.try_get::<_, Option<i64>>(column)?.map(Timestamp))
}

/// A count or number from a column that may be null.
pub(crate) fn optional_uint(row: &Row, column: usize) -> Result<Option<u64>, TxError> {
    match row.try_get::<_, Option<i64>>(column)? {
        Some(_) => uint(row, column).map(Some),
        None => Ok(None),
    }
}

/// A language from a column that may be null. One of a newer program is not known here.
pub(crate) fn language(row: &Row, column: usize) -> Result<Option<Language>, TxError> {
    let code: Option<&str> = row.try_get(column)?;
    Ok(code.and_then(Language::of_tag))
}

pub(crate) fn mail_kind(row: &Row, column: usize) -> Result<MailKind, TxError> {
    let code: i16 = row.try_get(column)?;
    MailKind::of_code(code.into()).ok_or_else(|| unknown(column, code, "kind of mail"))
}

pub(crate) fn status_code(status: Status) -> i16 {
    match status {
        Status::Waiting => 0,
        Status::Active => 1,
        Status::Closed => 2,
    }
}

pub(crate) fn status(row: &Row, column: usize) -> Result<Status, TxError> {
    match row.try_get::<_, i16>(column)? {
        0 => Ok(Status::Waiting),
        1 => Ok(Status::Active),
        2 => Ok(Status::Closed),
        other => Err(unknown(column, other, "status")),
    }
}

pub(crate) fn sender_code(sender: SenderType) -> i16 {
    match sender {
        SenderType::Customer => 0,
        SenderType::Admin => 1,
        SenderType::System => 2,
    }
}

pub(crate) fn sender(row: &Row, column: usize) -> Result<SenderType, TxError> {
    match row.try_get::<_, i16>(column)? {
        0 => Ok(SenderType::Customer),
        1 => Ok(SenderType::Admin),
        2 => Ok(SenderType::System),
        other => Err(unknown(column, other, "sender")),
    }
}

pub(crate) fn event_code(event: SystemEvent) -> i16 {
    match event {
        SystemEvent::Closed => 0,
        SystemEvent::Reopened => 1,
    }
}

pub(crate) fn event(row: &Row, column: usize) -> Result<Option<SystemEvent>, TxError> {
    match row.try_get::<_, Option<i16>>(column)? {
        None => Ok(None),
        Some(0) => Ok(Some(SystemEvent::Closed)),
        Some(1) => Ok(Some(SystemEvent::Reopened)),
        Some(other) => Err(unknown(column, other, "event")),
    }
}

pub(crate) fn via_code(via: Via) -> i16 {
    match via {
        Via::Mail => 0,
    }
}

pub(crate) fn via(row: &Row, column: usize) -> Result<Option<Via>, TxError> {
    match row.try_get::<_, Option<i16>>(column)? {
        None => Ok(None),
        Some(0) => Ok(Some(Via::Mail)),
        Some(other) => Err(unknown(column, other, "way")),
    }
}

pub(crate) fn role_code(role: Role) -> i16 {
    match role {
        Role::Agent => 0,
        Role::Admin => 1,
    }
}

pub(crate) fn role(row: &Row, column: usize) -> Result<Role, TxError> {
    match row.try_get::<_, i16>(column)? {
        0 => Ok(Role::Agent),
        1 => Ok(Role::Admin),
        other => Err(unknown(column, other, "role")),
    }
}

pub(crate) fn signed_code(signed: SignedFields) -> i16 {
    i16::from(signed.name) | i16::from(signed.email) << 1 | i16::from(signed.phone) << 2
}

pub(crate) fn signed(row: &Row, column: usize) -> Result<SignedFields, TxError> {
    let bits: i16 = row.try_get(column)?;
    Ok(SignedFields {
        name: bits & 1 != 0,
        email: bits & 2 != 0,
        phone: bits & 4 != 0,
    })
}
