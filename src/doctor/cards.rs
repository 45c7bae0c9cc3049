//! The shop's server, which has cards about customers.

use std::time::{Duration, Instant};

use hyper::http::StatusCode;

use super::check::{Check, Finding};
use crate::cards::{Cards, CardsError, Question, TIMEOUT};

/// A reply that takes longer is likely to come too late when the shop is busy.
const SLOW: Duration = TIMEOUT.checked_div(2).expect("not zero");

/// Statuses that say when to ask again, and nothing about the signature.
const ASKS_TO_WAIT: [StatusCode; 3] = [
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::TOO_EARLY,
    StatusCode::TOO_MANY_REQUESTS,
];

/// What was seen of the shop's server.
#[derive(Debug)]
pub struct CardsSeen {
    /// Scheme, host and port.
    pub server: String,
    /// Whether it has replied with cards, or why not.
    pub outcome: Result<(), CardsError>,
    /// How long that took, with the look-up of its name and TLS.
    pub took: Duration,
    /// The same of a request with a wrong signature, which it should refuse. `None` if it was not sent,
    /// since there were no cards for the right one.
    pub forged: Option<Result<(), CardsError>>,
}

/// Sends the shop's server a test question that names no customer, in the way in which it is asked
/// about customers, and once more with a wrong signature. `None` if the shop has no server for cards.
pub async fn look_at_cards(cards: &Cards) -> Option<CardsSeen> {
    let server = cards.server()?;
    let started = Instant::now();
    let question = Question::without_customer();
    let outcome = cards.ask(&question).await.map(drop);
    let took = started.elapsed();
    let forged = match &outcome {
        Ok(()) => Some(cards.ask_without_secret(&question).await.map(drop)),
        Err(_) => None,
    };
    Some(CardsSeen {
        server,
        outcome,
        took,
        forged,
    })
}

/// Judges what was seen of the shop's server. The findings have nothing of what it replied.
pub fn judge_cards(seen: &CardsSeen) -> Vec<Finding> {
    let forged = seen.forged.as_ref();
    let signature = forged.map(|outcome| judge_signature(&seen.server, outcome));
    [judge_reply(seen)].into_iter().chain(signature).collect()
}

fn judge_reply(seen: &CardsSeen) -> Finding {
    let CardsSeen {
        server,
        outcome,
        took,
        ..
    } = seen;
    match outcome {
        // Says nothing of the shop's server.
        Err(error @ (CardsError::Busy | CardsError::Draining)) => {
            Finding::skipped(Check::Cards, error.to_string())
        }
        Err(error) => Finding::problem(Check::Cards, error.to_string()),
        Ok(()) if *took > SLOW => Finding::problem(
            Check::Cards,
            format!(
                "{server} took {:.1} s to reply (with the look-up of its name and TLS); requests are given up after {} s, so find out what is slow",
                took.as_secs_f64(),
                TIMEOUT.as_secs()
            ),
        ),
        Ok(()) => Finding::ok(
            Check::Cards,
            format!("{server} replied in {} ms", took.as_millis()),
        ),
    }
}

/// Judges what became of a request with a wrong signature.
fn judge_signature(server: &str, forged: &Result<(), CardsError>) -> Finding {
    let check = Check::CardsSignature;
    match forged {
        Ok(()) => Finding::problem(
            check,
            format!(
                "{server} replied with cards to a request whose signature is wrong, so whoever knows its address gets customers' orders; its program has to check the header Shoptalk-Signature and to reply 403 if it is wrong, as docs/cards.md shows"
            ),
        ),
        Err(CardsError::Status(status))
            if status.is_client_error() && !ASKS_TO_WAIT.contains(status) =>
        {
            Finding::ok(
                check,
                format!("{server} refused a request whose signature is wrong with {status}"),
            )
        }
        Err(CardsError::Redirect(_) | CardsError::Bad(_)) => Finding::ok(
            check,
            format!("{server} has no cards for a request whose signature is wrong"),
        ),
        Err(error) => Finding::skipped(
            check,
            format!("what becomes of a request whose signature is wrong is not known: {error}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Level;
    use super::*;
    use crate::cards::BadCards;

    fn seen(outcome: Result<(), CardsError>, took: Duration) -> CardsSeen {
        CardsSeen {
            server: "https://shop.example".to_owned(),
            outcome,
            took,
            forged: None,
        }
    }

    fn judged(outcome: Result<(), CardsError>, took: Duration) -> Finding {
        let mut findings = judge_cards(&seen(outcome, took));
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }

    #[test]
    fn a_reply_in_good_time_is_well_and_a_slow_one_a_problem() {
        let fast = judged(Ok(()), SLOW);
        assert_eq!(fast.level, Level::Ok);
        assert_eq!(fast.detail, "https://shop.example replied in 1500 ms");
        let slow = judged(Ok(()), Duration::from_millis(1_800));
        assert_eq!(slow.level, Level::Problem);
        let words = "https://shop.example took 1.8 s to reply (with the look-up of its name and TLS); requests are given up after 3 s";
        assert!(slow.detail.starts_with(words), "{}", slow.detail);
    }

    #[test]
    fn no_cards_are_a_problem_with_its_reason() {
        for (error, words) in [
            (CardsError::Timeout, "did not reply within 3 s"),
            (
                CardsError::Private("shop.internal".to_owned()),
                "set cards.allow_private to true",
            ),
        ] {
            let finding = judged(Err(error), Duration::ZERO);
            assert_eq!(finding.level, Level::Problem);
            assert!(finding.detail.contains(words), "{}", finding.detail);
        }
    }

    #[test]
    fn what_the_chat_s_own_server_is_short_of_is_no_problem_of_the_shop() {
        for (error, words) in [
            (CardsError::Busy, "try again in a few seconds"),
            (CardsError::Draining, "the chat's server is stopping"),
        ] {
            let finding = judged(Err(error), Duration::ZERO);
            assert_eq!(finding.level, Level::Skipped);
            assert!(finding.detail.contains(words), "{}", finding.detail);
        }
    }

    #[test]
    fn cards_for_a_wrong_signature_are_a_problem_and_a_refusal_is_well() {
        let status = CardsError::Status;
        for (forged, level, words) in [
            (Ok(()), Level::Problem, "has to check the header"),
            (
                Err(status(StatusCode::FORBIDDEN)),
                Level::Ok,
                "with 403 Forbidden",
            ),
            (
                Err(CardsError::Redirect(StatusCode::FOUND)),
                Level::Ok,
                "has no cards",
            ),
            (
                Err(CardsError::Bad(BadCards::Shape(String::new()))),
                Level::Ok,
                "has no cards",
            ),
            // It may have failed before it looked at the signature.
            (
                Err(status(StatusCode::BAD_GATEWAY)),
                Level::Skipped,
                "replied with 502 Bad Gateway",
            ),
            (
                Err(status(StatusCode::TOO_MANY_REQUESTS)),
                Level::Skipped,
                "is not known",
            ),
            (
                Err(CardsError::Timeout),
                Level::Skipped,
                "did not reply within 3 s",
            ),
        ] {
            let findings = judge_cards(&CardsSeen {
                forged: Some(forged),
                ..seen(Ok(()), Duration::ZERO)
            });
            let [reply, signature] = &findings[..] else {
                panic!("{findings:?}");
            };
            assert_eq!(reply.level, Level::Ok);
            let detail = &signature.detail;
            assert_eq!(signature.level, level, "{detail}");
            assert!(detail.contains(words), "{detail}");
        }
    }
}
