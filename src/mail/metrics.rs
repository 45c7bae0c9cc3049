use ::metrics::{Counter, Gauge};

use crate::persistence::{MailKind, QuarantineReason};

/// Metrics of mail; no-ops by default. A list has a counter for each value of a label.
#[derive(Debug, Clone)]
pub(crate) struct MailMetrics {
    /// Mails that the relay has taken, by kind.
    pub(crate) sent: [Counter; 3],
    /// Attempts after which a mail waits for the next one.
    pub(crate) postponed: Counter,
    /// Mails that were refused for good or waited too long.
    pub(crate) failed: Counter,
    /// Mails whose reason went away before they were sent.
    pub(crate) dropped: Counter,
    /// Replies that became messages.
    pub(crate) received: Counter,
    /// Mails that came in and became no message, in the order of `QuarantineReason::ALL`.
    pub(crate) quarantined: Vec<Counter>,
    /// 1 while the mailbox is connected, else 0.
    pub(crate) imap_up: Gauge,
}

impl MailMetrics {
    pub(crate) fn sent(&self, kind: MailKind) {
        self.sent[usize::try_from(kind.code()).unwrap_or_default()].increment(1);
    }

    pub(crate) fn quarantined(&self, reason: QuarantineReason) {
        let place = QuarantineReason::ALL
            .iter()
            .position(|other| *other == reason);
        if let Some(counter) = place.and_then(|place| self.quarantined.get(place)) {
            counter.increment(1);
        }
    }
}

impl Default for MailMetrics {
    fn default() -> Self {
        Self {
            sent: [Counter::noop(), Counter::noop(), Counter::noop()],
            postponed: Counter::noop(),
            failed: Counter::noop(),
            dropped: Counter::noop(),
            received: Counter::noop(),
            quarantined: Vec::new(),
            imap_up: Gauge::noop(),
        }
    }
}
