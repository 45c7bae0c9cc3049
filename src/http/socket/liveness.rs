use std::time::Duration;

use tokio::time::Instant;

/// When to ping, and when a peer that does not answer is gone.
///
/// The deadline of an answer counts only while the server reads: a peer whose
/// frames wait in the kernel because of the server's own back-pressure is alive.
#[derive(Debug)]
pub(super) struct Liveness {
    interval: Duration,
    timeout: Duration,
    next_ping: Instant,
    deadline: Option<Instant>,
    not_reading_since: Option<Instant>,
}

/// What the time has come for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Ping,
    Dead,
}

impl Liveness {
    pub(super) fn new(interval: Duration, timeout: Duration) -> Self {
        let mut liveness = Self {
            interval,
            timeout,
            next_ping: Instant::now(),
            deadline: None,
            not_reading_since: None,
        };
        liveness.schedule(Instant::now());
        liveness
    }

    /// Pings are spread by a fifth to both sides, so that sockets that came
    /// together do not stay in step.
    fn schedule(&mut self, now: Instant) {
        self.next_ping = now + self.interval.mul_f64(rand::random_range(0.8..=1.2));
    }

    /// The peer has said something, whatever it was.
    pub(super) fn alive(&mut self) {
        self.deadline = None;
    }

    /// A ping has been sent.
    pub(super) fn pinged(&mut self, now: Instant) {
        self.schedule(now);
        self.deadline.get_or_insert(now + self.timeout);
    }

    /// Says whether the server reads; the deadline stands still while it does not.
    pub(super) fn set_reading(&mut self, reading: bool, now: Instant) {
        match (reading, self.not_reading_since) {
            (false, None) => self.not_reading_since = Some(now),
            (true, Some(since)) => {
                self.not_reading_since = None;
                self.deadline = self
                    .deadline
                    .map(|deadline| deadline + now.duration_since(since));
            }
            _ => {}
        }
    }

    /// When to look again.
    pub(super) fn next(&self) -> Instant {
        match self.deadline {
            Some(deadline) if self.not_reading_since.is_none() => deadline.min(self.next_ping),
            _ => self.next_ping,
        }
    }

    /// What the time has come for, if for anything.
    pub(super) fn due(&self, now: Instant) -> Option<Due> {
        let reads = self.not_reading_since.is_none();
        if reads && self.deadline.is_some_and(|deadline| deadline <= now) {
            return Some(Due::Dead);
        }
        (self.next_ping <= now).then_some(Due::Ping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn an_unanswered_ping_is_death_unless_nobody_listened() {
        let mut liveness = Liveness::new(25 * SECOND, 10 * SECOND);
        let start = Instant::now();
        assert_eq!(liveness.due(start + 31 * SECOND), Some(Due::Ping));
        assert_eq!(liveness.due(start + 19 * SECOND), None);
        liveness.pinged(start);
        assert_eq!(liveness.due(start + 9 * SECOND), None);
        assert_eq!(liveness.due(start + 11 * SECOND), Some(Due::Dead));
        liveness.set_reading(false, start + 5 * SECOND);
        assert_eq!(liveness.due(start + 19 * SECOND), None, "nobody reads");
        liveness.set_reading(true, start + 15 * SECOND);
        assert_eq!(
            liveness.due(start + 16 * SECOND),
            None,
            "five seconds are left"
        );
        liveness.alive();
        assert_eq!(liveness.due(start + 19 * SECOND), None);
    }
}
