use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::context::{ActorContext, until_some};
use super::ids::SubscriptionId;
use super::lobby_log::LobbyLog;
use super::messages::{JoinError, LobbyAccess, LobbyMsg};
use super::{CALL_TIMEOUT, Presence, pacing};
use crate::chat::{ChangeVector, Counts, Names, RoomRecord};

/// A handle to the lobby. Clones share it.
#[derive(Clone)]
pub struct LobbyHandle {
    context: Arc<ActorContext>,
}

impl std::fmt::Debug for LobbyHandle {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("LobbyHandle")
    }
}

impl LobbyHandle {
    pub(super) fn new(context: Arc<ActorContext>) -> Self {
        Self { context }
    }

    /// Asks the lobby for a reply.
    ///
    /// # Errors
    ///
    /// `Unavailable` when no lobby replies within 10 seconds.
    pub async fn ping(&self) -> Result<(), JoinError> {
        let lobby = until_some(self.context.lobby.subscribe());
        let replied = async {
            let (reply, received) = oneshot::channel();
            lobby.await.cast(LobbyMsg::Ping(reply)).ok()?;
            received.await.ok()
        };
        let replied = tokio::time::timeout(CALL_TIMEOUT, replied).await;
        replied.ok().flatten().ok_or(JoinError::Unavailable)
    }

    /// Publishes rooms that another node has changed; `records` has the state after each change.
    pub fn committed_elsewhere(&self, records: Vec<Arc<RoomRecord>>) {
        if self.context.elsewhere.put_for_lobby(records) {
            self.context.cast_to_lobby(LobbyMsg::TakeElsewhere);
        }
    }

    /// Other nodes have changed more than was passed on: the lobby reads it from the store.
    pub fn missed_elsewhere(&self) {
        if self.context.elsewhere.resync_lobby() {
            self.context.cast_to_lobby(LobbyMsg::TakeElsewhere);
        }
    }

    /// Subscribes a console. Between two lobbies it waits for the next one.
    ///
    /// # Errors
    ///
    /// `Unavailable` when there is no lobby within 10 seconds.
    pub async fn subscribe(&self) -> Result<LobbySubscription, JoinError> {
        let attempts = async {
            let mut current = self.context.lobby.subscribe();
            loop {
                let lobby = current.borrow_and_update().clone();
                if let Some(lobby) = lobby {
                    let id = self.context.subscription_ids.next();
                    let (reply, access) = oneshot::channel();
                    if lobby.cast(LobbyMsg::Subscribe { id, reply }).is_ok()
                        && let Ok(access) = access.await
                    {
                        return Ok(LobbySubscription::new(id, access, self.clone()));
                    }
                }
                // The lobby has died, or there is none yet; the root starts the next one.
                if current.changed().await.is_err() {
                    return Err(JoinError::Unavailable);
                }
            }
        };
        tokio::time::timeout(CALL_TIMEOUT, attempts)
            .await
            .unwrap_or(Err(JoinError::Unavailable))
    }
}

/// A console's subscription to the lobby: its position in the log of summaries and in the log of
/// visitors' presence. Dropping it leaves the lobby.
#[derive(Debug)]
pub struct LobbySubscription {
    id: SubscriptionId,
    log: Arc<LobbyLog>,
    position: u64,
    log_changed: watch::Receiver<()>,
    presence: Presence,
    presence_position: u64,
    presence_changed: watch::Receiver<()>,
    handle: LobbyHandle,
}

/// What one call of [`LobbySubscription::take`] has taken.
#[derive(Debug, Clone)]
pub struct LobbyBatch {
    /// Every change up to here has been sent, once the frames are.
    pub cursor: ChangeVector,
    /// Whether there is more to take.
    pub more: bool,
    /// The log no longer has everything that this console has not been sent. The caller reads the
    /// store.
    pub gap: bool,
}

/// The lobby has died. [`LobbySubscription::resubscribe`] subscribes to the next one.
#[derive(Debug, Clone, Copy)]
pub struct LobbyGone;

/// The log of visitors' presence no longer has everything that this console has not been sent, so
/// the console has to start again.
#[derive(Debug, Clone, Copy)]
pub struct PresenceGap;

impl LobbySubscription {
    /// Starts with what comes after this moment. What is older is in the store, and in
    /// [`Presence::online_rooms`].
    fn new(id: SubscriptionId, access: LobbyAccess, handle: LobbyHandle) -> Self {
        let LobbyAccess { log, changed } = access;
        let presence = handle.context.presence.clone();
        Self {
            id,
            position: log.end(),
            log,
            log_changed: changed,
            presence_position: presence.end(),
            presence_changed: presence.changes(),
            presence,
            handle,
        }
    }

    /// Subscribes to the next lobby. Changes of presence in between are not lost; rooms that have
    /// changed in between have to be read from the store.
    ///
    /// # Errors
    ///
    /// `Unavailable` when there is no lobby within 10 seconds.
    pub async fn resubscribe(&mut self) -> Result<(), JoinError> {
        let mut next = self.handle.subscribe().await?;
        next.presence_position = self.presence_position;
        next.presence_changed = self.presence_changed.clone();
        *self = next;
        Ok(())
    }

    /// Appends at most `max` frames to `frames`: changes of visitors' presence, and the summaries of
    /// rooms whose change is past `cursor`.
    ///
    /// # Errors
    ///
    /// When the console has fallen so far behind that it has to start again.
    pub fn take(
        &mut self,
        cursor: &ChangeVector,
        max: usize,
        frames: &mut Vec<Utf8Bytes>,
    ) -> Result<LobbyBatch, PresenceGap> {
        // Marked as seen before the logs are read, so that nothing in between is missed.
        self.log_changed.borrow_and_update();
        self.presence_changed.borrow_and_update();
        let presence = self
            .presence
            .after(self.presence_position, max)
            .map_err(|_| PresenceGap)?;
        self.presence_position = presence.position;
        let left = max - presence.states.len();
        frames.extend(presence.states);
        match self.log.take(self.position, cursor, left, frames) {
            Ok(taken) => {
                self.position = taken.position;
                Ok(LobbyBatch {
                    cursor: taken.cursor,
                    more: taken.more || presence.more,
                    gap: false,
                })
            }
            Err(_) => {
                self.position = self.log.end();
                Ok(LobbyBatch {
                    cursor: cursor.clone(),
                    more: presence.more,
                    gap: true,
                })
            }
        }
    }

    /// The names in summaries.
    pub fn names(&self) -> Arc<Names> {
        self.log.names()
    }

    /// How many rooms have each status, and the `counts` frame.
    pub fn counts(&self) -> (Counts, Utf8Bytes) {
        self.log.counts()
    }

    /// How long a console that was sent `frames` frames waits before it takes more.
    pub fn pause_after(&self, frames: usize) -> Duration {
        pacing::pause_after(frames, self.log.consoles())
    }

    /// Resolves when there is something new since the last [`take`](Self::take), but not before
    /// `not_before`.
    pub fn changed(
        &self,
        not_before: Instant,
    ) -> impl Future<Output = Result<(), LobbyGone>> + Send + use<> {
        let mut log_changed = self.log_changed.clone();
        let mut presence_changed = self.presence_changed.clone();
        async move {
            if not_before > Instant::now() {
                sleep_until(not_before).await;
            }
            tokio::select! {
                changed = log_changed.changed() => changed.map_err(|_| LobbyGone),
                Ok(()) = presence_changed.changed() => Ok(()),
            }
        }
    }
}

impl Drop for LobbySubscription {
    fn drop(&mut self) {
        self.handle.context.cast_to_lobby(LobbyMsg::Leave(self.id));
    }
}
