use proptest::prelude::*;

use super::*;

/// Germany's clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 to 02:00 on 2026-10-25.
const BERLIN: &str = "Europe/Berlin";
const NINE_TO_FIVE: &str = "mon-fri 09:00-17:00";

fn at(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().expect("a moment");
    Timestamp(moment.as_millisecond())
}

fn span(text: &str) -> TimeSpan {
    let (from, to) = text.split_once('-').expect("from-to");
    TimeSpan {
        from: from.parse().expect("a time"),
        to: to.parse().expect("a time"),
    }
}

/// `mon-fri 09:00-17:00, sat 10:00-14:00`.
fn hours(text: &str) -> Vec<Interval> {
    use Day::*;
    let days = [
        ("mon", Mon),
        ("tue", Tue),
        ("wed", Wed),
        ("thu", Thu),
        ("fri", Fri),
        ("sat", Sat),
        ("sun", Sun),
    ];
    let position = |name: &str| {
        let found = days.iter().position(|(known, _)| *known == name);
        found.expect("a day")
    };
    let mut hours = Vec::new();
    for part in text.split(", ").filter(|part| !part.is_empty()) {
        let (name, times) = part.split_once(' ').expect("days and times");
        let (first, last) = name.split_once('-').unwrap_or((name, name));
        let TimeSpan { from, to } = span(times);
        for (_, day) in &days[position(first)..=position(last)] {
            let day = *day;
            hours.push(Interval { day, from, to });
        }
    }
    hours
}

/// `2026-12-24 09:00-12:00` or `2026-12-25..2026-12-26`, which is closed.
fn exceptions(text: &str) -> Vec<Exception> {
    let parts = text.split(", ").filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let mut words = part.split(' ');
            let days = words.next().expect("days");
            let (from, to) = days.split_once("..").unwrap_or((days, days));
            Exception {
                from: from.parse().expect("a date"),
                to: to.parse().expect("a date"),
                hours: words.map(span).collect(),
            }
        })
        .collect()
}

fn shop(time_zone: &str, weekly: &str, exceptional: &str) -> Shop {
    Shop {
        time_zone: time_zone.into(),
        hours: hours(weekly),
        exceptions: exceptions(exceptional),
        ..Shop::default()
    }
}

/// Each case: a moment, and `open`, the moment of the next opening, or `never`.
#[track_caller]
fn check(shop: &Shop, cases: &[(&str, &str)]) {
    for (moment, expected) in cases {
        let state = shop.open_at(at(moment));
        let expected = match *expected {
            "open" => OpenState {
                open: true,
                back_at: None,
            },
            "never" => OpenState {
                open: false,
                back_at: None,
            },
            back_at => OpenState {
                open: false,
                back_at: Some(at(back_at)),
            },
        };
        assert_eq!(state, expected, "{moment}");
    }
}

#[test]
fn a_shop_without_hours_is_always_open() {
    check(
        &Shop::default(),
        &[
            ("2026-03-29T01:30:00Z", "open"),
            ("1970-01-01T00:00:00Z", "open"),
        ],
    );
}

#[test]
fn hours_are_those_of_the_week_in_the_zone() {
    check(
        &shop(
            BERLIN,
            "mon-fri 09:00-12:00, mon-thu 13:00-17:00, sat 10:00-14:00",
            "",
        ),
        &[
            // A Monday in winter: UTC+1.
            ("2026-01-12T07:59:59.999Z", "2026-01-12T08:00:00Z"),
            ("2026-01-12T08:00:00Z", "open"),
            ("2026-01-12T10:59:59.999Z", "open"),
            ("2026-01-12T11:00:00Z", "2026-01-12T12:00:00Z"),
            ("2026-01-12T16:00:00Z", "2026-01-13T08:00:00Z"),
            // Friday afternoon, Saturday, and over Sunday.
            ("2026-01-16T12:30:00Z", "2026-01-17T09:00:00Z"),
            ("2026-01-17T13:00:00Z", "2026-01-19T08:00:00Z"),
            // A Monday in summer: UTC+2.
            ("2026-07-13T07:00:00Z", "open"),
            ("2026-07-13T15:00:00Z", "2026-07-14T07:00:00Z"),
        ],
    );
}

