//! Checks of values that several calls take.

use crate::chat::limits::{self, BadContent, Violation};
use crate::http::problem::Problem;
use crate::protocol::ErrorCode;

/// The largest number that the store's integers hold.
pub(super) const MAX_NUMBER: u64 = i64::MAX as u64;

/// What a number must be, as the message of a violation.
pub(super) fn whole_number_expected() -> String {
    format!("must be a whole number from 0 to {MAX_NUMBER}")
}

/// Checks a message's content.
pub(crate) fn check_content(content: &str) -> Result<(), Problem> {
    limits::check_content(content).map_err(|bad| match bad {
        BadContent::TooLarge => Problem::new(
            ErrorCode::TooLarge,
            format!(
                "content must have at most {} characters",
                limits::CONTENT_CHARS
            ),
        ),
        BadContent::Invalid(violation) => Problem::invalid(vec![violation]),
    })
}

/// Checks a seq in a body: it must fit the store's integers.
pub(crate) fn check_seq(seq: u64) -> Result<u64, Problem> {
    if seq <= MAX_NUMBER {
        Ok(seq)
    } else {
        Err(Problem::invalid_field("seq", whole_number_expected()))
    }
}

/// Collects the failed checks of a request, to refuse it with all of them.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<Violation>);

impl Violations {
    /// The checked value. If the check failed, keeps the violation and returns the type's default
    /// value, which [`finish`](Self::finish) keeps from being used.
    pub(crate) fn check<T: Default>(&mut self, checked: Result<T, Violation>) -> T {
        checked.unwrap_or_else(|violation| {
            self.0.push(violation);
            T::default()
        })
    }

    /// Fails if any check has failed.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.0))
        }
    }
}
