//! Limits on what visitors and agents may send, and the checks for them. A constant's name ends in
//! its unit.

use super::MessageId;

/// Characters of a name.
pub const NAME_CHARS: usize = 100;
/// Characters of an email address.
pub const EMAIL_CHARS: usize = 254;
/// Characters of a phone number.
pub const PHONE_CHARS: usize = 40;
/// Characters of the address of a page.
pub const PAGE_URL_CHARS: usize = 2_000;
/// Characters (Unicode scalar values) of a message.
pub const CONTENT_CHARS: usize = 8_000;
/// Characters of a signed identity's `sub`.
pub const USER_CHARS: usize = 255;
/// Bytes of a request body or of a frame, in either direction.
pub const FRAME_BYTES: usize = 128 * 1024;
/// Bytes of messages or summaries in one page or frame.
pub const PAGE_BYTES: usize = FRAME_BYTES;
/// Entries of one page, at most.
pub const PAGE_ITEMS: usize = 200;
/// Entries of a page when the caller gives no limit.
pub const PAGE_ITEMS_DEFAULT: usize = 50;
/// Bytes of a password, at least.
pub const PASSWORD_BYTES_MIN: usize = 8;
/// Bytes of a password, at most.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// What is wrong with a field, for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field as the caller named it.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Violation {
    /// A violation of `field`.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            field,
            message: message.into(),
        }
    }
}

/// Why a message's content is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadContent {
    /// More than [`CONTENT_CHARS`].
    TooLarge,
    /// Blank, or with a character that cannot be stored.
    Invalid(Violation),
}

/// Checks a message's content. It is stored as sent: accepted or refused, never changed.
pub fn check_content(content: &str) -> Result<(), BadContent> {
    if content.len() > CONTENT_CHARS && content.chars().count() > CONTENT_CHARS {
        return Err(BadContent::TooLarge);
    }
    if content.contains('\0') {
        return Err(BadContent::Invalid(Violation::new(
            "content",
            "must not contain NUL characters",
        )));
    }
    if is_blank(content) {
        return Err(BadContent::Invalid(Violation::new(
            "content",
            "must not be blank",
        )));
    }
    Ok(())
}

/// Whether a text has no visible character: only whitespace, control characters and characters that
/// merely change how others are rendered. Among visible ones those are allowed: emoji and several
/// scripts need them.
///
/// `isBlank` in `web/shared/text.ts` is the same rule for browsers.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars()
        .all(|char| char.is_whitespace() || char.is_control() || is_invisible(char))
}

/// Unicode's Default_Ignorable_Code_Point, which includes unassigned code points reserved for it, and
/// the blank Braille pattern.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Checks an optional line of text. It is trimmed, and absent if it is blank. Control characters and
/// more than `max_chars` characters are refused.
pub fn check_line(
    field: &'static str,
    value: Option<&str>,
    max_chars: usize,
) -> Result<Option<String>, Violation> {
    let Some(value) = value else { return Ok(None) };
    if value.chars().any(char::is_control) {
        return Err(Violation::new(field, "must not contain control characters"));
    }
    let value = value.trim();
    if value.chars().count() > max_chars {
        return Err(Violation::new(
            field,
            format!("must have at most {max_chars} characters"),
        ));
    }
    Ok((!is_blank(value)).then(|| value.to_owned()))
}

/// Makes a line of text fit instead of refusing it: control characters become spaces, and it is
/// trimmed and cut to `max_chars` characters. Absent if nothing is left.
pub fn fitted_line(value: &str, max_chars: usize) -> Option<String> {
    let value = value.replace(char::is_control, " ");
    let fitted = value.trim().chars().take(max_chars).collect::<String>();
    let fitted = fitted.trim_end();
    (!fitted.is_empty()).then(|| fitted.to_owned())
}

/// Checks the length of a password, and nothing else.
pub fn check_password(field: &'static str, password: &str) -> Result<(), Violation> {
    if (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&password.len()) {
        return Ok(());
    }
    Err(Violation::new(
        field,
        format!("must have {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes"),
    ))
}

/// Parses a message's id.
pub fn check_message_id(text: &str) -> Result<MessageId, Violation> {
    super::parse_uuid(text).ok_or_else(|| Violation::new("id", "must be a hyphenated UUID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_counted_in_characters_not_bytes() {
        assert_eq!(check_content(&"ä".repeat(CONTENT_CHARS)), Ok(()));
        assert_eq!(
            check_content(&"a".repeat(CONTENT_CHARS + 1)),
            Err(BadContent::TooLarge)
        );
    }

    #[test]
    fn blank_content_and_nul_are_refused() {
        for content in ["", "  \n\t", "\u{200b}\u{feff}", "a\0b"] {
            assert!(
                matches!(check_content(content), Err(BadContent::Invalid(_))),
                "{content:?}"
            );
        }
    }

    // The same texts as in web/shared/text.test.ts.
    #[test]
    fn a_text_without_visible_characters_is_blank() {
        for text in [
            "",
            "  \n\t",
            "\u{a0}\u{2003}\u{3000}",
            "\u{1}\u{85}",
            "\u{200b}",
            "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}",
            "\u{ad}\u{34f}\u{61c}",
            "\u{115f}\u{1160}\u{3164}\u{ffa0}",
            "\u{17b4}\u{180e}",
            "\u{202a}\u{202e}\u{2066}\u{2069}",
            "\u{fe0f}",
            "\u{2800}",
            "\u{e0001}\u{e0020}\u{e01ef}",
            "\u{1d173}",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in [
            ".",
            "\u{200b}a",
            "👩\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}",
            "🏴\u{e0067}\u{e0062}\u{e007f}",
            "\u{301}",
            "\u{600}",
            "\u{fffd}",
            "עברית\u{200f}",
            "می\u{200c}خواهم",
        ] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn lines_are_trimmed_bounded_and_free_of_controls() {
        assert_eq!(
            check_line("name", Some("  Ann "), 10),
            Ok(Some("Ann".to_owned()))
        );
        for blank in ["   ", "\u{200b}", " \u{2060} "] {
            assert_eq!(check_line("name", Some(blank), 10), Ok(None), "{blank:?}");
        }
        assert_eq!(check_line("name", None, 10), Ok(None));
        for wrong in ["a\nb", "a\n", "\u{7f}", "a\0"] {
            assert!(check_line("name", Some(wrong), 10).is_err(), "{wrong:?}");
        }
        assert!(check_line("name", Some("12345678901"), 10).is_err());
    }

    #[test]
    fn a_fitted_line_is_one_that_passes_the_check() {
        let fitted = |value| fitted_line(value, 4);
        assert_eq!(fitted("  Ann "), Some("Ann".to_owned()));
        assert_eq!(fitted("a\r\nb"), Some("a  b".to_owned()));
        assert_eq!(fitted("äöüß!"), Some("äöüß".to_owned()));
        assert_eq!(
            fitted("abc d"),
            Some("abc".to_owned()),
            "no blank at the cut"
        );
        for blank in ["", "  ", "\n\u{7f}\0"] {
            assert_eq!(fitted(blank), None, "{blank:?}");
        }
        for value in ["\u{85}ab\u{9b}cdef", "\ta b c d e"] {
            let line = fitted(value);
            assert_eq!(check_line("name", line.as_deref(), 4), Ok(line.clone()));
        }
    }
}
