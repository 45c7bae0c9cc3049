//! Faults that tests inject: panics at chosen points, and pushes that are lost, duplicated or
//! delayed. Only builds with the feature `test-hooks` have them.
//!
//! Without it [`Faults`] is empty and each of its methods compiles to nothing.

use super::outbox::{Event, Outbox};
use crate::chat::RoomId;

/// A place in an actor's code where a test can inject a panic.
#[cfg_attr(not(feature = "test-hooks"), expect(unreachable_pub))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultPoint {
    /// A room starts.
    RoomStart,
    /// A room handles a join.
    RoomJoin,
    /// A room hands a write to the store.
    RoomWrite,
    /// A room receives the outcome of a write, before anybody else does.
    RoomCommitted,
    /// A room broadcasts that somebody is typing.
    RoomTyping,
    /// A room rereads its record.
    RoomReload,
    /// A room takes what other nodes have done.
    RoomElsewhere,
    /// A lobby starts.
    LobbyStart,
    /// The lobby receives a report from a room.
    LobbyReport,
    /// The lobby subscribes a console.
    LobbySubscribe,
    /// The lobby checks whether it has missed a change.
    LobbyCheck,
}

#[cfg(not(feature = "test-hooks"))]
mod imp {
    use super::{Event, FaultPoint, Outbox, RoomId};

    /// Empty without the feature `test-hooks`.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Faults(());

    impl Faults {
        #[inline(always)]
        pub(in crate::actors) fn reach(&self, _point: FaultPoint, _room_id: Option<RoomId>) {}

        #[inline(always)]
        pub(in crate::actors) fn push(&self, outbox: &Outbox, event: impl Fn() -> Event) -> bool {
            outbox.push(event())
        }

        #[inline(always)]
        pub(in crate::actors) fn pushes_are_reliable(&self) -> bool {
            true
        }

        #[inline(always)]
        pub(in crate::actors) fn notify_consoles(&self, notify: impl Fn()) {
            notify();
        }
    }
}

#[cfg(feature = "test-hooks")]
mod imp {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    use super::{Event, FaultPoint, Outbox, RoomId};

    /// The faults that a test has injected into one server. Clones share them.
    #[derive(Debug, Clone, Default)]
    pub struct Faults(Arc<Mutex<Plan>>);

    /// A point, in one room or (`None`) in any.
    type Place = (FaultPoint, Option<RoomId>);

    #[derive(Debug, Default)]
    struct Plan {
        /// How many panics are left at each point.
        panics: HashMap<Place, u32>,
        fired: HashMap<Place, u32>,
        reached: HashMap<Place, u32>,
        unreliable: Option<UnreliablePushes>,
    }

    /// Of four pushes, about one is lost, one is duplicated and one is delayed.
    #[derive(Debug)]
    struct UnreliablePushes {
        random: u64,
        delayed: Vec<(Outbox, Event)>,
    }

    impl UnreliablePushes {
        /// xorshift: the same seed replays the run.
        fn roll(&mut self) -> u64 {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            self.random
        }
    }

    impl Faults {
        /// Makes an actor panic the next `times` times that it reaches `point`, in this room
        /// or (`None`) in any.
        pub fn panic_at(&self, point: FaultPoint, room_id: Option<RoomId>, times: u32) {
            self.lock().panics.insert((point, room_id), times);
        }

        /// How many of the panics injected at `point`, in this room or in any, have happened.
        pub fn fired(&self, point: FaultPoint, room_id: Option<RoomId>) -> u32 {
            let fired = &self.lock().fired;
            fired.get(&(point, room_id)).copied().unwrap_or(0)
        }

        /// How often an actor has reached `point`, in this room or (`None`) in the lobby.
        pub fn reached(&self, point: FaultPoint, room_id: Option<RoomId>) -> u32 {
            let reached = &self.lock().reached;
            reached.get(&(point, room_id)).copied().unwrap_or(0)
        }

        /// From now on pushes are lost, duplicated and reordered, as `seed` determines.
        pub fn make_pushes_unreliable(&self, seed: u64) {
            self.lock().unreliable = Some(UnreliablePushes {
                random: seed | 1,
                delayed: Vec::new(),
            });
        }

        pub(in crate::actors) fn reach(&self, point: FaultPoint, room_id: Option<RoomId>) {
            let mut plan = self.lock();
            *plan.reached.entry((point, room_id)).or_default() += 1;
            for place in [(point, room_id), (point, None)] {
                if let Some(times) = plan.panics.get_mut(&place).filter(|times| **times > 0) {
                    *times -= 1;
                    *plan.fired.entry(place).or_default() += 1;
                    drop(plan);
                    panic!("injected by a test at {point:?}");
                }
            }
        }

        pub(in crate::actors) fn push(&self, outbox: &Outbox, event: impl Fn() -> Event) -> bool {
            let mut plan = self.lock();
            let Some(unreliable) = plan.unreliable.as_mut() else {
                drop(plan);
                return outbox.push(event());
            };
            let mut now = Vec::new();
            match unreliable.roll() % 4 {
                0 => {}
                1 => now.extend([(outbox.clone(), event()), (outbox.clone(), event())]),
                2 => unreliable.delayed.push((outbox.clone(), event())),
                _ => {
                    now.push((outbox.clone(), event()));
                    now.append(&mut unreliable.delayed);
                }
            }
            drop(plan);
            for (outbox, event) in now {
                outbox.push(event);
            }
            true
        }

        pub(in crate::actors) fn pushes_are_reliable(&self) -> bool {
            self.lock().unreliable.is_none()
        }

        /// Notifies the consoles that wait for the lobby's log, unless this notification is to
        /// be lost. A duplicated or delayed one would make no difference, since it carries nothing.
        pub(in crate::actors) fn notify_consoles(&self, notify: impl Fn()) {
            let mut plan = self.lock();
            let lost = plan
                .unreliable
                .as_mut()
                .is_some_and(|unreliable| unreliable.roll() % 4 == 0);
            drop(plan);
            if !lost {
                notify();
            }
        }

        fn lock(&self) -> MutexGuard<'_, Plan> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(not(feature = "test-hooks"))]
pub(crate) use imp::Faults;
#[cfg(feature = "test-hooks")]
pub use imp::Faults;