#[test]
fn hours_past_midnight_belong_to_the_day_on_which_they_begin() {
    check(
        &shop("UTC", "fri 22:00-02:00, sun 00:00-24:00", ""),
        &[
            ("2026-01-09T21:59:00Z", "2026-01-09T22:00:00Z"),
            ("2026-01-09T23:00:00Z", "open"),
            ("2026-01-10T01:59:59Z", "open"),
            ("2026-01-10T02:00:00Z", "2026-01-11T00:00:00Z"),
            ("2026-01-11T23:59:59Z", "open"),
            ("2026-01-12T00:00:00Z", "2026-01-16T22:00:00Z"),
        ],
    );
}

#[test]
fn when_clocks_go_forward_a_skipped_time_is_the_moment_of_the_jump() {
    // 01:00Z on 2026-03-29.
    check(
        &shop(BERLIN, "sun 02:30-05:00", ""),
        &[
            ("2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"),
            ("2026-03-29T01:00:00Z", "open"),
            ("2026-03-29T02:59:59Z", "open"),
            ("2026-03-29T03:00:00Z", "2026-04-05T00:30:00Z"),
        ],
    );
    check(
        &shop(BERLIN, "sat 22:00-02:30", ""),
        &[
            ("2026-03-29T00:59:59Z", "open"),
            ("2026-03-29T01:00:00Z", "2026-04-04T20:00:00Z"),
        ],
    );
    check(
        &shop(BERLIN, "sun 02:10-02:50, mon 09:00-10:00", ""),
        &[("2026-03-29T00:30:00Z", "2026-03-30T07:00:00Z")],
    );
}

#[test]
fn when_clocks_go_back_the_shop_is_open_in_both_repeated_hours() {
    // 02:00 to 03:00 is 00:00Z to 01:00Z and again 01:00Z to 02:00Z on 2026-10-25.
    check(
        &shop(BERLIN, "sun 02:15-02:45", ""),
        &[
            ("2026-10-25T00:14:59Z", "2026-10-25T00:15:00Z"),
            ("2026-10-25T00:15:00Z", "open"),
            ("2026-10-25T01:44:59Z", "open"),
            ("2026-10-25T01:45:00Z", "2026-11-01T01:15:00Z"),
        ],
    );
    check(
        &shop(BERLIN, "sat 22:00-02:00", ""),
        &[
            ("2026-10-24T23:59:59Z", "open"),
            ("2026-10-25T00:00:00Z", "2026-10-31T21:00:00Z"),
        ],
    );
}

#[test]
fn clocks_that_change_at_midnight_and_zones_without_summer_time_are_right() {
    // Cairo skips from 00:00 to 01:00 on 2026-04-24, at 22:00Z of the day before.
    check(
        &shop("Africa/Cairo", "fri 00:00-08:00", ""),
        &[
            ("2026-04-23T21:59:59Z", "2026-04-23T22:00:00Z"),
            ("2026-04-24T04:59:59Z", "open"),
            ("2026-04-24T05:00:00Z", "2026-04-30T21:00:00Z"),
        ],
    );
    check(
        &shop("Asia/Kathmandu", NINE_TO_FIVE, ""),
        &[
            ("2026-03-30T03:14:59Z", "2026-03-30T03:15:00Z"),
            ("2026-10-26T03:15:00Z", "open"),
        ],
    );
}

#[test]
fn exceptions_replace_the_hours_of_their_days() {
    let shop = shop(
        "UTC",
        "mon-fri 09:00-17:00, thu 22:00-02:00",
        "2026-12-24 09:00-12:00, 2026-12-25..2026-12-28, 2026-12-31 10:00-11:00 13:00-14:00, \
         2027-01-03 20:00-01:00",
    );
    check(
        &shop,
        &[
            ("2026-12-24T11:59:00Z", "open"),
            // Closed for four days, over the Monday.
            ("2026-12-24T12:00:00Z", "2026-12-29T09:00:00Z"),
            ("2026-12-24T23:00:00Z", "2026-12-29T09:00:00Z"),
            ("2026-12-31T11:00:00Z", "2026-12-31T13:00:00Z"),
            // A Sunday with hours, past midnight.
            ("2027-01-02T12:00:00Z", "2027-01-03T20:00:00Z"),
            ("2027-01-04T00:59:00Z", "open"),
        ],
    );
}

#[test]
fn what_began_the_evening_before_goes_on_into_a_closed_day() {
    check(
        &shop("UTC", "thu 22:00-02:00", "2026-12-25"),
        &[
            ("2026-12-25T01:59:00Z", "open"),
            ("2026-12-25T02:00:00Z", "2026-12-31T22:00:00Z"),
        ],
    );
}

