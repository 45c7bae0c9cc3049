use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::SharedNames;
use super::lobby_cursor::LobbyCursor;
use super::state_log::{Gap, StateLog};
use crate::chat::{ChangeId, ChangeVector, Counts, Names, RoomId, RoomRecord};
use crate::persistence::RemovedRoom;
use crate::protocol::{ServerFrame, encode};

/// Rooms that the log keeps. A console that is further behind reads the store.
const ROOMS_MAX: usize = 8_192;
/// How long the log keeps a state: longer than a socket may stall before it is closed, so that no
/// open socket is further behind.
pub(super) const RETENTION: Duration = Duration::from_secs(30);

/// A room's newest state as consoles see it. It is encoded for the first console that takes it, and
/// the others share the bytes.
#[derive(Debug)]
struct RoomState {
    shown: Shown,
    /// Every change up to here had reached the lobby when this state did.
    cursor: ChangeVector,
    frame: OnceLock<Utf8Bytes>,
}

/// What consoles are shown of a room.
#[derive(Debug)]
enum Shown {
    /// The room is there.
    Summary {
        record: Arc<RoomRecord>,
        customer_online: bool,
    },
    /// It was erased. Nothing comes after that.
    Removed(RemovedRoom),
}

impl RoomState {
    fn change(&self) -> ChangeId {
        match &self.shown {
            Shown::Summary { record, .. } => record.change,
            Shown::Removed(removed) => removed.change,
        }
    }

    /// Whether a record that arrives is older than this state.
    fn is_newer_than(&self, other: &RoomRecord) -> bool {
        match &self.shown {
            Shown::Summary { record, .. } => record.is_newer_than(other),
            Shown::Removed(_) => true,
        }
    }
}

/// The lobby as a log of states, written by the lobby's actor and read by consoles' sockets, each
/// at its own pace.
///
/// A console that has taken everything up to a state has been sent every change up to the state's
/// cursor, except for a room whose newer state comes further on; that state's change is past the
/// cursor. So a console that resumes from any cursor that it was sent misses nothing.
#[derive(Debug)]
pub(super) struct LobbyLog {
    epoch: String,
    names: SharedNames,
    states: Mutex<States>,
}

#[derive(Debug)]
struct States {
    rooms: StateLog<Arc<RoomState>>,
    counts: (Counts, Utf8Bytes),
    consoles: usize,
}

/// What one call of [`LobbyLog::take`] has taken.
#[derive(Debug)]
pub(super) struct Taken {
    /// The position to continue from.
    pub(super) position: u64,
    /// Every change up to here has been sent, once the frames are.
    pub(super) cursor: ChangeVector,
    /// Whether there are more states.
    pub(super) more: bool,
}

impl States {
    fn put(&mut self, room_id: RoomId, shown: Shown, cursor: ChangeVector) {
        let state = Arc::new(RoomState {
            shown,
            cursor,
            frame: OnceLock::new(),
        });
        self.rooms.put(room_id, state, Instant::now());
    }
}

impl LobbyLog {
    /// An empty log.
    pub(super) fn new(epoch: &str, counts: Counts, names: SharedNames) -> Self {
        Self {
            epoch: epoch.to_owned(),
            names,
            states: Mutex::new(States {
                rooms: StateLog::new(ROOMS_MAX),
                counts: (counts, encode(&ServerFrame::Counts { counts })),
                consoles: 0,
            }),
        }
    }

    /// The names in summaries.
    pub(super) fn names(&self) -> Arc<Names> {
        self.names.now()
    }

    /// Adds a room's state, unless the log has a newer one.
    pub(super) fn put(&self, record: Arc<RoomRecord>, customer_online: bool, cursor: ChangeVector) {
        let room_id = record.room.id;
        let mut states = self.lock();
        let newest = states.rooms.get(room_id);
        if newest.is_some_and(|newest| newest.is_newer_than(&record)) {
            return;
        }
        let shown = Shown::Summary {
            record,
            customer_online,
        };
        states.put(room_id, shown, cursor);
    }

    /// Adds that a room was erased.
    pub(super) fn remove(&self, removed: RemovedRoom, cursor: ChangeVector) {
        let shown = Shown::Removed(removed);
        self.lock().put(removed.room_id, shown, cursor);
    }

    /// Sets how many rooms have each status. Returns whether that has changed.
    pub(super) fn set_counts(&self, counts: Counts) -> bool {
        let mut states = self.lock();
        let changed = states.counts.0 != counts;
        if changed {
            states.counts = (counts, encode(&ServerFrame::Counts { counts }));
        }
        changed
    }

    /// Sets how many consoles read this log.
    pub(super) fn set_consoles(&self, consoles: usize) {
        self.lock().consoles = consoles;
    }

    /// How many consoles read this log.
    pub(super) fn consoles(&self) -> usize {
        self.lock().consoles
    }

    /// The counts, and the frame with them.
    pub(super) fn counts(&self) -> (Counts, Utf8Bytes) {
        self.lock().counts.clone()
    }

    /// The position of a console that has read everything.
    pub(super) fn end(&self) -> u64 {
        self.lock().rooms.end()
    }

    /// Appends the frames of at most `max` states after `position` to `frames`, except those whose
    /// change is up to `cursor`, which the console has been sent already.
    pub(super) fn take(
        &self,
        position: u64,
        cursor: &ChangeVector,
        max: usize,
        frames: &mut Vec<Utf8Bytes>,
    ) -> Result<Taken, Gap> {
        let slice = self.lock().rooms.after(position, max)?;
        let mut taken = Taken {
            position: slice.position,
            cursor: cursor.clone(),
            more: slice.more,
        };
        for state in &slice.states {
            taken.cursor.advance_all(&state.cursor);
            if !cursor.includes(state.change()) {
                frames.push(self.frame(state));
            }
        }
        Ok(taken)
    }

    fn frame(&self, state: &RoomState) -> Utf8Bytes {
        let encode_once = || {
            let cursor = LobbyCursor::Changes(state.cursor.clone()).encode(&self.epoch);
            let cursor = Cow::Owned(cursor);
            match &state.shown {
                Shown::Summary {
                    record,
                    customer_online,
                } => encode(&ServerFrame::Summary {
                    cursor,
                    summary: Cow::Borrowed(&record.summary(*customer_online, &self.names.now())),
                }),
                Shown::Removed(RemovedRoom { room_id, .. }) => encode(&ServerFrame::Removed {
                    cursor,
                    room_id: *room_id,
                }),
            }
        };
        state.frame.get_or_init(encode_once).clone()
    }

    /// Forgets what was added before a moment.
    pub(super) fn forget_before(&self, moment: Instant) {
        self.lock().rooms.forget_before(moment);
    }

    fn lock(&self) -> MutexGuard<'_, States> {
        // The log is consistent after every statement, so a poisoned lock does no harm.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
