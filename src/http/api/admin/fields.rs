//! Checks of an agent's fields.

use crate::chat::limits::{NAME_CHARS, Violation, check_line};

/// A required user name or display name: 1 to 100 characters without control characters.
pub(super) fn check_name(field: &'static str, value: &str) -> Result<String, Violation> {
    check_line(field, Some(value), NAME_CHARS)?
        .ok_or_else(|| Violation::new(field, "must not be empty"))
}

/// [`check_name`] of a field that may be left out.
pub(super) fn check_optional_name(
    field: &'static str,
    value: Option<&str>,
) -> Result<Option<String>, Violation> {
    value.map(|value| check_name(field, value)).transpose()
}