#[test]
fn without_weekly_hours_an_exception_closes_its_days_alone() {
    check(
        &shop("UTC", "", "2026-12-25..2026-12-26"),
        &[
            ("2026-12-24T23:59:59Z", "open"),
            ("2026-12-25T00:00:00Z", "2026-12-27T00:00:00Z"),
            ("2026-12-27T00:00:00Z", "open"),
        ],
    );
}

#[test]
fn closed_until_comes_before_the_hours() {
    let closed = |until: &str| Shop {
        closed_until: Some(at(until)),
        ..shop("UTC", NINE_TO_FIVE, "")
    };
    check(
        &closed("2026-01-12T11:30:00Z"),
        &[
            ("2026-01-12T10:00:00Z", "2026-01-12T11:30:00Z"),
            ("2026-01-12T11:30:00Z", "open"),
        ],
    );
    // It ends while the shop is closed anyway.
    check(
        &closed("2026-01-12T20:00:00Z"),
        &[("2026-01-12T10:00:00Z", "2026-01-13T09:00:00Z")],
    );
    check(
        &Shop {
            closed_until: Some(at("2026-01-12T11:30:00Z")),
            ..Shop::default()
        },
        &[("2026-01-12T10:00:00Z", "2026-01-12T11:30:00Z")],
    );
}

#[test]
fn an_opening_more_than_a_year_ahead_is_none() {
    check(
        &shop("UTC", NINE_TO_FIVE, "2026-01-01..2028-12-31"),
        &[
            ("2026-06-01T10:00:00Z", "never"),
            ("2028-06-01T10:00:00Z", "2029-01-01T09:00:00Z"),
        ],
    );
}

#[test]
fn the_end_of_a_closing_by_hand_is_known_however_far_ahead_it_is() {
    let closed = |until: i64, exceptions: &str| Shop {
        closed_until: Some(Timestamp(until)),
        ..shop("UTC", NINE_TO_FIVE, exceptions)
    };
    let monday = at("2029-01-01T10:00:00Z").0;
    let now = "2026-01-12T10:00:00Z";
    check(&closed(monday, ""), &[(now, "2029-01-01T10:00:00Z")]);
    let evening = at("2029-01-01T20:00:00Z").0;
    check(&closed(evening, ""), &[(now, "2029-01-02T09:00:00Z")]);
    check(&closed(monday, "2029-01-01..2031-12-31"), &[(now, "never")]);
    // Later than the library's calendar goes.
    let last = 253_402_300_799_999;
    let state = closed(last, "").open_at(at(now));
    assert_eq!((state.open, state.back_at), (false, Some(Timestamp(last))));
}

#[test]
fn times_and_dates_have_one_form() {
    for good in ["00:00", "09:05", "23:59", "24:00"] {
        let time: TimeOfDay = good.parse().expect(good);
        assert_eq!(time.to_string(), good);
    }
    for bad in [
        "", "9:00", "09:60", "24:01", "25:00", "09:00:00", "+9:00", "ab:cd",
    ] {
        assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
    }
    assert_eq!(
        "2028-02-29".parse::<Date>().expect("a date").to_string(),
        "2028-02-29"
    );
    for bad in [
        "",
        "2026-02-29",
        "20261224",
        "2026-12-24T10:00",
        "-009-01-01",
        "24.12.2026",
    ] {
        assert!(bad.parse::<Date>().is_err(), "{bad}");
    }
}

/// What a shop's clock shows, as minutes since a day before 1970.
fn wall_minutes(zone: &TimeZone, minute: i64) -> i64 {
    let moment = jiff::Timestamp::from_second(minute * 60).expect("in range");
    let wall = zone.to_datetime(moment);
    let day = jiff::civil::date(1970, 1, 1);
    let days = (wall.date() - day).get_days();
    i64::from(days) * 24 * 60 + i64::from(wall.hour()) * 60 + i64::from(wall.minute())
}

