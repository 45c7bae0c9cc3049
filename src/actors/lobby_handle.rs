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
use crate::chat::Counts;

/// The way to the lobby. Clones share it.
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

    /// Whether the lobby answers.
    ///
    /// # Errors
    ///
    /// `Unavailable` when there is none, or none that answers within 10 seconds.
    pub async fn ping(&self) -> Result<(), JoinError> {
        let lobby = until_some(self.context.lobby.subscribe());
        let answered = async {
            let (reply, answer) = oneshot::channel();
            lobby.await.cast(LobbyMsg::Ping(reply)).ok()?;
            answer.await.ok()
        };
        let answered = tokio::time::timeout(CALL_TIMEOUT, answered).await;
        answered.ok().flatten().ok_or(JoinError::Unavailable)
    }

    /// Subscribes a console. While a new lobby is being made it waits for that.
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
                // It has died, or there is none; the next one is on its way.
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

/// A console's subscription to the lobby: its place in the log of summaries and in the log of
/// who came and went. Dropping it leaves the lobby.
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

/// What a console has taken from its subscription.
#[derive(Debug, Clone, Copy)]
pub struct LobbyBatch {
    /// Every change up to here has been sent, once the frames are.
    pub cursor: u64,
    /// There is more to take.
    pub more: bool,
    /// The lobby no longer remembers all that this console has not been sent; the store does.
    pub gap: bool,
}

/// The lobby has died. The next one is subscribed to with [`LobbySubscription::resubscribe`].
#[derive(Debug, Clone, Copy)]
pub struct LobbyGone;

/// Who came and went is no longer known as far back as this console would need it, so it has
/// to begin again.
#[derive(Debug, Clone, Copy)]
pub struct PresenceGap;

impl LobbySubscription {
    /// Begins with what comes after this moment. What is older is in the store, and in
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

    /// Subscribes to the next lobby. Who came and went meanwhile is not lost; which rooms
    /// changed, the store has to say.
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

    /// Appends at most `max` frames to `frames`: who came and went, and the summaries of rooms
    /// whose change is past `cursor`.
    ///
    /// # Errors
    ///
    /// When the console has fallen so far behind that it has to begin again.
    pub fn take(
        &mut self,
        cursor: u64,
        max: usize,
        frames: &mut Vec<Utf8Bytes>,
    ) -> Result<LobbyBatch, PresenceGap> {
        // Marked as seen before they are read, so that nothing in between is missed.
        self.log_changed.borrow_and_update();
        self.presence_changed.borrow_and_update();
        let came_and_went = self
            .presence
            .after(self.presence_position, max)
            .map_err(|_| PresenceGap)?;
        self.presence_position = came_and_went.position;
        let left = max - came_and_went.states.len();
        frames.extend(came_and_went.states);
        match self.log.take(self.position, cursor, left, frames) {
            Ok(taken) => {
                self.position = taken.position;
                Ok(LobbyBatch {
                    cursor: taken.cursor,
                    more: taken.more || came_and_went.more,
                    gap: false,
                })
            }
            Err(_) => {
                self.position = self.log.end();
                Ok(LobbyBatch {
                    cursor,
                    more: came_and_went.more,
                    gap: true,
                })
            }
        }
    }

    /// How many rooms have each status, and the frame that says so.
    pub fn counts(&self) -> (Counts, Utf8Bytes) {
        self.log.counts()
    }

    /// How long a console that was sent `frames` waits before it takes what is new.
    pub fn pause_after(&self, frames: usize) -> Duration {
        pacing::window(frames, self.log.consoles())
    }

    /// Resolves when there is something new since the last [`take`](Self::take), but not
    /// before `not_before`.
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
