//! The collector against a slow recount that is written as the rules are said: for each row it goes
//! through everything again.

use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::chat::{SenderType, SystemEvent, Timestamp};
use crate::persistence::{ReportLine, ReportMessage, ReportRoom};
use crate::settings::Shop;

const HOUR: i64 = 60 * 60 * 1_000;
const QUARTER: i64 = HOUR / 4;
/// 2026-03-25T00:00:00Z: clocks of Berlin change on the 29th.
const START: i64 = 1_774_396_800_000;
const NOW: Timestamp = Timestamp(START + 40 * 24 * HOUR);

#[derive(Debug, Clone)]
struct Conversation {
    ratings: Vec<(u64, u8)>,
    tags: Vec<Uuid>,
    log: Vec<ReportMessage>,
}

fn shop() -> Shop {
    let text = r#"{"time_zone": "Europe/Berlin", "hours": [
        {"day": "mon", "from": "09:00", "to": "18:00"}, {"day": "wed", "from": "22:00", "to": "02:00"},
        {"day": "sun", "from": "00:00", "to": "24:00"}]}"#;
    serde_json::from_str(text).expect("a shop")
}

fn range() -> ReportRange {
    let date = |text: &str| Some(text.parse().expect("a date"));
    ReportRange::new(&shop(), date("2026-03-27"), date("2026-04-05"), NOW).expect("a range")
}

fn agent(number: u8) -> Option<Uuid> {
    (number > 0).then(|| Uuid::from_u128(number.into()))
}

/// Kinds of messages: 0 to 3 customer, 4 to 6 agent, 7 closed, 8 reopened.
fn conversation() -> impl Strategy<Value = Conversation> {
    let entry = (
        0_u8..9,
        0_u8..3,
        0_i64..30 * HOUR,
        proptest::option::of(1_u8..=5),
    );
    let log = proptest::collection::vec(entry, 1..12);
    let begins = 0_i64..14 * 24 * HOUR;
    let tags = proptest::collection::btree_set(1_u128..4, 0..3);
    (begins, log, tags).prop_map(|(begins, entries, tags)| {
        let (mut at, mut log, mut ratings) = (START + begins, Vec::new(), Vec::new());
        for (seq, (kind, by, later, score)) in (1..).zip(entries) {
            at += later;
            let (sender_type, event) = match kind {
                0..=3 => (SenderType::Customer, None),
                4..=6 => (SenderType::Admin, None),
                7 => (SenderType::System, Some(SystemEvent::Closed)),
                _ => (SenderType::System, Some(SystemEvent::Reopened)),
            };
            if event == Some(SystemEvent::Closed) {
                ratings.extend(score.map(|score| (seq, score)));
            }
            log.push(ReportMessage {
                seq,
                sender_type,
                event,
                agent: agent(by).filter(|_| sender_type == SenderType::Admin),
                created_at: Timestamp(at),
            });
        }
        Conversation {
            ratings,
            tags: tags.into_iter().map(Uuid::from_u128).collect(),
            log,
        }
    })
}

fn collected(by: ReportBy, all: &[Conversation]) -> Report {
    let mut names = Names::default();
    for (pk, conversation) in (1..).zip(all) {
        if !conversation.tags.is_empty() {
            names.tags.insert(pk, conversation.tags.clone());
        }
    }
    let mut collector = Collector::new(by, range(), names);
    for (pk, conversation) in (1..).zip(all) {
        let ratings = conversation.ratings.clone();
        collector.take(ReportLine::Room(ReportRoom { pk, ratings }));
        for message in &conversation.log {
            collector.take(ReportLine::Message(*message));
        }
    }
    collector.finish()
}

/// Whether a moment is in the range and what belongs to a row: its day, its agent, its tags.
fn belongs(
    key: &Option<Option<String>>,
    by: ReportBy,
    at: Timestamp,
    by_agent: Option<Uuid>,
    tags: &[Uuid],
) -> bool {
    let day = shop().day_of(at).expect("a day").to_string();
    let is_in_range = ("2026-03-27"..="2026-04-05").contains(&day.as_str());
    let Some(key) = key else { return is_in_range };
    let own = match by {
        ReportBy::Day => key.as_ref() == Some(&day),
        ReportBy::Agent => *key == by_agent.map(|id| id.to_string()),
        ReportBy::Tag => match key {
            None => tags.is_empty(),
            Some(key) => tags.iter().any(|tag| tag.to_string() == *key),
        },
    };
    is_in_range && own
}

