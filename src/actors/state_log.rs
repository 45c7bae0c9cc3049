use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use tokio::time::Instant;

use crate::chat::RoomId;

/// The newest state of each room that has changed recently, in the order of the changes.
///
/// Each room is in it once: a newer state is added at the end and the older one is removed. A reader
/// is a position, so adding a state costs the same however many readers there are, and a slow reader
/// gets fewer and newer states instead of a longer queue.
///
/// States that are old or exceed the capacity are forgotten. A reader that had not reached them gets
/// [`Gap`], and has to get the whole state elsewhere.
#[derive(Debug)]
pub(super) struct StateLog<T> {
    states: BTreeMap<u64, Entry<T>>,
    /// The key of each room's state in `states`.
    positions: HashMap<RoomId, u64>,
    /// The position of the newest state.
    end: u64,
    /// The newest position that was forgotten.
    forgotten: u64,
    capacity: usize,
}

#[derive(Debug)]
struct Entry<T> {
    room_id: RoomId,
    added_at: Instant,
    state: T,
}

/// What one call of [`StateLog::after`] returns.
#[derive(Debug)]
pub(super) struct Slice<T> {
    /// States after the reader's position, oldest change first.
    pub(super) states: Vec<T>,
    /// The reader's new position.
    pub(super) position: u64,
    /// Whether there are more states.
    pub(super) more: bool,
}

/// Some states after the reader's position have been forgotten.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gap;

impl<T: Clone> StateLog<T> {
    /// An empty log of at most `capacity` rooms.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            states: BTreeMap::new(),
            positions: HashMap::new(),
            end: 0,
            forgotten: 0,
            capacity: capacity.max(1),
        }
    }

    /// The position of a reader that has read everything.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The state of a room, unless it was forgotten.
    pub(super) fn get(&self, room_id: RoomId) -> Option<&T> {
        let position = self.positions.get(&room_id)?;
        self.states.get(position).map(|entry| &entry.state)
    }

    /// Adds a room's state, which replaces the room's older one.
    pub(super) fn put(&mut self, room_id: RoomId, state: T, added_at: Instant) {
        self.end += 1;
        if let Some(older) = self.positions.insert(room_id, self.end) {
            self.states.remove(&older);
        }
        self.states.insert(
            self.end,
            Entry {
                room_id,
                added_at,
                state,
            },
        );
        if self.states.len() > self.capacity {
            self.forget_first();
        }
    }

    /// At most `max` states after `position`.
    pub(super) fn after(&self, position: u64, max: usize) -> Result<Slice<T>, Gap> {
        if position < self.forgotten {
            return Err(Gap);
        }
        let mut rest = self
            .states
            .range((Bound::Excluded(position), Bound::Unbounded));
        let mut states = Vec::with_capacity(rest.size_hint().0.min(max));
        let mut reached = position;
        while states.len() < max {
            let Some((at, entry)) = rest.next() else {
                // Replaced states have left their positions empty, up to the end.
                return Ok(Slice {
                    states,
                    position: self.end,
                    more: false,
                });
            };
            reached = *at;
            states.push(entry.state.clone());
        }
        Ok(Slice {
            states,
            position: reached,
            more: rest.next().is_some(),
        })
    }

    /// Forgets what was added before `moment`.
    pub(super) fn forget_before(&mut self, moment: Instant) {
        while self
            .states
            .first_key_value()
            .is_some_and(|(_, entry)| entry.added_at < moment)
        {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((position, entry)) = self.states.pop_first() {
            self.positions.remove(&entry.room_id);
            self.forgotten = position;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use uuid::Uuid;

    fn rooms<const N: usize>() -> [RoomId; N] {
        std::array::from_fn(|_| Uuid::now_v7())
    }

    #[test]
    fn a_newer_state_replaces_the_older_one() {
        let [a, b] = rooms();
        let mut log = StateLog::new(10);
        log.put(a, "a1", Instant::now());
        log.put(b, "b1", Instant::now());
        let slow = log.after(0, 1).expect("all is there");
        assert_eq!((slow.states.as_slice(), slow.more), (&["a1"][..], true));
        log.put(a, "a2", Instant::now());
        let rest = log.after(slow.position, 9).expect("all is there");
        assert_eq!((rest.states, rest.more), (vec!["b1", "a2"], false));
        assert_eq!(rest.position, log.end());
        let fresh = log.after(0, 9).expect("all is there");
        assert_eq!(
            fresh.states,
            ["b1", "a2"],
            "the older one is not read any more"
        );
    }

    #[test]
    fn a_reader_behind_the_capacity_gets_a_gap() {
        let [a, b, c] = rooms();
        let mut log = StateLog::new(2);
        log.put(a, 1, Instant::now());
        let reader = log.after(0, 9).expect("all is there").position;
        log.put(b, 2, Instant::now());
        log.put(c, 3, Instant::now());
        assert_eq!(log.after(0, 9).err(), Some(Gap));
        let slice = log
            .after(reader, 9)
            .expect("it had read what was forgotten");
        assert_eq!(slice.states, [2, 3]);
        assert_eq!(log.get(a), None);
    }

    #[test]
    fn a_replaced_state_is_not_a_gap() {
        let [a] = rooms();
        let mut log = StateLog::new(1);
        for state in 1..=5 {
            log.put(a, state, Instant::now());
        }
        assert_eq!(log.after(0, 9).expect("only older ones went").states, [5]);
    }

    #[test]
    fn old_states_are_forgotten() {
        let [a, b] = rooms();
        let mut log = StateLog::new(10);
        let begin = Instant::now();
        let later = |seconds| begin + Duration::from_secs(seconds);
        log.put(a, 1, begin);
        log.put(b, 2, later(60));
        log.forget_before(later(30));
        assert_eq!((log.get(a), log.get(b)), (None, Some(&2)));
        assert_eq!(log.after(0, 9).err(), Some(Gap));
    }
}
