use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::limits::{Violation, is_blank};

/// The best score.
pub const SCORE_MAX: u8 = 5;
/// Characters of a comment.
pub const RATING_COMMENT_CHARS: usize = 1_000;
/// How long a rating can be changed after it was given first, in milliseconds.
pub const RATING_CHANGEABLE_MS: i64 = 24 * 60 * 60 * 1_000;

/// What a customer thinks of a conversation. There is one for each time it was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Rating {
    /// The seq of the `system` message that records the closing.
    pub closing: u64,
    /// 1 (bad) to 5 (good).
    #[cfg_attr(feature = "server", schema(minimum = 1, maximum = 5))]
    pub score: u8,
    /// The customer's words.
    pub comment: Option<String>,
    /// When it was given first.
    pub created_at: Timestamp,
    /// When it was changed last; `created_at` if it never was.
    pub changed_at: Timestamp,
}

/// A rating as a customer gives it, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRating {
    /// 1 (bad) to 5 (good).
    pub score: u8,
    /// The customer's words.
    pub comment: Option<String>,
}

/// Checks a score.
///
/// # Errors
///
/// When it is not 1 to 5.
pub fn check_score(score: i64) -> Result<u8, Violation> {
    u8::try_from(score)
        .ok()
        .filter(|score| (1..=SCORE_MAX).contains(score))
        .ok_or_else(|| Violation::new("score", format!("must be 1 to {SCORE_MAX}")))
}

/// Checks a comment. It is trimmed, and absent if it is blank.
///
/// # Errors
///
/// When it is too long or has a NUL character.
pub fn check_rating_comment(value: Option<&str>) -> Result<Option<String>, Violation> {
    let Some(value) = value.map(str::trim) else {
        return Ok(None);
    };
    if value.contains('\0') {
        return Err(Violation::new("comment", "must not contain NUL characters"));
    }
    if value.chars().count() > RATING_COMMENT_CHARS {
        return Err(Violation::new(
            "comment",
            format!("must have at most {RATING_COMMENT_CHARS} characters"),
        ));
    }
    Ok((!is_blank(value)).then(|| value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_one_to_five() {
        for score in 1..=5 {
            assert_eq!(check_score(score).map(i64::from), Ok(score));
        }
        for wrong in [i64::MIN, -1, 0, 6, 257, 261] {
            assert!(check_score(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_comment_may_have_lines_and_may_be_missing() {
        let kept = check_rating_comment(Some(" two\nlines "));
        assert_eq!(kept, Ok(Some("two\nlines".into())));
        for absent in [None, Some(""), Some(" \n"), Some("\u{200b}")] {
            assert_eq!(check_rating_comment(absent), Ok(None), "{absent:?}");
        }
        let longest = "ß".repeat(RATING_COMMENT_CHARS);
        assert!(check_rating_comment(Some(&longest)).is_ok());
        assert!(check_rating_comment(Some(&format!("{longest}x"))).is_err());
        assert!(check_rating_comment(Some("a\0b")).is_err());
    }
}
