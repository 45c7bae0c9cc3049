//! What is to be done for a customer who waits, and when.

use crate::chat::Timestamp;
use crate::persistence::AlertProgress;

/// Devices ring at once and once more later.
const RINGS: u8 = 2;

/// What the next step depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    pub(super) now: Timestamp,
    pub(super) is_anybody_on_duty: bool,
    pub(super) is_open: bool,
    pub(super) escalate_ms: u64,
    pub(super) mail_ms: u64,
}

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Ring the devices of the assignee or, without one or the second time, of all agents on duty.
    Ring,
    /// Send a mail to the shop.
    Mail,
}

/// The step that is due, if one is, for a customer who waits since then.
pub(super) fn due_step(
    since: Timestamp,
    progress: AlertProgress,
    situation: &Situation,
) -> Option<Step> {
    let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= situation.now);
    if is_due(ring_at(since, progress, situation)) {
        Some(Step::Ring)
    } else if is_due(mail_at(since, progress, situation)) {
        Some(Step::Mail)
    } else {
        None
    }
}

/// How far it is after a step. Rings that came due together, after an outage, are one.
pub(super) fn after(
    step: Step,
    since: Timestamp,
    mut progress: AlertProgress,
    situation: &Situation,
) -> AlertProgress {
    match step {
        Step::Mail => progress.mailed = true,
        Step::Ring if is_late(since, situation) => {
            progress.rung = RINGS;
        }
        Step::Ring => progress.rung += 1,
    }
    wait(since, progress, situation)
}

/// The same progress with the time of the next step.
pub(super) fn wait(
    since: Timestamp,
    progress: AlertProgress,
    situation: &Situation,
) -> AlertProgress {
    let ring_at = ring_at(since, progress, situation);
    let mail_at = mail_at(since, progress, situation);
    AlertProgress {
        next_at: ring_at.into_iter().chain(mail_at).min(),
        ..progress
    }
}

/// Whether it is time for all agents on duty.
pub(super) fn is_late(since: Timestamp, situation: &Situation) -> bool {
    situation.now >= later(since, situation.escalate_ms)
}

fn ring_at(since: Timestamp, progress: AlertProgress, situation: &Situation) -> Option<Timestamp> {
    match progress.rung {
        0 => Some(since),
        rung if rung < RINGS => Some(later(since, situation.escalate_ms)),
        _ => None,
    }
}

fn mail_at(since: Timestamp, progress: AlertProgress, situation: &Situation) -> Option<Timestamp> {
    if progress.mailed {
        return None;
    }
    match situation.is_anybody_on_duty && situation.is_open {
        true => Some(later(since, situation.mail_ms)),
        false => Some(since),
    }
}

fn later(since: Timestamp, by_ms: u64) -> Timestamp {
    Timestamp(since.0.saturating_add_unsigned(by_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: Timestamp = Timestamp(1_000_000);
    const FRESH: AlertProgress = AlertProgress {
        rung: 0,
        mailed: false,
        next_at: Some(SINCE),
    };

    fn situation(after_ms: i64, is_anybody_on_duty: bool, is_open: bool) -> Situation {
        Situation {
            now: Timestamp(SINCE.0 + after_ms),
            is_anybody_on_duty,
            is_open,
            escalate_ms: 180_000,
            mail_ms: 600_000,
        }
    }

    /// The steps with the time of each after the beginning, when each is done as soon as it is due.
    fn steps(mut situation: Situation) -> Vec<(i64, Step)> {
        let (mut progress, mut done) = (FRESH, Vec::new());
        while let Some(next) = progress.next_at {
            situation.now = situation.now.max(next);
            progress = match due_step(SINCE, progress, &situation) {
                Some(step) => {
                    done.push((situation.now.0 - SINCE.0, step));
                    after(step, SINCE, progress, &situation)
                }
                None => wait(SINCE, progress, &situation),
            };
        }
        done
    }

    #[test]
    fn devices_ring_at_once_and_again_and_then_a_mail_goes() {
        let usual = steps(situation(0, true, true));
        let expected = [
            (0, Step::Ring),
            (180_000, Step::Ring),
            (600_000, Step::Mail),
        ];
        assert_eq!(usual, expected);
    }

    #[test]
    fn a_mail_goes_at_once_when_the_shop_is_closed_or_nobody_is_on_duty() {
        let expected = [(0, Step::Ring), (0, Step::Mail), (180_000, Step::Ring)];
        assert_eq!(steps(situation(0, true, false)), expected);
        assert_eq!(steps(situation(0, false, true)), expected);
    }

    #[test]
    fn whoever_comes_on_duty_later_is_rung_by_the_next_step() {
        let nobody = situation(0, false, true);
        let mut progress = FRESH;
        for expected in [Step::Ring, Step::Mail] {
            assert_eq!(due_step(SINCE, progress, &nobody), Some(expected));
            progress = after(expected, SINCE, progress, &nobody);
        }
        assert_eq!(progress.next_at, Some(Timestamp(SINCE.0 + 180_000)));
        let later = situation(180_000, true, true);
        assert_eq!(due_step(SINCE, progress, &later), Some(Step::Ring));
        assert_eq!(after(Step::Ring, SINCE, progress, &later).next_at, None);
    }

    #[test]
    fn after_an_outage_devices_ring_once_and_not_for_every_step_that_was_missed() {
        let steps = steps(situation(3_600_000, true, true));
        assert_eq!(steps, [(3_600_000, Step::Ring), (3_600_000, Step::Mail)]);
    }

    #[test]
    fn a_mail_may_come_before_the_second_ring() {
        let mut early = situation(0, true, true);
        early.mail_ms = 60_000;
        let expected = [(0, Step::Ring), (60_000, Step::Mail), (180_000, Step::Ring)];
        assert_eq!(steps(early), expected);
        early.mail_ms = 0;
        early.escalate_ms = 0;
        assert_eq!(steps(early), [(0, Step::Ring), (0, Step::Mail)]);
    }
}
