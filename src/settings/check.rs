//! What settings may be.

use jiff::tz::TimeZone;

use super::hours::TimeSpan;
use super::widget::COMPRESSED_BYTES;
use super::{LANGUAGES, Settings, Shop, Widget};
use crate::chat::limits::{NAME_CHARS, is_blank};

/// Intervals of a week, and exceptions.
const HOURS_MAX: usize = 70;
/// Intervals of a day with an exception.
const HOURS_OF_DAY_MAX: usize = 10;
const TITLE_CHARS: usize = 40;
const TEXT_CHARS: usize = 300;
const SECOND_MS: u64 = 1_000;
const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// What is wrong with a field, for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The path of the field, such as `shop.hours[2].from`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Fault {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// Brings what is right in more than one form into one, and finds what is wrong.
pub(super) fn check(settings: &mut Settings, faults: &mut Vec<Fault>) {
    check_shop(&mut settings.shop, faults);
    check_widget(&mut settings.widget, faults);
    let times = [
        ("alerts.escalate_ms", settings.alerts.escalate_ms),
        ("alerts.mail_ms", settings.alerts.mail_ms),
        ("mail.after_ms", settings.mail.after_ms),
    ];
    for (field, time) in times {
        if !(SECOND_MS..=WEEK_MS).contains(&time) {
            let message = format!("must be {SECOND_MS} to {WEEK_MS}, in milliseconds");
            faults.push(Fault::new(field, message));
        }
    }
}

fn check_shop(shop: &mut Shop, faults: &mut Vec<Fault>) {
    check_line("shop.name", &mut shop.name, NAME_CHARS, faults);
    match TimeZone::get(&shop.time_zone) {
        Ok(zone) => {
            if let Some(name) = zone.iana_name() {
                shop.time_zone = name.to_owned();
            }
        }
        Err(_) => faults.push(Fault::new(
            "shop.time_zone",
            "must be the name of a time zone, such as Europe/Berlin",
        )),
    }
    check_count("shop.hours", shop.hours.len(), HOURS_MAX, faults);
    for (at, interval) in shop.hours.iter().enumerate() {
        let span = TimeSpan {
            from: interval.from,
            to: interval.to,
        };
        check_span(&format!("shop.hours[{at}]"), span, faults);
    }
    check_count("shop.exceptions", shop.exceptions.len(), HOURS_MAX, faults);
    for (at, exception) in shop.exceptions.iter().enumerate() {
        let field = format!("shop.exceptions[{at}]");
        if exception.to < exception.from {
            let message = format!("must not be before {}", exception.from);
            faults.push(Fault::new(format!("{field}.to"), message));
        }
        let (field, hours) = (format!("{field}.hours"), &exception.hours);
        check_count(&field, hours.len(), HOURS_OF_DAY_MAX, faults);
        for (at, span) in hours.iter().enumerate() {
            check_span(&format!("{field}[{at}]"), *span, faults);
        }
    }
}

fn check_span(field: &str, span: TimeSpan, faults: &mut Vec<Fault>) {
    if span.from == span.to {
        let message = "must not be the same as from; a whole day is 00:00 to 24:00";
        faults.push(Fault::new(format!("{field}.to"), message));
    }
    if span.from.is_end_of_day() {
        faults.push(Fault::new(
            format!("{field}.from"),
            "must be before 24:00; write 00:00 of the next day",
        ));
    }
}

fn check_count(field: &str, count: usize, max: usize, faults: &mut Vec<Fault>) {
    if count > max {
        faults.push(Fault::new(
            field,
            format!("must have at most {max} entries"),
        ));
    }
}

fn check_widget(widget: &mut Widget, faults: &mut Vec<Fault>) {
    for (language, texts) in &mut widget.texts {
        let field = format!("widget.texts.{language}");
        if !LANGUAGES.contains(&language.as_str()) {
            let message = format!(
                "is not a language of the widget; it speaks {}",
                LANGUAGES.join(", ")
            );
            faults.push(Fault::new(field, message));
            continue;
        }
        let mut line = |key: &str, text: &mut String, max_chars: usize| {
            check_line(&format!("{field}.{key}"), text, max_chars, faults);
        };
        line("title", &mut texts.title, TITLE_CHARS);
        line("greeting", &mut texts.greeting, TEXT_CHARS);
        line("away_text", &mut texts.away_text, TEXT_CHARS);
    }
    let bytes = widget.compressed_bytes();
    if bytes > COMPRESSED_BYTES {
        let message = format!(
            "take {bytes} bytes compressed and may take {COMPRESSED_BYTES}, since each page of the shop \
             loads them; shorten some"
        );
        faults.push(Fault::new("widget.texts", message));
    }
    let is_color = widget.accent.strip_prefix('#').is_some_and(|digits| {
        [3, 6].contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    if !is_color && !widget.accent.is_empty() {
        faults.push(Fault::new(
            "widget.accent",
            "must be a color such as #0a7 or #2f55d4, or empty",
        ));
    }
}

/// Checks a line of text, which may be empty, and trims it.
fn check_line(field: &str, text: &mut String, max_chars: usize, faults: &mut Vec<Fault>) {
    if text.chars().any(char::is_control) {
        faults.push(Fault::new(field, "must not contain control characters"));
    } else if text.trim().chars().count() > max_chars {
        let message = format!("must have at most {max_chars} characters");
        faults.push(Fault::new(field, message));
    }
    *text = if is_blank(text) {
        String::new()
    } else {
        text.trim().to_owned()
    };
}
