//! Strings and lists of strings, as they are deserialised from a file or the environment.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Unexpected, Visitor};

/// Deserialises a string, and refuses a number or a boolean: the `config` crate would turn it into
/// a string that may differ from what was written, such as `12e5`.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer
        .deserialize_any(QuotedVisitor)
        .map(|Quoted(word)| word)
}

/// Deserialises a list of strings, or a string with commas between the items.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_any(ListVisitor)
}

struct Quoted(String);

impl<'de> serde::Deserialize<'de> for Quoted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuotedVisitor)
    }
}

struct QuotedVisitor;

/// The value may be a secret, so the error names its type alone.
fn unquoted<E: Error>(kind: &'static str, expected: &dyn serde::de::Expected) -> E {
    E::invalid_type(Unexpected::Other(kind), expected)
}

impl Visitor<'_> for QuotedVisitor {
    type Value = Quoted;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string in quotes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Quoted, E> {
        Ok(Quoted(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Quoted, E> {
        Err(unquoted("a boolean", &self))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Quoted, E> {
        Err(unquoted("a number", &self))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Quoted, E> {
        Err(unquoted("a number", &self))
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<String>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of strings, or a string with commas between them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let items = text.split(',').map(str::trim);
        Ok(items
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Quoted(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(unquoted("a boolean", &self))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(unquoted("a number", &self))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(unquoted("a number", &self))
    }
}
