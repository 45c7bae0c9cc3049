//! What a server does by itself, until it drains.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::actors::{Presence, Rooms};
use crate::chat::Timestamp;
use crate::config::RetentionConfig;
use crate::jobs::erase::Eraser;
use crate::jobs::quiet::Quiet;
use crate::persistence::{Expiry, Store};

/// Rooms that are still without a message after this time are removed.
const EMPTY_ROOM_AGE_MS: i64 = 24 * 60 * 60 * 1_000;
/// The time between two removals.
const EMPTY_ROOMS_INTERVAL: Duration = Duration::from_secs(600);
/// The wait before a change of a visitor is tried again after a failure.
const VISITOR_CHANGE_RETRY: Duration = Duration::from_secs(5);
/// How often the ledger is brought up to date.
const LEDGER_INTERVAL: Duration = Duration::from_secs(60);
/// One day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// The time between two deletions of old rooms: less than a day, so that a night is not missed.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(23 * 60 * 60);
/// How often it is looked whether the chat is quiet. After a start this lets visitors come back.
const QUIET_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// How often the store's head is read for a change of agents or sessions.
const AUTH_POLL: Duration = Duration::from_millis(250);

/// Watches for changes of agents and sessions. The receiver changes whenever agents' sockets have
/// to check their sessions again.
pub(super) fn watch_auth(store: &Store, drain: CancellationToken) -> watch::Receiver<u64> {
    let (sender, receiver) = watch::channel(store.head().auth_version);
    let store = store.clone();
    tokio::spawn(async move {
        let mut poll = tokio::time::interval(AUTH_POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while drain.run_until_cancelled(poll.tick()).await.is_some() {
            let now = store.head().auth_version;
            sender.send_if_modified(|seen| std::mem::replace(seen, now) != now);
        }
    });
    receiver
}

/// Applies a block or a sign-in to the rest of a visitor's rooms, a few at a time, where one
/// transaction could not change all of them. Begins with what an earlier process has left.
pub(super) async fn apply_visitor_changes(store: Store, rooms: Rooms, drain: CancellationToken) {
    let work = async {
        let mut failing = false;
        loop {
            match store.apply_next_visitor_change().await {
                Ok(Some(changed)) => {
                    failing = false;
                    rooms.reload(changed);
                }
                Ok(None) => {
                    failing = false;
                    store.wait_for_visitor_changes().await;
                }
                Err(error) => {
                    // A failure that lasts is logged once.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "cannot change the rooms of a visitor, retrying");
                    }
                    tokio::time::sleep(VISITOR_CHANGE_RETRY).await;
                }
            }
        }
    };
    drain.run_until_cancelled(work).await;
}

/// Does what is left of erasures whose command or job has gone, and records in the ledger what it
/// lacks. Begins with what an earlier process has left.
pub(super) async fn finish_erasures(store: Store, eraser: Eraser, drain: CancellationToken) {
    let work = async {
        let mut failing = false;
        loop {
            eraser.record().await;
            match eraser.finish(|_| {}).await {
                Ok(()) => {
                    failing = false;
                    // What was redacted is only looked for.
                    let decided = store.wait_for_erasures();
                    let _ = tokio::time::timeout(LEDGER_INTERVAL, decided).await;
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "cannot go on with an erasure, retrying");
                    }
                    tokio::time::sleep(VISITOR_CHANGE_RETRY).await;
                }
            }
        }
    };
    drain.run_until_cancelled(work).await;
}

/// Rewrites the file after erasures, when the chat is quiet.
pub(super) async fn rewrite_when_quiet(
    eraser: Eraser,
    presence: Presence,
    drain: CancellationToken,
) {
    let mut failing = false;
    let wait = || tokio::time::sleep(QUIET_INTERVAL);
    while drain.run_until_cancelled(wait()).await.is_some() {
        let quiet = Quiet::now(presence.has_visitors());
        match eraser.rewrite_if_quiet(quiet).await {
            Ok(None) => {}
            Ok(Some(_)) => {
                failing = false;
                tracing::info!("rewrote the database: no byte of what was erased is left in it");
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot rewrite the database after an erasure, retrying");
                }
            }
        }
    }
}

/// Deletes closed rooms and spam past their time, once a day when the chat is quiet. The first time is the
/// first quiet one after a start.
pub(super) async fn expire_rooms(
    eraser: Eraser,
    presence: Presence,
    retention: RetentionConfig,
    drain: CancellationToken,
) {
    let RetentionConfig {
        closed_days,
        spam_days,
    } = retention;
    if closed_days == 0 && spam_days == 0 {
        return;
    }
    let before = |now: Timestamp, days: u64| {
        let age = i64::try_from(days)
            .unwrap_or(i64::MAX)
            .saturating_mul(DAY_MS);
        (days > 0).then(|| Timestamp(now.0.saturating_sub(age)))
    };
    let mut wait = QUIET_INTERVAL;
    while drain
        .run_until_cancelled(tokio::time::sleep(wait))
        .await
        .is_some()
    {
        wait = QUIET_INTERVAL;
        let quiet = Quiet::now(presence.has_visitors());
        let expired = match eraser.is_quiet(quiet).await {
            Ok(false) => continue,
            Ok(true) => {
                let expiry = Expiry {
                    closed_before: before(quiet.now, closed_days),
                    spam_before: before(quiet.now, spam_days),
                };
                eraser.expire(expiry).await
            }
            Err(error) => Err(error.into()),
        };
        match expired {
            Ok(expired) => {
                wait = EXPIRY_INTERVAL;
                if expired > 0 {
                    tracing::info!(
                        expired,
                        closed_days,
                        spam_days,
                        "deleted closed conversations and spam past their time"
                    );
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot delete conversations past their time, retrying");
            }
        }
    }
}

/// Removes old rooms without messages, except those that are live.
pub(super) async fn remove_empty_rooms(store: Store, rooms: Rooms, drain: CancellationToken) {
    let mut tick = tokio::time::interval(EMPTY_ROOMS_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while drain.run_until_cancelled(tick.tick()).await.is_some() {
        let before = Timestamp(Timestamp::now().as_millis() - EMPTY_ROOM_AGE_MS);
        loop {
            let Ok(live) = rooms.live_room_ids().await else {
                break;
            };
            match store.remove_empty_rooms(before, live).await {
                Ok(0) => break,
                Ok(removed) => tracing::info!(removed, "removed rooms without messages"),
                Err(error) => {
                    tracing::warn!(%error, "cannot remove rooms without messages, retrying later");
                    break;
                }
            }
        }
    }
}
