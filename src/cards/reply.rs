use serde::{Deserialize, Serialize};
use url::Url;

use crate::chat::limits::{PAGE_URL_CHARS, check_line};

/// Cards of one reply.
const CARDS: usize = 10;
/// Lines of one card.
const LINES: usize = 10;
/// Characters of a title.
const TITLE_CHARS: usize = 100;
/// Characters of a line.
const LINE_CHARS: usize = 200;

/// A card: something that the shop's server says about a customer, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(expecting = "a card")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Card {
    /// 1 to 100 characters.
    pub title: String,
    /// At most 10 lines of 1 to 200 characters.
    #[serde(default)]
    pub lines: Vec<String>,
    /// An http or https URL where agents see more.
    #[serde(default)]
    pub link: Option<String>,
}

/// Why a reply has no cards that can be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCards {
    /// It is something else than JSON of this shape.
    #[error(r#"is not {{"cards": [{{"title", "lines", "link"}}]}}: {0}"#)]
    Shape(String),
    /// It has more than [`CARDS`].
    #[error("has {0} cards; send at most {CARDS}")]
    TooMany(usize),
    /// A card breaks a limit.
    #[error("has a bad card, the one at {index}: its {field} {problem}")]
    Card {
        /// Its place, beginning with 1.
        index: usize,
        /// The field.
        field: &'static str,
        /// What the field must be.
        problem: String,
    },
}

/// What is wrong with a field of a card.
struct BadField(&'static str, String);

#[derive(Deserialize)]
#[serde(expecting = "an object with cards")]
struct Reply {
    cards: Vec<Card>,
}

/// The cards of a reply. One that cannot be shown refuses all, so that the shop's developer hears
/// of it.
pub(super) fn cards(body: &[u8]) -> Result<Vec<Card>, BadCards> {
    let Reply { cards } =
        serde_json::from_slice(body).map_err(|error| BadCards::Shape(without_values(&error)))?;
    if cards.len() > CARDS {
        return Err(BadCards::TooMany(cards.len()));
    }
    let checked = cards.into_iter().enumerate().map(|(index, card)| {
        check(card).map_err(|BadField(field, problem)| BadCards::Card {
            index: index + 1,
            field,
            problem,
        })
    });
    checked.collect()
}

/// What is wrong and where, without the value that was found: it may be about a customer.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => text,
    }
}

fn check(card: Card) -> Result<Card, BadField> {
    let blank = || BadField("title", "must not be blank".into());
    let title = line("title", &card.title, TITLE_CHARS)?.ok_or_else(blank)?;
    if card.lines.len() > LINES {
        return Err(BadField("lines", format!("must be at most {LINES}")));
    }
    let lines = card.lines.iter();
    let lines = lines.map(|text| line("lines", text, LINE_CHARS));
    // Blank ones are left out.
    let lines = lines.filter_map(Result::transpose);
    Ok(Card {
        title,
        lines: lines.collect::<Result<_, _>>()?,
        link: card.link.as_deref().map(link).transpose()?,
    })
}

fn line(field: &'static str, text: &str, chars: usize) -> Result<Option<String>, BadField> {
    check_line(field, Some(text), chars)
        .map_err(|violation| BadField(violation.field, violation.message))
}

/// A link as browsers write it. Any other scheme could run scripts in the console.
fn link(text: &str) -> Result<String, BadField> {
    line("link", text, PAGE_URL_CHARS)?;
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url.into()),
        _ => Err(BadField("link", "must be an http or https URL".into())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(reply: &Value) -> Result<Vec<Card>, BadCards> {
        cards(reply.to_string().as_bytes())
    }

    #[test]
    fn cards_are_text_within_limits() {
        let card = json!({
            "title": " Order 7 ", "lines": ["Paid", " "], "link": "HTTPS://shop.example/7", "x": 1,
        });
        let one = read(&json!({"cards": [card, {"title": "Bare"}], "more": true}));
        assert_eq!(
            one,
            Ok(vec![
                Card {
                    title: "Order 7".into(),
                    lines: vec!["Paid".into()],
                    link: Some("https://shop.example/7".into()),
                },
                Card {
                    title: "Bare".into(),
                    lines: vec![],
                    link: None,
                }
            ])
        );
        assert_eq!(read(&json!({"cards": []})), Ok(vec![]));
        let full = json!({
            "title": "é".repeat(100), "lines": vec!["é".repeat(200); 10], "link": null,
        });
        assert!(read(&json!({"cards": vec![full; 10]})).is_ok());
    }

    fn assert_refused(reply: &Value, reason: &str) {
        let refused = read(reply).expect_err("it cannot be shown").to_string();
        assert!(refused.contains(reason), "{reply}: {refused}");
    }

    #[test]
    fn what_cannot_be_shown_is_refused_with_the_reason() {
        assert_refused(
            &json!([]),
            r#"is not {"cards": [{"title", "lines", "link"}]}"#,
        );
        assert_refused(&json!({"cards": [{}]}), "missing field `title`");
        let many = vec![json!({"title": "x"}); 11];
        assert_refused(&json!({"cards": many}), "has 11 cards; send at most 10");
        for (field, value, reason) in [
            ("title", json!(" "), "at 2: its title must not be blank"),
            (
                "title",
                json!("x".repeat(101)),
                "title must have at most 100",
            ),
            (
                "lines",
                json!(vec!["x"; 11]),
                "its lines must be at most 10",
            ),
            (
                "lines",
                json!(["x".repeat(201)]),
                "lines must have at most 200",
            ),
            ("lines", json!(["a\u{7}"]), "must not contain control"),
            ("lines", json!("text"), "expected a sequence at line 1"),
            (
                "link",
                json!("y".repeat(2_001)),
                "link must have at most 2000",
            ),
            (
                "link",
                json!("java\nscript:alert(1)"),
                "must not contain control",
            ),
        ] {
            let mut card = json!({"title": "Order"});
            card[field] = value;
            assert_refused(&json!({"cards": [{"title": "Fine"}, card]}), reason);
        }
    }

    /// It may be about a customer, and the reason is logged.
    #[test]
    fn a_reason_does_not_repeat_the_reply() {
        for reply in [
            json!("Ann, expected \n at Main Street"),
            json!({"cards": "Ann"}),
            json!({"cards": ["Ann"]}),
            json!({"cards": [{"title": ["Ann"]}]}),
            json!({"cards": [{"title": "Ann", "lines": ["Ann", {"Ann": 1}]}]}),
            json!({"cards": [{"title": "Ann", "link": "Ann"}]}),
            json!({"cards": [{"title": "Ann".repeat(101)}]}),
        ] {
            let refused = read(&reply).expect_err("it cannot be shown").to_string();
            assert!(!refused.contains("Ann"), "{refused}");
        }
    }

    #[test]
    fn links_are_of_http_or_https() {
        for link in [
            "javascript:alert(1)",
            " JavaScript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "//shop.example/7",
            "/orders/7",
            "",
        ] {
            let reply = json!({"cards": [{"title": "Order", "link": link}]});
            assert_refused(&reply, "its link must be an http or https URL");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for body in [
            "",
            "<!doctype html><p>Hello",
            "{\"cards\": [",
            "null",
            "{\"cards\": \u{0}}",
        ] {
            assert!(
                matches!(cards(body.as_bytes()), Err(BadCards::Shape(_))),
                "{body}"
            );
        }
        assert!(cards(b"{\"cards\": [{\"title\": \"\xff\"}]}").is_err());
        let nested = "[".repeat(60_000);
        assert!(
            cards(nested.as_bytes()).is_err(),
            "no overflow of the stack"
        );
    }
}
