//! The follower that has mail with unread answers wait, and sends what is due.

use std::sync::Arc;
use std::time::Duration;

use super::outgoing::Outgoing;
use crate::chat::Timestamp;
use crate::followers::{Follower, FollowerError};
use crate::persistence::ChangedRooms;

/// The time between two sweeps of what was finished.
const SWEEP_INTERVAL: Duration = Duration::from_secs(6 * 60 * 60);

/// Sends mail. Of several nodes one does it at a time.
pub(crate) struct MailFollower {
    outgoing: Arc<Outgoing>,
    next_sweep: Timestamp,
}

impl MailFollower {
    pub(super) fn new(outgoing: Arc<Outgoing>) -> Self {
        Self {
            outgoing,
            next_sweep: Timestamp::now(),
        }
    }
}

impl Follower for MailFollower {
    const NAME: &'static str = "mail";

    async fn changed(&mut self, page: &ChangedRooms) -> Result<(), FollowerError> {
        for record in &page.records {
            self.outgoing.changed(record).await?;
        }
        Ok(())
    }

    async fn due(&mut self) -> Result<Option<Timestamp>, FollowerError> {
        let now = Timestamp::now();
        if self.next_sweep <= now {
            self.outgoing.sweep().await?;
            self.next_sweep = now + SWEEP_INTERVAL;
        }
        self.outgoing.due().await
    }
}
