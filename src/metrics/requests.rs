//! Requests that the server makes: to push services, and to the shop's own server.

use ::metrics::{Counter, Key, Label, Recorder};

use super::{METADATA, Metrics};
use crate::cards::CardsMetrics;
use crate::push::PushMetrics;

impl Metrics {
    /// The metrics of messages to agents' devices.
    pub(crate) fn push(&self) -> PushMetrics {
        let messages = |outcome| self.outcomes("shoptalk_push_messages_total", outcome);
        let retries = Key::from_static_name("shoptalk_push_retries_total");
        PushMetrics {
            accepted: messages("accepted"),
            gone: messages("gone"),
            refused: messages("refused"),
            failed: messages("failed"),
            retries: self.0.recorder.register_counter(&retries, &METADATA),
        }
    }

    /// The metrics of requests for the shop's cards.
    pub(crate) fn cards(&self) -> CardsMetrics {
        let requests = |outcome| self.outcomes("shoptalk_cards_requests_total", outcome);
        CardsMetrics {
            loaded: requests("loaded"),
            failed: requests("failed"),
        }
    }

    fn outcomes(&self, name: &'static str, outcome: &'static str) -> Counter {
        let key = Key::from_parts(name, vec![Label::new("outcome", outcome)]);
        self.0.recorder.register_counter(&key, &METADATA)
    }
}
