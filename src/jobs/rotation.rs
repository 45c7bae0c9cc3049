//! Which backups to keep: pure functions of their times.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Utc};

use crate::chat::Timestamp;

const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 1970-01-01 was a Thursday, and weeks begin on Mondays.
const DAYS_BEFORE_FIRST_MONDAY: i64 = 3;
/// This many of the newest backups stay, however little space there is.
const KEPT_WITHOUT_SPACE: usize = 2;

/// So many backups are looked ahead: hourly ones of thirteen months, after which all of today's have
/// gone.
const BACKUPS_FORESEEN: usize = 10_000;

/// A kind of period, and of how many of them the newest backup is kept.
struct Rule {
    periods: usize,
    period: fn(Timestamp) -> i64,
}

const RULES: [Rule; 4] = [
    Rule {
        periods: 24,
        period: |time| time.0.div_euclid(HOUR_MS),
    },
    Rule {
        periods: 7,
        period: |time| time.0.div_euclid(DAY_MS),
    },
    Rule {
        periods: 5,
        period: |time| (time.0.div_euclid(DAY_MS) + DAYS_BEFORE_FIRST_MONDAY).div_euclid(7),
    },
    Rule {
        periods: 12,
        period: month,
    },
];

fn month(time: Timestamp) -> i64 {
    let date = DateTime::<Utc>::from_timestamp_millis(time.0).unwrap_or(DateTime::UNIX_EPOCH);
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

/// The backups that nobody needs any more. Kept is the newest one of each of the last 24 hours,
/// 7 days, 5 weeks and 12 months that have any.
///
/// It does not ask what time it is: only periods with backups count, so neither a clock that
/// jumps nor a server that was off for a year makes it remove what is still needed.
pub fn outdated(mut times: Vec<Timestamp>) -> Vec<Timestamp> {
    times.sort_unstable();
    times.dedup();
    let mut kept = vec![false; times.len()];
    for rule in RULES {
        let mut left = rule.periods;
        let mut last_period = None;
        for (at, time) in times.iter().enumerate().rev() {
            let period = (rule.period)(*time);
            if last_period == Some(period) {
                continue;
            }
            if left == 0 {
                break;
            }
            left -= 1;
            last_period = Some(period);
            kept[at] = true;
        }
    }
    let mut kept = kept.into_iter();
    times.retain(|_| !kept.next().unwrap_or(true));
    times
}

/// When each of these backups is removed, if from `now` on one is made every so often. One that is
/// not named stays. Of several backups in an hour the last one counts, so they may go up to an hour
/// earlier.
pub fn removals(
    times: Vec<Timestamp>,
    every_ms: i64,
    now: Timestamp,
) -> BTreeMap<Timestamp, Timestamp> {
    let mut removals = BTreeMap::new();
    let newest = times.iter().max().copied();
    let Some(newest) = newest.filter(|_| every_ms > 0) else {
        return removals;
    };
    let step = every_ms.max(HOUR_MS);
    let mut next = newest.0.saturating_add(step).max(now.0);
    let mut kept = times.clone();
    for _ in 0..BACKUPS_FORESEEN {
        kept.push(Timestamp(next));
        let gone = outdated(kept.clone());
        kept.retain(|time| !gone.contains(time));
        for time in gone.into_iter().filter(|time| times.contains(time)) {
            removals.insert(time, Timestamp(next));
        }
        if removals.len() == times.len() {
            break;
        }
        next = next.saturating_add(step);
    }
    removals
}

/// The oldest backups, with their sizes, that have to go before `missing_bytes` more are free.
/// `None` if that takes more than all but the newest ones.
pub fn oldest_to_free(
    mut backups: Vec<(Timestamp, u64)>,
    missing_bytes: u64,
) -> Option<Vec<Timestamp>> {
    backups.sort_unstable();
    backups.truncate(backups.len().saturating_sub(KEPT_WITHOUT_SPACE));
    let mut freed = 0;
    let mut oldest = Vec::new();
    for (time, bytes) in backups {
        if freed >= missing_bytes {
            break;
        }
        freed += bytes;
        oldest.push(time);
    }
    (freed >= missing_bytes).then_some(oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let time = DateTime::parse_from_rfc3339(text).expect("a time");
        Timestamp(time.timestamp_millis())
    }

    /// Makes a backup at each time, as a server does, and removes what is outdated.
    fn rotate(kept: &mut Vec<Timestamp>, times: impl IntoIterator<Item = Timestamp>) {
        for time in times {
            kept.push(time);
            let gone = outdated(kept.clone());
            assert!(!gone.contains(&time) || kept.iter().any(|other| *other > time));
            kept.retain(|time| !gone.contains(time));
            assert!(kept.len() <= 24 + 7 + 5 + 12);
        }
    }

    fn every(step_ms: i64, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Timestamp> {
        (from.0..to.0)
            .step_by(usize::try_from(step_ms).expect("a step"))
            .map(Timestamp)
    }

    /// How many of the last periods, the present one included, have a backup.
    fn covered(kept: &[Timestamp], now: Timestamp, period_ms: i64, periods: i64) -> i64 {
        let period = |time: Timestamp| time.0.div_euclid(period_ms);
        let has_one = |back: &i64| kept.iter().any(|time| period(*time) == period(now) - back);
        (0..periods).filter(has_one).count() as i64
    }

    /// The longest time without a backup since then.
    fn longest_gap(kept: &[Timestamp], since: i64) -> i64 {
        let mut times: Vec<_> = kept.iter().map(|time| time.0).collect();
        times.retain(|time| *time >= since);
        times.sort_unstable();
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().unwrap_or(i64::MAX)
    }

    #[test]
    fn hourly_backups_over_years_reach_back_a_year() {
        let (from, now) = (at("2024-01-01T00:10:00Z"), at("2027-03-10T15:10:00Z"));
        let mut kept = Vec::new();
        rotate(&mut kept, every(HOUR_MS, from, Timestamp(now.0 + 1)));
        assert_eq!(covered(&kept, now, HOUR_MS, 24), 24);
        assert_eq!(covered(&kept, now, DAY_MS, 7), 7);
        assert!(longest_gap(&kept, now.0 - 35 * DAY_MS) <= 7 * DAY_MS);
        assert!(longest_gap(&kept, i64::MIN) <= 31 * DAY_MS);
        assert_eq!(kept.iter().min(), Some(&at("2026-04-30T23:10:00Z")));
    }

    #[test]
    fn daily_and_frequent_backups_are_kept_by_the_same_rules() {
        let (from, now) = (at("2024-01-01T03:00:00Z"), at("2026-06-15T03:00:00Z"));
        let mut daily = Vec::new();
        rotate(&mut daily, every(DAY_MS, from, Timestamp(now.0 + 1)));
        assert_eq!(covered(&daily, now, DAY_MS, 24), 24);
        assert!(daily.len() <= 24 + 2 + 12, "{}", daily.len());
        let mut frequent = Vec::new();
        let yesterday = Timestamp(now.0 - DAY_MS);
        rotate(
            &mut frequent,
            every(60_000, yesterday, Timestamp(now.0 + 1)),
        );
        assert_eq!(covered(&frequent, now, HOUR_MS, 24), 24);
        assert!(frequent.len() <= 26, "{}", frequent.len());
    }

    #[test]
    fn a_clock_that_jumps_costs_no_backup_of_another_time() {
        let (from, now) = (at("2025-01-01T00:00:00Z"), at("2026-03-10T00:00:00Z"));
        let mut kept = Vec::new();
        rotate(&mut kept, every(HOUR_MS, from, now));
        let before = kept.clone();
        // The clock is ten years fast for one backup.
        rotate(&mut kept, [Timestamp(now.0 + 3_652 * DAY_MS)]);
        let lost = before.iter().filter(|time| !kept.contains(time)).count();
        assert!(lost <= 4, "one of each kind makes room: {lost}");
        // It is right again, or even slow: backups go on, and the years before stay.
        rotate(
            &mut kept,
            every(HOUR_MS, now, Timestamp(now.0 + 30 * HOUR_MS)),
        );
        let newest = Timestamp(now.0 + 29 * HOUR_MS);
        assert_eq!(covered(&kept, newest, HOUR_MS, 23), 23);
        let slow = Timestamp(now.0 - 100 * DAY_MS);
        rotate(&mut kept, [slow]);
        assert_eq!(covered(&kept, newest, HOUR_MS, 23), 23);
    }

    #[test]
    fn removals_are_foreseen_as_they_come() {
        let (from, now) = (at("2025-01-01T03:00:00Z"), at("2026-06-15T04:00:00Z"));
        for step in [HOUR_MS, DAY_MS, 40 * DAY_MS] {
            let mut kept = Vec::new();
            rotate(&mut kept, every(step, from, now));
            let newest = kept.iter().max().copied().expect("one");
            let foreseen = removals(kept.clone(), step, now);
            assert_eq!(foreseen.len(), kept.len(), "each goes some time");
            let mut next = (newest.0 + step).max(now.0);
            let (mut left, mut gone) = (kept.clone(), BTreeMap::new());
            while gone.len() < kept.len() {
                rotate(&mut left, [Timestamp(next)]);
                for time in kept.iter().filter(|time| !left.contains(time)) {
                    gone.entry(*time).or_insert(Timestamp(next));
                }
                next += step;
            }
            assert_eq!(foreseen, gone);
        }
        let one = at("2026-06-15T03:00:00Z");
        assert!(removals(vec![one], 0, now).is_empty(), "none are made");
        let last = removals(vec![one], HOUR_MS, now)[&one];
        assert!(last < at("2026-06-16T05:00:00Z"), "{last}");
    }

    #[test]
    fn nothing_is_outdated_while_there_is_room_and_the_newest_never_is() {
        assert!(outdated(Vec::new()).is_empty());
        let one = at("2026-03-10T00:00:00Z");
        assert!(outdated(vec![one]).is_empty());
        let crowd: Vec<_> = (0..1_000).map(|ms| Timestamp(one.0 + ms)).collect();
        let gone = outdated(crowd);
        assert_eq!(gone.len(), 999);
        assert!(!gone.contains(&Timestamp(one.0 + 999)));
        let before_1970 = vec![Timestamp(-1), Timestamp(-HOUR_MS - 1), Timestamp(i64::MAX)];
        assert!(outdated(before_1970).is_empty());
    }

    #[test]
    fn space_is_made_from_the_oldest_end_and_never_with_the_newest() {
        let backups = |count: i64| (1..=count).map(|n| (Timestamp(n), 10)).collect::<Vec<_>>();
        assert_eq!(oldest_to_free(backups(5), 0), Some(vec![]));
        assert_eq!(
            oldest_to_free(backups(5), 11),
            Some(vec![Timestamp(1), Timestamp(2)])
        );
        assert_eq!(oldest_to_free(backups(5), 31), None);
        assert_eq!(oldest_to_free(backups(2), 1), None);
        assert_eq!(oldest_to_free(Vec::new(), 1), None);
    }
}
