use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::persistence::Refusal;

/// Where a page ended: a letter for the list and the keys of its last row. The
/// text is opaque to everybody else.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListCursor {
    /// Which list, or which part of it.
    pub(crate) list: char,
    /// The keys of the last row.
    pub(crate) keys: Vec<i64>,
}

impl ListCursor {
    /// The cursor as text that is valid in a URL.
    pub(crate) fn encode(list: char, keys: &[i64]) -> String {
        let mut text = String::from(list);
        for key in keys {
            text.push('.');
            text.push_str(&key.to_string());
        }
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads a cursor of one of `lists` with as many keys as it names.
    pub(crate) fn decode(text: &str, lists: &[(char, usize)]) -> Result<Self, Refusal> {
        Self::parse(text)
            .filter(|cursor| lists.contains(&(cursor.list, cursor.keys.len())))
            .ok_or(Refusal::BadCursor)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let plain = String::from_utf8(bytes).ok()?;
        let mut parts = plain.split('.');
        let mut letters = parts.next()?.chars();
        let list = letters.next()?;
        if letters.next().is_some() {
            return None;
        }
        let keys = parts.map(|key| key.parse().ok()).collect::<Option<_>>()?;
        Some(Self { list, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_by_its_own_list_alone() {
        let text = ListCursor::encode('a', &[7, i64::MAX]);
        let read = ListCursor::decode(&text, &[('b', 1), ('a', 2)]).expect("it is ours");
        assert_eq!(read.keys, [7, i64::MAX]);
        assert!(ListCursor::decode(&text, &[('b', 2)]).is_err());
        assert!(ListCursor::decode(&text, &[('a', 1)]).is_err());
        for wrong in ["", "%%%", "YQ==", "éé", "eHg"] {
            assert!(ListCursor::decode(wrong, &[('a', 2)]).is_err(), "{wrong}");
        }
    }
}
