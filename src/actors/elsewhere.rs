//! What other nodes have done and the actors of this one have not taken yet.
//!
//! The log of other nodes does not wait for the actors here, so it is not put into their mailboxes.
//! Each room with an actor and the lobby have an inbox of bounded size instead, and at most one
//! message in the mailbox that says that there is something in it. What does not fit is not lost:
//! the inbox says then that the store has to be read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ractor::{ActorId, ActorRef};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::messages::{ElsewhereCommit, RoomMsg, Typing};
use crate::chat::{RoomId, RoomRecord};

/// How long the notice of another node's change may take. Then the store is read.
pub(crate) const NOTICE_WAIT: Duration = Duration::from_millis(100);
/// Commits in the inbox of a room, at most. Then they become one, which does not say what was done.
const COMMITS_MAX: usize = 32;
/// Records in the inbox of the lobby, at most. Then the lobby reads the store.
const RECORDS_MAX: usize = 4_096;
/// Notices of typing that rooms have not taken, at most. Further ones are dropped: they are of no
/// use later.
const TYPING_MAX: usize = 256;

/// The inboxes of the rooms and of the lobby.
#[derive(Debug)]
pub(super) struct Elsewhere {
    rooms: Mutex<HashMap<RoomId, Inbox>>,
    lobby: Mutex<LobbyInbox>,
    typing: Arc<Semaphore>,
    /// Other nodes tell what they commit: the bus is up.
    notices_come: AtomicBool,
}

/// The inbox of a room with an actor.
#[derive(Debug)]
struct Inbox {
    room: ActorRef<RoomMsg>,
    /// While there is something, one `RoomMsg::TakeElsewhere` is in the mailbox.
    untaken: Option<Box<Untaken>>,
    /// While it is set, one `RoomMsg::ShowViewers` is in the mailbox.
    has_other_viewers: bool,
}

/// What a room takes from its inbox.
#[derive(Debug)]
pub(super) enum Untaken {
    /// What other nodes have committed in it, the newest last.
    Commits(Vec<ElsewhereCommit>),
    /// It may have been erased: the record has to be read again.
    Removed,
}

#[derive(Debug, Default)]
struct LobbyInbox {
    untaken: UntakenByLobby,
    /// Whether the lobby was notified and has not taken anything since.
    notified: bool,
}

/// What the lobby takes from its inbox.
#[derive(Debug, Default)]
pub(super) struct UntakenByLobby {
    /// Rooms after changes of other nodes.
    pub(super) records: Vec<Arc<RoomRecord>>,
    /// There is more, in the store.
    pub(super) resync: bool,
}

/// Somebody who types, counted until a room has taken it.
#[derive(Debug)]
pub(super) struct CountedTyping {
    pub(super) typing: Typing,
    _permit: OwnedSemaphorePermit,
}

impl Default for Elsewhere {
    fn default() -> Self {
        Self {
            rooms: Mutex::default(),
            lobby: Mutex::default(),
            typing: Arc::new(Semaphore::new(TYPING_MAX)),
            notices_come: AtomicBool::new(false),
        }
    }
}

impl Untaken {
    fn add(&mut self, new: Self) {
        match (self, new) {
            (Self::Commits(commits), Self::Commits(new)) => {
                commits.extend(new);
                if commits.len() > COMMITS_MAX {
                    *commits = merge(std::mem::take(commits)).into_iter().collect();
                }
            }
            (untaken @ Self::Commits(_), Self::Removed) => *untaken = Self::Removed,
            // Whatever is new is in the record that will be read.
            (Self::Removed, _) => {}
        }
    }
}

/// The newest of these commits, in place of them all.
fn merge(commits: Vec<ElsewhereCommit>) -> Option<ElsewhereCommit> {
    let records = commits.into_iter().map(|commit| commit.record);
    let newest = records.max_by_key(|record| record.version)?;
    Some(ElsewhereCommit {
        record: newest,
        effect: None,
    })
}

impl Elsewhere {
    /// A room has started: from now on it has an inbox.
    pub(super) fn add_room(&self, room_id: RoomId, room: ActorRef<RoomMsg>) {
        let inbox = Inbox {
            room,
            untaken: None,
            has_other_viewers: false,
        };
        self.rooms().insert(room_id, inbox);
    }

