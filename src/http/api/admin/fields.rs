//! Checks of the fields that describe an agent.

use crate::chat::limits::{NAME_CHARS, Violation, check_line};

/// A user name or display name that has to be there: 1 to 100 characters, no controls.
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
