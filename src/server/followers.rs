//! What follows the log of changes, until the server drains.

use std::sync::Arc;

use uuid::Uuid;

use crate::chat::Timestamp;
use crate::current_settings::CurrentSettings;
use crate::followers::alerts::{AlertSettings, Alerts};
use crate::followers::mentions::Mentions;
use crate::followers::{Follower, FollowerParts, Waker, run};
use crate::http::AppState;
use crate::persistence::{DueAlert, WriteError};

/// What a customer without a name is called.
const NAMELESS: &str = "A visitor";

/// Starts all followers, and what reads replies by mail.
pub(super) fn start(state: &AppState) {
    let waker = Waker::default();
    let (settings, mailing) = (state.settings.clone(), state.clone());
    let alerts = Alerts::new(
        state.store.clone(),
        state.push.clone(),
        Arc::new(move |alert| Box::pin(mail_shop(mailing.clone(), alert))),
        Arc::new(move || alert_settings(&settings)),
        waker.clone(),
    );
    start_one(state, alerts, waker);
    let mentions = Mentions::new(state.store.clone(), state.push.clone());
    start_one(state, mentions, Waker::default());
    if let Some(mail) = state.mail.follower() {
        start_one(state, mail, state.mail.waker());
    }
    let config = state.config.mail.clone();
    let reading = state.mail.clone();
    tokio::spawn(reading.read_mailbox(config, state.metrics.mail(), state.drain.clone()));
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

/// Queues a mail about a customer who waits to everybody in `alerts.mail_to`.
async fn mail_shop(state: AppState, alert: DueAlert) -> Result<(), WriteError> {
    if !state.mail.sends() {
        return Ok(());
    }
    let (room, wait) = (alert.room_id, alert.wait);
    let name = alert.customer_name.as_deref().unwrap_or(NAMELESS);
    let subject = format!("{name} waits for an answer");
    let body = format!(
        "{name} waits for an answer in the chat, and wrote last:\n\n{}\n\nAnswer here:\n{}/admin/chat#room={room}\n",
        alert.content,
        state.origins.base_url(),
    );
    for recipient in &state.config.alerts.mail_to {
        // The same for the same wait, so that a step that is repeated queues nothing new.
        let id = Uuid::new_v5(&room, format!("alert/{wait}/{recipient}").as_bytes());
        let queueing =
            state
                .mail
                .queue_alert(id, Some(room), recipient, subject.clone(), body.clone());
        queueing.await?;
    }
    Ok(())
}
