//! Faults that tests order, in builds with the feature `test-hooks`.
//!
//! Without it [`Hooks`] is empty and each of its methods compiles to nothing.

use super::outbox::{Event, Outbox};
use crate::chat::RoomId;

/// Where a test can make an actor panic.
#[cfg_attr(not(feature = "test-hooks"), expect(unreachable_pub))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HookPoint {
    /// A room is starting.
    RoomStart,
    /// A room takes a subscriber in.
    RoomJoin,
    /// A room takes a write.
    RoomWrite,
    /// A room hears of a commit, before anybody else does.
    RoomCommitted,
    /// A room passes typing on.
    RoomTyping,
    /// A room rereads its record.
    RoomRefresh,
    /// The lobby hears of a change.
    LobbyReport,
    /// The lobby takes a console in.
    LobbySubscribe,
    /// The lobby looks after itself.
    LobbyHeartbeat,
}

#[cfg(not(feature = "test-hooks"))]
mod imp {
    use super::{Event, HookPoint, Outbox, RoomId};

    /// Nothing, without the feature `test-hooks`.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Hooks;

    impl Hooks {
        #[inline(always)]
        pub(in crate::actors) fn reach(&self, _point: HookPoint, _room_id: Option<RoomId>) {}

        #[inline(always)]
        pub(in crate::actors) fn ring(&self, outbox: &Outbox, event: impl Fn() -> Event) -> bool {
            outbox.push(event())
        }

        #[inline(always)]
        pub(in crate::actors) fn rings_can_be_relied_on(&self) -> bool {
            true
        }

        #[inline(always)]
        pub(in crate::actors) fn ring_consoles(&self, ring: impl Fn()) {
            ring();
        }
    }
}

#[cfg(feature = "test-hooks")]
mod imp {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    use super::{Event, HookPoint, Outbox, RoomId};

    /// The faults that a test has ordered.
    #[derive(Debug, Clone, Default)]
    pub struct Hooks(Arc<Mutex<Orders>>);

    #[derive(Debug, Default)]
    struct Orders {
        panics: HashMap<(HookPoint, Option<RoomId>), u32>,
        fired: HashMap<(HookPoint, Option<RoomId>), u32>,
        reached: HashMap<(HookPoint, Option<RoomId>), u32>,
        doorbell: Option<Doorbell>,
    }

    /// A doorbell that cannot be relied on: of four rings about one is lost, one
    /// doubled and one comes late.
    #[derive(Debug)]
    struct Doorbell {
        random: u64,
        late: Vec<(Outbox, Event)>,
    }

    impl Doorbell {
        /// xorshift: a seed replays the run.
        fn roll(&mut self) -> u64 {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            self.random
        }
    }

    impl Hooks {
        /// The next `times` that an actor reaches `point` (in this room, or in
        /// any), it panics.
        pub fn panic_at(&self, point: HookPoint, room_id: Option<RoomId>, times: u32) {
            self.lock().panics.insert((point, room_id), times);
        }

        /// How many of the panics ordered at `point` (in this room, or in any) have happened.
        pub fn fired(&self, point: HookPoint, room_id: Option<RoomId>) -> u32 {
            let fired = &self.lock().fired;
            fired.get(&(point, room_id)).copied().unwrap_or(0)
        }

        /// How often an actor has reached `point`, in this room or as the lobby.
        pub fn reached(&self, point: HookPoint, room_id: Option<RoomId>) -> u32 {
            let reached = &self.lock().reached;
            reached.get(&(point, room_id)).copied().unwrap_or(0)
        }

        /// From now on rings are lost, doubled and reordered, by this seed.
        pub fn unreliable_doorbell(&self, seed: u64) {
            self.lock().doorbell = Some(Doorbell {
                random: seed | 1,
                late: Vec::new(),
            });
        }

        pub(in crate::actors) fn reach(&self, point: HookPoint, room_id: Option<RoomId>) {
            let mut orders = self.lock();
            *orders.reached.entry((point, room_id)).or_default() += 1;
            for key in [(point, room_id), (point, None)] {
                if let Some(times) = orders.panics.get_mut(&key).filter(|times| **times > 0) {
                    *times -= 1;
                    *orders.fired.entry(key).or_default() += 1;
                    drop(orders);
                    panic!("ordered by a test at {point:?}");
                }
            }
        }

        pub(in crate::actors) fn ring(&self, outbox: &Outbox, event: impl Fn() -> Event) -> bool {
            let mut orders = self.lock();
            let Some(doorbell) = orders.doorbell.as_mut() else {
                drop(orders);
                return outbox.push(event());
            };
            let mut now = Vec::new();
            match doorbell.roll() % 4 {
                0 => {}
                1 => now.extend([(outbox.clone(), event()), (outbox.clone(), event())]),
                2 => doorbell.late.push((outbox.clone(), event())),
                _ => {
                    now.push((outbox.clone(), event()));
                    now.append(&mut doorbell.late);
                }
            }
            drop(orders);
            for (outbox, event) in now {
                outbox.push(event);
            }
            true
        }

        pub(in crate::actors) fn rings_can_be_relied_on(&self) -> bool {
            self.lock().doorbell.is_none()
        }

        /// Wakes the consoles that wait for the lobby's log, unless this ring is to be lost.
        /// A doubled or a late one would tell them nothing else, since it carries nothing.
        pub(in crate::actors) fn ring_consoles(&self, ring: impl Fn()) {
            let mut orders = self.lock();
            let lost = orders
                .doorbell
                .as_mut()
                .is_some_and(|doorbell| doorbell.roll() % 4 == 0);
            drop(orders);
            if !lost {
                ring();
            }
        }

        fn lock(&self) -> MutexGuard<'_, Orders> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(not(feature = "test-hooks"))]
pub(crate) use imp::Hooks;
#[cfg(feature = "test-hooks")]
pub use imp::Hooks;
