//! A row of one of Django's tables, from a database or from `dumpdata`.

use serde_json::{Map, Value};
use uuid::Uuid;

/// The kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Room,
    Message,
    User,
    Session,
}

/// A row: its primary key and its fields, named as in the model (`room`, not `room_id`).
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) key: Value,
    pub(super) fields: Map<String, Value>,
}

impl Record {
    /// The primary key as text; a UUID with hyphens, however it is stored.
    pub(super) fn key(&self) -> Option<String> {
        key_text(&self.key)
    }

    /// A field that is a key of another row.
    pub(super) fn reference(&self, field: &str) -> Option<String> {
        self.fields.get(field).and_then(key_text)
    }

    /// A reference by natural key (`dumpdata --natural-foreign`), if it is one.
    pub(super) fn natural_reference(&self, field: &str) -> Option<String> {
        match self.fields.get(field) {
            Some(Value::Array(parts)) => match parts.as_slice() {
                [Value::String(name)] => Some(name.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// A field's text; blank is absent.
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        match self.fields.get(field) {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    /// A field's content as it is.
    pub(super) fn content(&self, field: &str) -> String {
        match self.fields.get(field) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// Whether a field is true: databases store booleans as numbers.
    pub(super) fn is_true(&self, field: &str) -> bool {
        match self.fields.get(field) {
            Some(Value::Bool(value)) => *value,
            Some(Value::Number(number)) => number.as_i64() != Some(0),
            _ => false,
        }
    }

    /// Whether a field is there and false.
    pub(super) fn is_false(&self, field: &str) -> bool {
        match self.fields.get(field) {
            Some(Value::Bool(value)) => !value,
            Some(Value::Number(number)) => number.as_i64() == Some(0),
            _ => false,
        }
    }
}

/// A key as text.
fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(match Uuid::try_parse(text) {
            Ok(id) => id.hyphenated().to_string(),
            Err(_) => text.clone(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_the_same_in_a_database_and_in_a_dump() {
        let hyphenated = "0191e0a4-5b6c-7d8e-9f00-112233445566";
        for (key, text) in [
            (json!(17), Some("17")),
            (json!(hyphenated.replace('-', "")), Some(hyphenated)),
            (json!(hyphenated.to_uppercase()), Some(hyphenated)),
            (json!("ann"), Some("ann")),
            (json!(null), None),
        ] {
            assert_eq!(key_text(&key).as_deref(), text, "{key}");
        }
    }

    #[test]
    fn booleans_are_read_as_databases_store_them() {
        let fields = json!({"a": 1, "b": true, "c": 0, "d": false, "e": null});
        let Value::Object(fields) = fields else {
            panic!("an object");
        };
        let record = Record {
            key: json!(1),
            fields,
        };
        assert!(record.is_true("a") && record.is_true("b"));
        assert!(record.is_false("c") && record.is_false("d"));
        for field in ["e", "f"] {
            assert!(!record.is_true(field) && !record.is_false(field));
        }
    }
}
