//! How long a refused sign-in waits for its response.

use std::time::Duration;

/// Refusals are answered at multiples of this while there are hashes that another program made. It is
/// several times what comparing with the slowest of those takes.
const REFUSAL_STEP: Duration = Duration::from_secs(4);

/// How long to wait before a sign-in is refused that has taken `elapsed`.
///
/// A foreign hash may cost ten times as much as one of ours, or as the dummy of an unknown name. So
/// while there are any, every refusal takes the same fixed time, and nobody can tell which agents have
/// not signed in since they were imported. What takes longer waits for the next multiple.
pub fn refusal_delay(elapsed: Duration, has_foreign_hashes: bool) -> Duration {
    if !has_foreign_hashes {
        return Duration::ZERO;
    }
    let steps = elapsed.as_nanos().div_ceil(REFUSAL_STEP.as_nanos()).max(1);
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    REFUSAL_STEP.saturating_mul(steps).saturating_sub(elapsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_takes_the_same_time_whatever_its_hash_cost() {
        for cost_ms in [0, 1, 30, 400, 3_999, 4_000] {
            let elapsed = Duration::from_millis(cost_ms);
            assert_eq!(elapsed + refusal_delay(elapsed, true), REFUSAL_STEP);
        }
        for cost_ms in [4_001, 7_000] {
            let elapsed = Duration::from_millis(cost_ms);
            assert_eq!(elapsed + refusal_delay(elapsed, true), REFUSAL_STEP * 2);
        }
    }

    #[test]
    fn without_foreign_hashes_nobody_waits() {
        let elapsed = Duration::from_millis(30);
        assert_eq!(refusal_delay(elapsed, false), Duration::ZERO);
    }
}