/// Which minutes are open, found by walking with the clock: an opening begins at the first minute at
/// which the clock shows its beginning or more, and ends behind the last one at which it shows less
/// than its end.
fn walked(shop: &Shop, minutes: std::ops::Range<i64>) -> Vec<bool> {
    let zone = shop.zone();
    let day_ms = 24 * 60;
    let reach = minutes.start - 3 * day_ms..minutes.end + 3 * day_ms;
    let walls: Vec<i64> = reach
        .clone()
        .map(|minute| wall_minutes(&zone, minute))
        .collect();
    let mut open = vec![false; walls.len()];
    for day in walls[0].div_euclid(day_ms) + 1..walls[walls.len() - 1].div_euclid(day_ms) {
        let date = jiff::civil::date(1970, 1, 1)
            .checked_add(jiff::Span::new().days(day))
            .expect("in range");
        for span in shop.hours_of(date) {
            let from = day * day_ms + i64::from(span.from.minutes);
            let mut to = day * day_ms + i64::from(span.to.minutes);
            if to <= from {
                to += day_ms;
            }
            let first = walls.iter().position(|wall| *wall >= from);
            let last = walls.iter().rposition(|wall| *wall < to);
            if let (Some(first), Some(last)) = (first, last)
                && first <= last
            {
                open[first..=last].fill(true);
            }
        }
    }
    open[(3 * day_ms) as usize..open.len() - (3 * day_ms) as usize].to_vec()
}

/// Quarters of an hour, of which many are around midnight and the hours at which clocks change.
fn any_quarter() -> impl Strategy<Value = u16> {
    prop_oneof![0..16_u16, 88..96_u16, 0..96_u16]
}

fn any_span() -> impl Strategy<Value = TimeSpan> {
    (any_quarter(), any_quarter().prop_map(|quarter| quarter + 1))
        .prop_filter("a span", |(from, to)| from != to)
        .prop_map(|(from, to)| TimeSpan {
            from: TimeOfDay { minutes: from * 15 },
            to: TimeOfDay { minutes: to * 15 },
        })
}

fn any_day() -> impl Strategy<Value = Day> {
    use Day::*;
    prop::sample::select(vec![Mon, Tue, Wed, Thu, Fri, Sat, Sun])
}

/// How far the property walks, from two days before the change of clocks on.
const WALK_MINUTES: i64 = 6 * 24 * 60;
/// What is tried of it.
const STEP_MINUTES: usize = 7;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Around both changes of clocks, in zones where they happen at different times of day.
    #[test]
    fn the_next_opening_is_the_first_open_minute_of_a_walk(
        (zone, change) in prop::sample::select(vec![
            (BERLIN, "2026-03-29T01:00:00Z"),
            (BERLIN, "2026-10-25T01:00:00Z"),
            ("America/New_York", "2026-03-08T07:00:00Z"),
            ("America/New_York", "2026-11-01T06:00:00Z"),
            ("Africa/Cairo", "2026-04-23T22:00:00Z"),
            ("Africa/Cairo", "2026-10-29T21:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
            ("America/St_Johns", "2006-10-29T02:31:00Z"),
            ("Asia/Kathmandu", "2026-03-29T01:00:00Z"),
        ]),
        weekly in prop::collection::vec((any_day(), any_span()), 0..8),
        exceptional in prop::collection::vec((-2..4_i64, 0..3_i64, prop::collection::vec(any_span(), 0..3)), 0..3),
        closed_until in prop::option::of(-2_000..2_000_i64),
    ) {
        let change = at(change).0 / 60_000;
        let day = |days: i64| {
            let moment = jiff::Timestamp::from_second((change + days * 24 * 60) * 60).expect("in range");
            Date(TimeZone::UTC.to_datetime(moment).date())
        };
        let shop = Shop {
            time_zone: zone.into(),
            hours: weekly.into_iter().map(|(day, TimeSpan { from, to })| Interval { day, from, to }).collect(),
            exceptions: exceptional.into_iter().map(|(from, days, hours)| Exception {
                from: day(from), to: day(from + days), hours,
            }).collect(),
            closed_until: closed_until.map(|minutes| Timestamp((change + minutes) * 60_000)),
            ..Shop::default()
        };
        let start = change - 2 * 24 * 60;
        let moment = |minute: usize| Timestamp((start + minute as i64) * 60_000);
        let open: Vec<bool> = walked(&shop, start..start + WALK_MINUTES)
            .into_iter()
            .enumerate()
            .map(|(minute, open)| open && shop.closed_until.is_none_or(|until| until <= moment(minute)))
            .collect();
        for minute in (0..open.len()).step_by(STEP_MINUTES) {
            let state = shop.open_at(moment(minute));
            prop_assert_eq!(state.open, open[minute], "at {}", moment(minute));
            match open[minute..].iter().position(|open| *open) {
                Some(0) => prop_assert_eq!(state.back_at, None),
                Some(wait) => prop_assert_eq!(state.back_at, Some(moment(minute + wait))),
                // Not within the days of the walk.
                None => if let Some(back_at) = state.back_at {
                    prop_assert!(back_at >= moment(open.len()));
                }
            }
        }
    }
}
