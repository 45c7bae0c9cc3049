use rusqlite::types::ValueRef;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Small,
    Bool,
    Text,
    Bytes,
    Id,
    /// Ids, which SQLite has one behind the other.
    Ids,
}

impl Kind {
    /// Its type in PostgreSQL.
    pub(super) fn postgres(self) -> Type {
        match self {
            Self::Int => Type::INT8,
            Self::Small => Type::INT2,
            Self::Bool => Type::BOOL,
            Self::Text => Type::TEXT,
            Self::Bytes => Type::BYTEA,
            Self::Id => Type::UUID,
            Self::Ids => Type::UUID_ARRAY,
        }
    }

    /// A value of SQLite as PostgreSQL stores it. `None`: it is of another kind.
    pub(super) fn cell(self, value: ValueRef<'_>) -> Option<Cell> {
        Some(match (self, value) {
            (_, ValueRef::Null) => Cell::Null,
            (Self::Int, ValueRef::Integer(number)) => Cell::Int(number),
            (Self::Small, ValueRef::Integer(number)) => Cell::Small(number.try_into().ok()?),
            (Self::Bool, ValueRef::Integer(number)) => Cell::Bool(number != 0),
            (Self::Text, ValueRef::Text(bytes)) => {
                Cell::Text(String::from_utf8(bytes.to_vec()).ok()?)
            }
            (Self::Bytes, ValueRef::Blob(bytes)) => Cell::Bytes(bytes.to_vec()),
            (Self::Id, ValueRef::Blob(bytes)) => Cell::Id(Uuid::from_slice(bytes).ok()?),
            (Self::Ids, ValueRef::Blob(bytes)) => {
                let ids = bytes.chunks(16).map(Uuid::from_slice);
                Cell::Ids(ids.collect::<Result<_, _>>().ok()?)
            }
            _ => return None,
        })
    }
}

/// One value on its way.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Small(i16),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
    Id(Uuid),
    Ids(Vec<Uuid>),
}

impl ToSql for Cell {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Small(value) => value.to_sql(kind, out),
            Self::Bool(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Bytes(value) => value.to_sql(kind, out),
            Self::Id(value) => value.to_sql(kind, out),
            Self::Ids(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Every cell is made for the column that it goes to.
        true
    }

    to_sql_checked!();
}