    /// This incarnation of a room has ended.
    pub(super) fn remove_room(&self, room_id: RoomId, incarnation: ActorId) {
        let mut rooms = self.rooms();
        if rooms
            .get(&room_id)
            .is_some_and(|inbox| inbox.room.get_id() == incarnation)
        {
            rooms.remove(&room_id);
        }
    }

    /// The bus has come up or gone down.
    pub(super) fn set_notices_come(&self, come: bool) {
        self.notices_come.store(come, Ordering::Relaxed);
    }

    /// Whether other nodes tell what they commit.
    pub(super) fn notices_come(&self) -> bool {
        self.notices_come.load(Ordering::Relaxed)
    }

    /// Puts something into the inbox of a room, if it has an actor. Any other room reads the store
    /// when it starts.
    pub(super) fn put(&self, room_id: RoomId, new: Untaken) {
        let mut rooms = self.rooms();
        let Some(inbox) = rooms.get_mut(&room_id) else {
            return;
        };
        match &mut inbox.untaken {
            Some(untaken) => untaken.add(new),
            None => {
                inbox.untaken = Some(Box::new(new));
                // It fails when the room is ending; its next incarnation reads the store.
                let _ = inbox.room.cast(RoomMsg::TakeElsewhere);
            }
        }
    }

    /// Empties the inbox of a room.
    pub(super) fn take(&self, room_id: RoomId) -> Option<Untaken> {
        let untaken = self.rooms().get_mut(&room_id)?.untaken.take()?;
        Some(*untaken)
    }

    /// Notifies a room of somebody who types, unless too many such notices are untaken.
    pub(super) fn put_typing(&self, typing: Typing) {
        let rooms = self.rooms();
        if let Some(inbox) = rooms.get(&typing.room_id)
            && let Ok(permit) = self.typing.clone().try_acquire_owned()
        {
            let counted = CountedTyping {
                typing,
                _permit: permit,
            };
            let _ = inbox.room.cast(RoomMsg::TypingElsewhere(counted));
        }
    }

    /// Others have these rooms open on another node: those with an actor are notified.
    pub(super) fn notify_of_viewers(&self, room_ids: &[RoomId]) {
        let mut rooms = self.rooms();
        for room_id in room_ids {
            if let Some(inbox) = rooms.get_mut(room_id)
                && !std::mem::replace(&mut inbox.has_other_viewers, true)
            {
                let _ = inbox.room.cast(RoomMsg::ShowViewers);
            }
        }
    }

    /// The room reads them now.
    pub(super) fn take_viewers(&self, room_id: RoomId) {
        if let Some(inbox) = self.rooms().get_mut(&room_id) {
            inbox.has_other_viewers = false;
        }
    }

    /// Puts records into the inbox of the lobby. Returns whether it has to be notified.
    #[must_use]
    pub(super) fn put_for_lobby(&self, records: Vec<Arc<RoomRecord>>) -> bool {
        let mut inbox = self.lobby();
        // What the lobby will read has these, too.
        if !inbox.untaken.resync {
            inbox.untaken.records.extend(records);
            if inbox.untaken.records.len() > RECORDS_MAX {
                inbox.untaken.read_store();
            }
        }
        inbox.notify()
    }

    /// The lobby has to read the store. Returns whether it has to be notified.
    #[must_use]
    pub(super) fn resync_lobby(&self) -> bool {
        let mut inbox = self.lobby();
        inbox.untaken.read_store();
        inbox.notify()
    }

    /// Empties the inbox of the lobby.
    pub(super) fn take_for_lobby(&self) -> UntakenByLobby {
        std::mem::take(&mut *self.lobby()).untaken
    }

    // Both maps are consistent after every statement, so a poisoned lock does no harm.

    fn rooms(&self) -> MutexGuard<'_, HashMap<RoomId, Inbox>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lobby(&self) -> MutexGuard<'_, LobbyInbox> {
        self.lobby.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LobbyInbox {
    fn notify(&mut self) -> bool {
        !std::mem::replace(&mut self.notified, true)
    }
}

impl UntakenByLobby {
    fn read_store(&mut self) {
        self.records = Vec::new();
        self.resync = true;
    }
}

#[cfg(test)]
mod tests;
