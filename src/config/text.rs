use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Unexpected, Visitor};

/// A string that was written as one. The `config` crate would turn a number into
/// text, and `12e5` is not the token that somebody typed.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(Text).map(|Word(word)| word)
}

/// A list of strings, or in the environment its members with commas between them.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_any(List)
}

struct Word(String);

impl<'de> serde::Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

struct Text;

/// What stands there may be a secret, so the error says only of what kind it is.
fn unquoted<E: Error>(kind: &'static str, expected: &dyn serde::de::Expected) -> E {
    E::invalid_type(Unexpected::Other(kind), expected)
}

impl Visitor<'_> for Text {
    type Value = Word;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string in quotes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
        Ok(Word(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Word, E> {
        Err(unquoted("a boolean", &self))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Word, E> {
        Err(unquoted("a number", &self))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Word, E> {
        Err(unquoted("a number", &self))
    }
}

struct List;

impl<'de> Visitor<'de> for List {
    type Value = Vec<String>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of strings, or strings with commas between them")
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
        while let Some(Word(item)) = items.next_element()? {
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