/// Quarters of an hour, counted one by one: all times of the test are such.
fn open_ms(from: i64, to: i64) -> i64 {
    let shop = shop();
    let quarters = (from..to).step_by(QUARTER as usize);
    let open = quarters.filter(|at| shop.open_at(Timestamp(*at)).open);
    open.count() as i64 * QUARTER
}

fn percentile(mut values: Vec<i64>, percent: usize) -> Option<i64> {
    values.sort_unstable();
    let enough = |value: &i64| {
        let not_longer = values.iter().filter(|other| *other <= value).count();
        not_longer * 100 >= percent * values.len()
    };
    values.iter().copied().find(|value| enough(value))
}

fn durations(spans: &[(i64, i64)]) -> Durations {
    let all: Vec<i64> = spans.iter().map(|(from, to)| to - from).collect();
    let open: Vec<i64> = spans.iter().map(|(from, to)| open_ms(*from, *to)).collect();
    Durations {
        count: spans.len() as u64,
        median_ms: percentile(all.clone(), 50),
        p90_ms: percentile(all, 90),
        open_median_ms: percentile(open.clone(), 50),
        open_p90_ms: percentile(open, 90),
    }
}

/// One row, or with no key the total.
fn recounted(key: Option<Option<String>>, by: ReportBy, all: &[Conversation]) -> ReportRow {
    let (mut conversations, mut unanswered) = (0, 0);
    let (mut customer, mut agent) = (0, 0);
    let (mut answers, mut wholes) = (Vec::new(), Vec::new());
    let mut scores = [0; 5];
    for Conversation { ratings, tags, log } in all {
        let own = |at, by_agent| belongs(&key, by, at, by_agent, tags);
        let of = |sender: SenderType| log.iter().filter(move |it| it.sender_type == sender);
        customer += of(SenderType::Customer)
            .filter(|it| own(it.created_at, None))
            .count();
        agent += of(SenderType::Admin)
            .filter(|it| own(it.created_at, it.agent))
            .count();
        let asked = of(SenderType::Customer).next();
        let answer =
            asked.and_then(|asked| of(SenderType::Admin).find(|answer| answer.seq > asked.seq));
        let first = log.iter().find(|it| it.sender_type != SenderType::System);
        let answered_by = answer.and_then(|answer| answer.agent);
        if let Some(first) = first.filter(|first| own(first.created_at, answered_by)) {
            conversations += 1;
            unanswered += u64::from(asked.is_some() && answer.is_none());
            let span =
                |from: &ReportMessage, to: &ReportMessage| (from.created_at.0, to.created_at.0);
            answers.extend(asked.zip(answer).map(|(asked, answer)| span(asked, answer)));
            let last = log
                .last()
                .filter(|last| last.event == Some(SystemEvent::Closed));
            wholes.extend(last.map(|closing| span(first, closing)));
        }
        for (closing, score) in ratings {
            let at = log[*closing as usize - 1].created_at;
            let before = of(SenderType::Admin).rfind(|it| it.seq < *closing);
            if own(at, before.and_then(|it| it.agent)) {
                scores[usize::from(*score) - 1] += 1;
            }
        }
    }
    let count: u64 = scores.iter().sum();
    let sum: u64 = (1..=5)
        .zip(scores)
        .map(|(score, count): (u64, u64)| score * count)
        .sum();
    ReportRow {
        key: key.flatten(),
        name: None,
        conversations,
        unanswered,
        messages: MessageFigures {
            customer: customer as u64,
            agent: agent as u64,
        },
        first_answer: durations(&answers),
        whole: durations(&wholes),
        ratings: RatingFigures {
            count,
            average: (count > 0).then(|| (sum as f64 / count as f64 * 100.0).round() / 100.0),
            scores,
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_report_equals_a_slow_recount(mut all in proptest::collection::vec(conversation(), 0..8)) {
        for conversation in &mut all {
            for message in &mut conversation.log {
                message.created_at.0 -= message.created_at.0 % QUARTER;
            }
        }
        for by in [ReportBy::Day, ReportBy::Agent, ReportBy::Tag] {
            let report = collected(by, &all);
            prop_assert_eq!(&report.total, &recounted(None, by, &all));
            let keys: BTreeSet<_> = report.rows.iter().map(|row| row.key.clone()).collect();
            prop_assert_eq!(keys.len(), report.rows.len(), "no row twice");
            for row in &report.rows {
                prop_assert_eq!(row, &recounted(Some(row.key.clone()), by, &all));
            }
            // Nothing is missing: what is not in a row would be in one of these.
            let known = (1..4).map(|id| Some(Uuid::from_u128(id).to_string())).chain([None]);
            for key in known.filter(|key| by != ReportBy::Day && !keys.contains(key)) {
                let row = recounted(Some(key), by, &all);
                let is_empty = row.conversations + row.messages.customer + row.messages.agent
                    + row.ratings.count == 0;
                prop_assert!(is_empty, "{:?} is missing", row);
            }
        }
    }
}

#[test]
fn a_room_that_has_gone_counts_for_nothing() {
    let mut collector = Collector::new(ReportBy::Day, range(), Names::default());
    let message = ReportMessage {
        seq: 1,
        sender_type: SenderType::Customer,
        event: None,
        agent: None,
        created_at: Timestamp(START + 5 * 24 * HOUR),
    };
    for (pk, gone) in [(1, true), (2, false)] {
        let ratings = Vec::new();
        collector.take(ReportLine::Room(ReportRoom { pk, ratings }));
        collector.take(ReportLine::Message(message));
        if gone {
            collector.take(ReportLine::Gone);
        }
    }
    let report = collector.finish();
    assert_eq!(
        (report.total.conversations, report.total.messages.customer),
        (1, 1)
    );
    assert_eq!(report.rows.len(), 10);
}

#[test]
fn a_range_is_bounded_and_has_every_day() {
    let range = |from: Option<&str>, to: Option<&str>| {
        let date = |text: Option<&str>| text.map(|text| text.parse().expect("a date"));
        ReportRange::new(&shop(), date(from), date(to), NOW)
    };
    let default = range(None, None).expect("a range");
    assert_eq!(default.days.len(), 30);
    assert_eq!(default.last().to_string(), "2026-05-04");
    let summer = range(Some("2026-03-29"), Some("2026-03-29")).expect("a range");
    assert_eq!(summer.to.0 - summer.from.0, 23 * HOUR, "clocks go forward");
    let year = range(Some("2024-01-01"), Some("2024-12-31")).expect("a range");
    assert_eq!(year.days.len(), DAYS_MAX);
    let long = range(Some("2024-01-01"), Some("2025-01-01"));
    assert_eq!(long.map(|_| ()), Err(BadRange::TooLong));
    let backwards = range(Some("2026-01-02"), Some("2026-01-01"));
    assert_eq!(backwards.map(|_| ()), Err(BadRange::Backwards));
    for (from, to) in [("1969-12-31", "1970-01-02"), ("9998-12-31", "9999-01-01")] {
        let outside = range(Some(from), Some(to));
        assert_eq!(outside.map(|_| ()), Err(BadRange::OutOfCalendar));
    }
}

#[test]
fn a_table_has_a_line_for_each_row_and_the_total_and_no_formula() {
    let mut report = collected(ReportBy::Agent, &[]);
    report.rows = vec![ReportRow {
        key: Some("1".into()),
        name: Some("=cmd()".into()),
        ..report.total.clone()
    }];
    let text = csv(&report);
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert!(lines[0].starts_with("key,name,conversations,"), "{text}");
    assert!(lines[1].starts_with("1,\"'=cmd()\",0,0,"), "{text}");
    assert!(lines[2].starts_with("total,,0,0,"), "{text}");
    assert_eq!(lines.len(), 3);
    let columns = |line: &str| line.split(',').count();
    assert_eq!(columns(lines[0]), columns(lines[2]));
}
