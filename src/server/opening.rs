//! Shows visitors when the shop opens and closes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::actors::Presence;
use crate::chat::Timestamp;
use crate::settings::{OpenState, Settings};

/// Hours begin and end with a minute.
const MINUTE_MS: i64 = 60_000;

/// Keeps `presence` at what the settings say of the present moment, until `drain`.
///
/// It looks whenever the settings change and a minute begins, so it follows a clock that is set.
pub(super) async fn follow(
    mut settings: watch::Receiver<Arc<Settings>>,
    presence: Presence,
    now: impl Fn() -> Timestamp,
    drain: CancellationToken,
) {
    loop {
        let shop = settings.borrow_and_update().shop.clone();
        let at = now();
        let OpenState { open, back_at } = shop.open_at(at);
        presence.set_open(open, back_at);
        let minute = Timestamp((at.0.div_euclid(MINUTE_MS) + 1) * MINUTE_MS);
        let until = shop.closed_until.filter(|until| *until > at);
        let wait_ms = until.map_or(minute, |until| until.min(minute)).0 - at.0;
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0));
        tokio::select! {
            () = drain.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            changed = settings.changed() => if changed.is_err() { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::Instant;

    use super::*;
    use crate::chat::Availability;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn settings(shop: serde_json::Value) -> Arc<Settings> {
        let settings = Settings::from_stored(1, &json!({"shop": shop}).to_string());
        Arc::new(settings.expect("they can be read"))
    }

    /// Time goes by as the tests wait, from this moment on.
    fn clock(start: &str) -> impl Fn() -> Timestamp + Copy {
        let (start, began) = (at(start), Instant::now());
        move || start + began.elapsed()
    }

    struct Shown {
        availability: watch::Receiver<Availability>,
        settings: watch::Sender<Arc<Settings>>,
        _end: tokio_util::sync::DropGuard,
    }

    impl Shown {
        fn follow(shop: serde_json::Value, now: impl Fn() -> Timestamp + Send + 'static) -> Self {
            let (sender, receiver) = watch::channel(settings(shop));
            let (presence, drain) = (Presence::default(), CancellationToken::new());
            let availability = presence.availability();
            tokio::spawn(follow(receiver, presence, now, drain.clone()));
            Self {
                availability,
                settings: sender,
                _end: drain.drop_guard(),
            }
        }

        /// What visitors are shown next.
        async fn next(&mut self) -> (bool, Option<Timestamp>) {
            self.availability.changed().await.expect("it goes on");
            let now = self.availability.borrow_and_update();
            (now.open, now.back_at)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn visitors_are_shown_each_opening_and_closing_at_its_minute() {
        let now = clock("2026-01-05T08:59:58.250Z");
        let hours = json!([{"day": "mon", "from": "09:00", "to": "17:30"}]);
        let mut shown = Shown::follow(json!({"hours": hours}), now);
        let (monday, next_monday) = (at("2026-01-05T09:00:00Z"), at("2026-01-12T09:00:00Z"));
        assert_eq!(shown.next().await, (false, Some(monday)));
        assert_eq!(shown.next().await, (true, None));
        assert_eq!(now(), monday);
        assert_eq!(shown.next().await, (false, Some(next_monday)));
        assert_eq!(now(), at("2026-01-05T17:30:00Z"));
        assert_eq!(shown.next().await, (true, None));
        assert_eq!(now(), next_monday);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closing_by_hand_holds_at_once_and_ends_by_the_millisecond() {
        let now = clock("2026-01-05T12:00:00Z");
        let mut shown = Shown::follow(json!({}), now);
        let until = at("2026-01-05T12:34:56.789Z");
        shown
            .settings
            .send_replace(settings(json!({"closed_until": until})));
        assert_eq!(shown.next().await, (false, Some(until)));
        assert_eq!(now(), at("2026-01-05T12:00:00Z"));
        assert_eq!(shown.next().await, (true, None));
        assert_eq!(now(), until);
    }
}
