//! Pings and pong deadlines of one socket.

use std::time::Duration;

use tokio::time::Instant;

/// When to ping, and when a peer that does not reply to a ping counts as dead.
///
/// The deadline runs only while the server reads: a peer whose frames wait in the kernel because
/// of the server's own back-pressure is alive.
#[derive(Debug)]
pub(super) struct Liveness {
    interval: Duration,
    timeout: Duration,
    next_ping: Instant,
    /// When the peer counts as dead, while a ping has no reply.
    deadline: Option<Instant>,
    not_reading_since: Option<Instant>,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Ping,
    PeerDead,
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

    /// The interval varies by a fifth in both directions, so that sockets that connected together
    /// do not ping together.
    fn schedule(&mut self, now: Instant) {
        self.next_ping = now + self.interval.mul_f64(rand::random_range(0.8..=1.2));
    }

    /// Any frame of the peer proves that it is alive.
    pub(super) fn frame_received(&mut self) {
        self.deadline = None;
    }

    /// A ping was sent.
    pub(super) fn ping_sent(&mut self, now: Instant) {
        self.schedule(now);
        self.deadline.get_or_insert(now + self.timeout);
    }

    /// Sets whether the server reads from the peer; the deadline is suspended while it does not.
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

    /// When something will be due.
    pub(super) fn next(&self) -> Instant {
        match self.deadline {
            Some(deadline) if self.not_reading_since.is_none() => deadline.min(self.next_ping),
            _ => self.next_ping,
        }
    }

    /// What is due now.
    pub(super) fn due(&self, now: Instant) -> Option<Due> {
        let reads = self.not_reading_since.is_none();
        if reads && self.deadline.is_some_and(|deadline| deadline <= now) {
            return Some(Due::PeerDead);
        }
        (self.next_ping <= now).then_some(Due::Ping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_peer_without_a_pong_is_dead_unless_the_server_did_not_read() {
        let mut liveness = Liveness::new(25 * SECOND, 10 * SECOND);
        let start = Instant::now();
        assert_eq!(liveness.due(start + 31 * SECOND), Some(Due::Ping));
        assert_eq!(liveness.due(start + 19 * SECOND), None);
        liveness.ping_sent(start);
        assert_eq!(liveness.due(start + 9 * SECOND), None);
        assert_eq!(liveness.due(start + 11 * SECOND), Some(Due::PeerDead));
        liveness.set_reading(false, start + 5 * SECOND);
        assert_eq!(
            liveness.due(start + 19 * SECOND),
            None,
            "the server does not read"
        );
        liveness.set_reading(true, start + 15 * SECOND);
        assert_eq!(
            liveness.due(start + 16 * SECOND),
            None,
            "five seconds are left"
        );
        liveness.frame_received();
        assert_eq!(liveness.due(start + 19 * SECOND), None);
    }
}
