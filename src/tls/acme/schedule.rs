//! When a certificate is renewed, and when a failed attempt is repeated.

/// The first pause after a failure. Let's Encrypt allows five failed validations an hour.
const FIRST_PAUSE_S: i64 = 5 * 60;
/// The longest one.
const LONGEST_PAUSE_S: i64 = 12 * 60 * 60;
/// A certificate that lives shorter is renewed after half of its life, others after two thirds.
const SHORT_LIFE_S: i64 = 10 * 24 * 60 * 60;
/// A window that the authority suggests is not believed so soon after a renewal, so that one that
/// always suggests the past is not asked in a loop.
const MIN_AGE_FOR_SUGGESTION_S: i64 = 60 * 60;

/// What a certificate says, and what its authority suggests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// When this server got it.
    pub(super) issued_at: i64,
    /// The renewal information (RFC 9773): a window, as start and end.
    pub(super) suggested: Option<(i64, i64)>,
}

/// When to renew. `random` is in `0..1` and spreads the servers over the window.
pub(super) fn renew_at(life: Life, random: f64) -> i64 {
    let length = (life.not_after - life.not_before).max(0);
    let by_age = match length < SHORT_LIFE_S {
        true => life.not_before + length / 2,
        false => life.not_before + length / 3 * 2,
    };
    match life.suggested {
        Some((start, end)) if start < end => {
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
            let offset = ((end - start) as f64 * random) as i64;
            let earliest = life.issued_at + MIN_AGE_FOR_SUGGESTION_S;
            // Not later than after nine tenths of the certificate's life, whatever is suggested.
            (start + offset)
                .max(earliest)
                .min(by_age.max(life.not_after - length / 10))
        }
        _ => by_age,
    }
}

/// The pause after this many failures in a row.
pub(super) fn pause_s(failures: u32) -> i64 {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_PAUSE_S << doublings).min(LONGEST_PAUSE_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60;

    fn life(days: i64, suggested: Option<(i64, i64)>) -> Life {
        Life {
            not_before: 0,
            not_after: days * DAY,
            issued_at: 0,
            suggested,
        }
    }

    #[test]
    fn without_a_suggestion_age_decides() {
        assert_eq!(renew_at(life(90, None), 0.5), 60 * DAY);
        assert_eq!(renew_at(life(6, None), 0.5), 3 * DAY);
        assert_eq!(renew_at(life(0, None), 0.5), 0);
    }

    #[test]
    fn a_suggestion_is_followed_within_its_window() {
        let window = Some((40 * DAY, 42 * DAY));
        assert_eq!(renew_at(life(90, window), 0.0), 40 * DAY);
        assert_eq!(renew_at(life(90, window), 0.5), 41 * DAY);
        // Revoked: the window is in the past.
        let past = Some((-2 * DAY, -DAY));
        assert_eq!(renew_at(life(90, past), 0.5), MIN_AGE_FOR_SUGGESTION_S);
    }

    #[test]
    fn implausible_suggestions_are_ignored() {
        let late = Some((400 * DAY, 500 * DAY));
        assert_eq!(renew_at(life(90, late), 0.5), 81 * DAY);
        let backwards = Some((42 * DAY, 40 * DAY));
        assert_eq!(renew_at(life(90, backwards), 0.5), 60 * DAY);
    }

    #[test]
    fn pauses_grow_up_to_half_a_day() {
        assert_eq!(pause_s(1), 5 * 60);
        assert_eq!(pause_s(2), 10 * 60);
        assert_eq!(pause_s(8), 640 * 60);
        assert_eq!(pause_s(9), LONGEST_PAUSE_S);
        assert_eq!(pause_s(u32::MAX), LONGEST_PAUSE_S);
        // Five failures an hour are allowed.
        let mut at = 0;
        let within_an_hour = (1..).take_while(|&failures| {
            at += pause_s(failures);
            at < 60 * 60
        });
        let first = 1;
        assert!(first + within_an_hour.count() < 5);
    }
}
