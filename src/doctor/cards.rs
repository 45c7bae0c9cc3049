//! The shop's server, which has cards about customers.

use std::time::{Duration, Instant};

use super::check::{Check, Finding};
use crate::cards::{Cards, CardsError, Question, TIMEOUT};

/// A reply that takes longer is likely to come too late when the shop is busy.
const SLOW: Duration = TIMEOUT.checked_div(2).expect("not zero");

/// What was seen of the shop's server.
#[derive(Debug)]
pub struct CardsSeen {
    /// Scheme, host and port.
    pub server: String,
    /// Whether it has replied with cards, or why not.
    pub outcome: Result<(), CardsError>,
    /// How long that took, with the look-up of its name and TLS.
    pub took: Duration,
}

/// Sends the shop's server a test question that names no customer, in the way in which it is asked
/// about customers. `None` if the shop has no server for cards.
pub async fn look_at_cards(cards: &Cards) -> Option<CardsSeen> {
    let server = cards.server()?;
    let started = Instant::now();
    let outcome = cards.ask(&Question::without_customer()).await.map(drop);
    Some(CardsSeen {
        server,
        outcome,
        took: started.elapsed(),
    })
}

/// Judges what was seen of the shop's server. The finding has nothing of what it replied.
pub fn judge_cards(seen: &CardsSeen) -> Finding {
    let CardsSeen {
        server,
        outcome,
        took,
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

#[cfg(test)]
mod tests {
    use super::super::check::Level;
    use super::*;

    fn judged(outcome: Result<(), CardsError>, took: Duration) -> Finding {
        judge_cards(&CardsSeen {
            server: "https://shop.example".to_owned(),
            outcome,
            took,
        })
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
}
