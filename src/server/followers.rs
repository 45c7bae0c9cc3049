//! What follows the log of changes, until the server drains.

use std::sync::Arc;

use crate::chat::Timestamp;
use crate::current_settings::CurrentSettings;
use crate::followers::alerts::{AlertSettings, Alerts};
use crate::followers::{Follower, FollowerParts, Waker, run};
use crate::http::AppState;

/// Starts all followers.
pub(super) fn start(state: &AppState) {
    let waker = Waker::default();
    let settings = state.settings.clone();
    let alerts = Alerts::new(
        state.store.clone(),
        state.push.clone(),
        Arc::new(move || alert_settings(&settings)),
        waker.clone(),
    );
    start_one(state, alerts, waker);
    if let Some(mail) = state.mail.follower() {
        start_one(state, mail, state.mail.waker());
    }
}

fn start_one<F: Follower>(state: &AppState, follower: F, waker: Waker) {
    let parts = FollowerParts {
        store: state.store.clone(),
        waker,
        lag: state.metrics.follower_lag(F::NAME),
        drain: state.drain.clone(),
    };
    tokio::spawn(run(follower, parts));
}

fn alert_settings(settings: &CurrentSettings) -> AlertSettings {
    let now = settings.now();
    AlertSettings {
        escalate_ms: now.alerts.escalate_ms,
        mail_ms: now.alerts.mail_ms,
        is_open: now.shop.open_at(Timestamp::now()).open,
    }
}
