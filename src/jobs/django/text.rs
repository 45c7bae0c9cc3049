//! Makes texts fit: they are cut, split, left out or refused.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::chat::limits::{CONTENT_CHARS, is_blank};

/// What a message's content is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'t> {
    /// The parts of it, each of which fits a message; together they are the whole text.
    Parts(Vec<&'t str>),
    /// It has no visible character.
    Blank,
    /// It has a NUL character.
    Nul,
}

/// Makes a text fit. Parts without a visible character are dropped: nothing can be posted that is
/// blank.
pub(super) fn fitted(text: &str) -> Content<'_> {
    if text.contains('\0') {
        return Content::Nul;
    }
    if is_blank(text) {
        return Content::Blank;
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .char_indices()
            .nth(CONTENT_CHARS)
            .map_or(rest.len(), |(end, _)| end);
        let (part, after) = rest.split_at(end);
        if !is_blank(part) {
            parts.push(part);
        }
        rest = after;
    }
    Content::Parts(parts)
}

/// How a Fernet token begins: its version, and a time before the year 2106.
const FERNET_START: &str = "gAAAAA";
/// The version, the time, the initial vector and the signature of a token.
const FERNET_FRAME_BYTES: usize = 1 + 8 + 16 + 32;
/// Bytes of a block of AES.
const AES_BLOCK_BYTES: usize = 16;

/// Whether a text is what a Fernet field of Django stores: a token, or its bytes in base64.
pub(super) fn is_encrypted(text: &str) -> bool {
    let text = text.trim();
    if is_fernet(text) {
        return true;
    }
    // Binary columns are dumped in base64.
    text.starts_with("Z0FBQUFB")
        && STANDARD
            .decode(text)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .is_some_and(|text| is_fernet(&text))
}

fn is_fernet(text: &str) -> bool {
    text.starts_with(FERNET_START)
        && URL_SAFE.decode(text).is_ok_and(|bytes| {
            bytes.len() > FERNET_FRAME_BYTES
                && (bytes.len() - FERNET_FRAME_BYTES).is_multiple_of(AES_BLOCK_BYTES)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_split_into_parts_that_are_the_whole() {
        let text = format!("{}{}end", "ä".repeat(CONTENT_CHARS), "b".repeat(7_999));
        let Content::Parts(parts) = fitted(&text) else {
            panic!("it has parts");
        };
        let lengths: Vec<usize> = parts.iter().map(|part| part.chars().count()).collect();
        assert_eq!(lengths, [8_000, 8_000, 2]);
        assert_eq!(parts.concat(), text);
        let short = "x".repeat(CONTENT_CHARS);
        assert_eq!(fitted(&short), Content::Parts(vec![&short]));
        let gap = format!("a{}b", " ".repeat(16_000));
        let Content::Parts(parts) = fitted(&gap) else {
            panic!("it has parts");
        };
        assert_eq!(parts.len(), 2, "a blank part is dropped");
    }

    #[test]
    fn blank_texts_and_nul_are_seen() {
        assert_eq!(fitted(" \n\u{200b}"), Content::Blank);
        assert_eq!(fitted(""), Content::Blank);
        assert_eq!(fitted("a\0b"), Content::Nul);
    }

    #[test]
    fn what_fernet_has_encrypted_is_recognised_and_nothing_else() {
        let token = "gAAAAABl6vXKAAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw==";
        let raw = URL_SAFE.decode(token).map(|bytes| bytes.len());
        assert_eq!(raw, Ok(73));
        assert!(is_encrypted(token));
        assert!(is_encrypted(&STANDARD.encode(token)));
        for plain in [
            "hello",
            "gAAAAA",
            "gAAAAABl6vXK is what he wrote",
            &token[..96],
        ] {
            assert!(!is_encrypted(plain), "{plain}");
        }
    }
}
