//! What has to happen again and again: backups, and a new certificate.

use std::time::Duration;

use super::check::{Check, Finding};
use super::observations::Validity;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A certificate is renewed before this, if anybody renews it.
const RENEW_BEFORE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// A certificate of a few days is renewed later, but before this part of its time is left. Tools
/// renew when a third is left.
const RENEW_BEFORE_PART: u64 = 6;

/// What was seen of the automatic backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupsSeen {
    /// The age of the newest one.
    pub newest: Option<Duration>,
    /// The time between two of them; zero makes none.
    pub every: Duration,
    /// The age of the database, where the file system knows it.
    pub database: Option<Duration>,
    /// Why the attempt after the newest one has failed.
    pub failure: Option<String>,
    /// Who makes them, if that is not the server.
    pub others: Option<&'static str>,
}

/// What was seen of a certificate in files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSeen {
    /// The file.
    pub path: String,
    /// How long it is valid, or why it cannot be read.
    pub validity: Result<Validity, String>,
}

/// Judges the database or the bus: what it is like or why it cannot be used, and what is wrong with it.
pub fn judge_service(
    check: Check,
    found: &Result<Vec<String>, String>,
    warnings: &[String],
) -> Finding {
    match found {
        Err(why) => Finding::problem(check, why),
        Ok(_) if !warnings.is_empty() => Finding::problem(check, warnings.join("; ")),
        Ok(lines) => Finding::ok(check, lines.join(" ")),
    }
}

/// Judges the automatic backups.
pub fn judge_backups(seen: &BackupsSeen) -> Finding {
    if let Some(others) = seen.others {
        let detail = format!("the server makes none: {others}; make sure that somebody does so");
        return Finding::skipped(Check::Backup, detail);
    }
    if let Some(why) = &seen.failure {
        return Finding::problem(Check::Backup, format!("the newest attempt failed: {why}"));
    }
    if seen.every.is_zero() {
        return Finding::skipped(
            Check::Backup,
            "the server makes none by itself, because backup.every_ms is 0",
        );
    }
    let every = in_words(seen.every);
    // A server that was off makes up for it; one that runs is late by minutes.
    let is_late = |age: Duration| age > seen.every * 2 + HOUR;
    let advice =
        "look into the server's log, and start one in the console (Data) or with `shoptalk backup`";
    match seen.newest {
        Some(age) if is_late(age) => Finding::problem(
            Check::Backup,
            format!(
                "the newest is {} old, though one is due every {every}; {advice}",
                in_words(age)
            ),
        ),
        Some(age) => Finding::ok(
            Check::Backup,
            format!("the newest is {} old", in_words(age)),
        ),
        None if seen.database.is_some_and(is_late) => Finding::problem(
            Check::Backup,
            format!("there is none, though one is due every {every}; {advice}"),
        ),
        None => Finding::skipped(
            Check::Backup,
            "there is none yet; the server makes the first ten minutes after a start",
        ),
    }
}

/// Judges the server's own certificate.
pub fn judge_certificate(seen: &CertificateSeen) -> Finding {
    match &seen.validity {
        Err(why) => Finding::problem(Check::Certificate, why.clone()),
        Ok(validity) => judge_validity(
            &seen.path,
            *validity,
            "renew it; the server reads it again without a restart",
        ),
    }
}

/// Judges how long a certificate is valid. `renewal` says what to do when that is not long enough.
pub(super) fn judge_validity(name: &str, validity: Validity, renewal: &str) -> Finding {
    let left = Duration::from_secs(validity.left_s);
    let soon = RENEW_BEFORE.min(Duration::from_secs(validity.whole_s / RENEW_BEFORE_PART));
    if left.is_zero() {
        Finding::problem(
            Check::Certificate,
            format!("{name} has expired, and browsers refuse it; {renewal}"),
        )
    } else if left < soon {
        let left = in_words(left);
        Finding::problem(
            Check::Certificate,
            format!("{name} expires in {left}; {renewal}"),
        )
    } else {
        Finding::ok(
            Check::Certificate,
            format!("{name} is valid for {}", in_words(left)),
        )
    }
}

/// A duration in its largest fitting unit, from two of it on.
fn in_words(duration: Duration) -> String {
    let (unit, name) = match duration {
        long if long >= 2 * DAY => (DAY, "days"),
        medium if medium >= 2 * HOUR => (HOUR, "hours"),
        _ => (Duration::from_secs(60), "minutes"),
    };
    format!("{} {name}", duration.as_secs() / unit.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::check::Level;
    use super::*;

    fn backups(newest: Option<Duration>) -> BackupsSeen {
        BackupsSeen {
            newest,
            every: DAY,
            database: Some(DAY),
            failure: None,
            others: None,
        }
    }

    #[test]
    fn a_backup_that_is_late_or_failed_is_a_problem() {
        let level = |seen: &BackupsSeen| judge_backups(seen).level;
        assert_eq!(level(&backups(Some(Duration::ZERO))), Level::Ok);
        assert_eq!(level(&backups(Some(2 * DAY))), Level::Ok);
        let late = judge_backups(&backups(Some(3 * DAY)));
        assert_eq!(late.level, Level::Problem);
        assert!(late.detail.contains("3 days old"), "{}", late.detail);
        let failed = BackupsSeen {
            failure: Some("the disk is full".to_owned()),
            ..backups(Some(Duration::ZERO))
        };
        assert_eq!(level(&failed), Level::Problem);
        assert!(judge_backups(&failed).detail.contains("the disk is full"));
    }

    #[test]
    fn no_backup_is_a_problem_only_once_the_database_is_old() {
        assert_eq!(judge_backups(&backups(None)).level, Level::Skipped);
        let old = BackupsSeen {
            database: Some(3 * DAY),
            ..backups(None)
        };
        assert_eq!(judge_backups(&old).level, Level::Problem);
        let of_postgres = BackupsSeen {
            others: Some("use pg_dump"),
            ..backups(None)
        };
        let finding = judge_backups(&of_postgres);
        assert_eq!(finding.level, Level::Skipped);
        assert!(finding.detail.contains("pg_dump"), "{}", finding.detail);
        let off = BackupsSeen {
            every: Duration::ZERO,
            ..old
        };
        assert_eq!(judge_backups(&off).level, Level::Skipped);
    }

    #[test]
    fn a_certificate_that_ends_soon_is_a_problem() {
        let judged = |validity| {
            let path = "cert.pem".to_owned();
            judge_certificate(&CertificateSeen { path, validity })
        };
        let level = |left: Duration, whole: Duration| {
            let (left_s, whole_s) = (left.as_secs(), whole.as_secs());
            judged(Ok(Validity { left_s, whole_s })).level
        };
        let quarter = 90 * DAY;
        assert_eq!(level(RENEW_BEFORE, quarter), Level::Ok);
        assert_eq!(level(RENEW_BEFORE - HOUR, quarter), Level::Problem);
        assert_eq!(level(Duration::ZERO, quarter), Level::Problem);
        assert_eq!(level(2 * DAY, 6 * DAY), Level::Ok, "it lives six days");
        assert_eq!(level(DAY - HOUR, 6 * DAY), Level::Problem);
        assert_eq!(judged(Err("damaged".to_owned())).level, Level::Problem);
    }
}
