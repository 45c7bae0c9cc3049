//! Rules of mail that both stores keep.

use crate::chat::Timestamp;
use crate::persistence::{MailBudget, MailOutcome};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Mails that were kept apart and stay.
pub(crate) const QUARANTINED_MAX: usize = 1_000;

/// Since when mail counts against a budget.
pub(crate) fn budget_since(now: Timestamp) -> Timestamp {
    Timestamp(now.0 - DAY_MS)
}

/// Whether one more mail is too much.
pub(crate) fn is_over(budget: MailBudget, by_room: u64, by_address: u64) -> bool {
    by_room >= budget.by_room || by_address >= budget.by_address
}

/// The number of a mail's state in the store, once it is finished; 0 while it waits.
pub(crate) fn state(outcome: &MailOutcome) -> i16 {
    match outcome {
        MailOutcome::Sent => 1,
        MailOutcome::Dropped => 2,
        MailOutcome::Failed(_) => 3,
    }
}

/// The words of a failure.
pub(crate) fn failure(outcome: &MailOutcome) -> Option<&str> {
    match outcome {
        MailOutcome::Failed(words) => Some(words),
        MailOutcome::Sent | MailOutcome::Dropped => None,
    }
}
