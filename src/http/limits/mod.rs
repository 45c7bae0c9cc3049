//! How often and how much at once: budgets by sender, account and address.
//!
//! Every budget is a no-op when `limits.enabled` is false. Keys are forgotten once their
//! budget is full again; [`Limits::retain_recent`] sweeps them, and a map that has doubled since
//! its last sweep is swept by whoever comes next, so that a key costs the same however many
//! there are.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use uuid::Uuid;

use crate::config::LimitsConfig;

/// A map with fewer keys is swept by the housekeeping alone.
const SWEEP_KEYS: usize = 50_000;
/// The window of the sign-in budgets.
const LOGIN_WINDOW: Duration = Duration::from_secs(15 * 60);
/// Sign-ins of one address for each one that an account may have there: an office
/// shares an address.
const LOGINS_PER_ADDRESS_FACTOR: u32 = 10;

/// How long to wait before the next try, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryAfterMs(pub(crate) u64);

/// An address as budgets see it: a whole /64 of IPv6 belongs to one customer of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AddressKey(IpAddr);

impl AddressKey {
    /// The address itself, or the first one of its network.
    pub(crate) fn ip(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for AddressKey {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(IpAddr::V4(ip)),
            IpAddr::V6(ip) => {
                let network = u128::from(ip) & !u128::from(u64::MAX);
                Self(IpAddr::V6(network.into()))
            }
        }
    }
}

/// A visitor who is known already.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum BudgetOwner {
    /// One of the shop's own users.
    User(String),
    /// Somebody with a token, by the visitor's id.
    Anonymous(Uuid),
}

/// All budgets of one server.
pub(crate) struct Limits {
    posts: Budget<Uuid>,
    calls: Budget<Uuid>,
    logins: Budget<(u64, AddressKey)>,
    logins_by_address: Budget<AddressKey>,
    rooms: Budget<AddressKey>,
    rooms_by_visitor: Budget<u64>,
    hellos: Budget<AddressKey>,
    sockets: Sockets,
    /// Accounts and visitors are kept as hashes, so that a long name costs no memory.
    hasher: RandomState,
}

impl Limits {
    /// Takes the configured numbers.
    pub(crate) fn new(config: &LimitsConfig) -> Self {
        let on = config.enabled;
        let per_second = |rate, burst| on.then(|| quota(rate, Duration::from_secs(1), burst));
        let logins = |count| on.then(|| quota(count, LOGIN_WINDOW, count));
        Self {
            posts: Budget::new(per_second(config.posts_per_second, config.posts_burst)),
            calls: Budget::new(per_second(config.calls_per_second, config.calls_burst)),
            logins: Budget::new(logins(config.logins_per_15_min)),
            logins_by_address: Budget::new(logins(
                config
                    .logins_per_15_min
                    .saturating_mul(LOGINS_PER_ADDRESS_FACTOR),
            )),
            rooms: Budget::new(on.then(|| {
                quota(
                    config.rooms_per_minute,
                    Duration::from_secs(60),
                    config.rooms_burst,
                )
            })),
            rooms_by_visitor: Budget::new(on.then(|| {
                quota(
                    config.rooms_per_minute_by_visitor,
                    Duration::from_secs(60),
                    config.rooms_burst_by_visitor,
                )
            })),
            hellos: Budget::new(per_second(config.hellos_per_second, config.hellos_burst)),
            sockets: Sockets {
                open: Arc::default(),
                per_address: on.then_some(config.sockets_per_address),
                per_visitor: on.then_some(config.sockets_per_visitor),
                per_agent: on.then_some(config.sockets_per_agent),
            },
            hasher: RandomState::new(),
        }
    }

    /// One post of a visitor or an agent, by their id.
    pub(crate) fn check_post(&self, sender: Uuid) -> Result<(), RetryAfterMs> {
        self.posts.check(&sender)
    }

    /// One call of a visitor or an agent, by their id.
    pub(crate) fn check_call(&self, caller: Uuid) -> Result<(), RetryAfterMs> {
        self.calls.check(&caller)
    }

    /// One try to sign in from an address, whoever it is for. It is asked before the name is
    /// known, so that what an address may not try costs no more than its headers and makes no
    /// key of an account.
    pub(crate) fn check_login_address(&self, ip: IpAddr) -> Result<(), RetryAfterMs> {
        self.logins_by_address.check(&ip.into())
    }

    /// The same try, as `username`. Upper and lower case are one name.
    pub(crate) fn check_login_account(
        &self,
        username: &str,
        ip: IpAddr,
    ) -> Result<(), RetryAfterMs> {
        let account = self.hasher.hash_one(username.trim().to_lowercase());
        self.logins.check(&(account, ip.into()))
    }

    /// One call that may make a room.
    pub(crate) fn check_room(&self, ip: IpAddr) -> Result<(), RetryAfterMs> {
        self.rooms.check(&ip.into())
    }

    /// The same of a visitor who is known already, wherever it comes from and with whichever of
    /// their tokens.
    pub(crate) fn check_room_by_visitor(&self, visitor: &BudgetOwner) -> Result<(), RetryAfterMs> {
        self.rooms_by_visitor.check(&self.hasher.hash_one(visitor))
    }

    /// One attempt to open a socket.
    pub(crate) fn check_hello(&self, ip: IpAddr) -> Result<(), RetryAfterMs> {
        self.hellos.check(&ip.into())
    }

    /// Counts a socket of an address until the guard is dropped; `None` when it has too many.
    pub(crate) fn address_socket(&self, ip: IpAddr) -> Option<SocketGuard> {
        self.sockets
            .enter(SocketOwner::Address(ip.into()), self.sockets.per_address)
    }

    /// Counts a socket of a visitor until the guard is dropped; `None` when they have too many.
    pub(crate) fn visitor_socket(&self, visitor_id: Uuid) -> Option<SocketGuard> {
        self.sockets
            .enter(SocketOwner::Visitor(visitor_id), self.sockets.per_visitor)
    }

    /// Counts a socket of an agent until the guard is dropped; `None` when they have too many.
    pub(crate) fn agent_socket(&self, agent_id: Uuid) -> Option<SocketGuard> {
        self.sockets
            .enter(SocketOwner::Agent(agent_id), self.sockets.per_agent)
    }

    /// Forgets every key whose budget is full again.
    pub(crate) fn retain_recent(&self) {
        self.posts.sweep();
        self.calls.sweep();
        self.rooms_by_visitor.sweep();
        self.logins.sweep();
        self.logins_by_address.sweep();
        self.rooms.sweep();
        self.hellos.sweep();
    }
}

/// `count` in `window` on average, `burst` at once. Zero would mean «never», which is no
/// sensible limit, so it counts as one.
fn quota(count: u32, window: Duration, burst: u32) -> Quota {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(window / at_least_one(count).get())
        .expect("the window is longer than its count of nanoseconds")
        .allow_burst(at_least_one(burst))
}

struct Budget<K: Hash + Eq + Clone> {
    limiter: Option<DefaultKeyedRateLimiter<K>>,
    clock: DefaultClock,
    /// With more keys than this it is time to sweep.
    sweep_above: AtomicUsize,
}

impl<K: Hash + Eq + Clone> Budget<K> {
    fn new(quota: Option<Quota>) -> Self {
        Self {
            limiter: quota.map(RateLimiter::keyed),
            clock: DefaultClock::default(),
            sweep_above: AtomicUsize::new(SWEEP_KEYS),
        }
    }

    fn check(&self, key: &K) -> Result<(), RetryAfterMs> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        if self.is_time_to_sweep(limiter.len()) {
            self.sweep();
        }
        limiter.check_key(key).map_err(|refused| {
            let wait = refused.wait_time_from(self.clock.now());
            RetryAfterMs(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1))
        })
    }

    /// For one caller of all that ask at the same time. The sweep takes a step for each key, and
    /// as many new keys come before the next one.
    fn is_time_to_sweep(&self, keys: usize) -> bool {
        let bound = self.sweep_above.load(Ordering::Relaxed);
        let next = keys.saturating_mul(2);
        keys > bound
            && self
                .sweep_above
                .compare_exchange(bound, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn sweep(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
            let next = limiter.len().saturating_mul(2).max(SWEEP_KEYS);
            self.sweep_above.store(next, Ordering::Relaxed);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum SocketOwner {
    Address(AddressKey),
    Visitor(Uuid),
    Agent(Uuid),
}

type OpenSockets = Arc<Mutex<HashMap<SocketOwner, usize>>>;

struct Sockets {
    open: OpenSockets,
    per_address: Option<usize>,
    per_visitor: Option<usize>,
    per_agent: Option<usize>,
}

impl Sockets {
    fn enter(&self, owner: SocketOwner, max: Option<usize>) -> Option<SocketGuard> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.get(&owner).copied().unwrap_or(0);
        if max.is_some_and(|max| count >= max) {
            return None;
        }
        open.insert(owner, count + 1);
        Some(SocketGuard {
            owner,
            open: self.open.clone(),
        })
    }
}

/// One counted socket.
#[derive(Debug)]
pub(crate) struct SocketGuard {
    owner: SocketOwner,
    open: OpenSockets,
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(enabled: bool) -> LimitsConfig {
        LimitsConfig {
            enabled,
            posts_per_second: 5,
            posts_burst: 20,
            calls_per_second: 100,
            calls_burst: 1_000,
            rooms_per_minute_by_visitor: 60,
            rooms_burst_by_visitor: 30,
            frame_bytes_per_second: 1_000,
            frame_bytes_burst: 10_000,
            logins_per_15_min: 10,
            rooms_per_minute: 1,
            rooms_burst: 3,
            hellos_per_second: 10,
            hellos_burst: 3,
            connections_per_address: 100,
            sockets_per_address: 100,
            sockets_per_visitor: 2,
            sockets_per_agent: 2,
            frames_per_second: 50,
            frames_burst: 100,
            flood_warnings: 20,
        }
    }

    fn check_login(limits: &Limits, username: &str, address: &str) -> Result<(), RetryAfterMs> {
        limits.check_login_address(ip(address))?;
        limits.check_login_account(username, ip(address))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_burst_then_a_wait() {
        let limits = Limits::new(&config(true));
        let (ann, ben) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for _ in 0..20 {
            assert_eq!(limits.check_post(ann), Ok(()));
        }
        // However slow the machine is, it asks faster than five times a second in the end.
        let refused = (0..100_000).find_map(|_| limits.check_post(ann).err());
        let RetryAfterMs(wait) = refused.expect("the burst is over");
        assert!((1..=200).contains(&wait), "{wait}");
        assert_eq!(
            limits.check_post(ben),
            Ok(()),
            "others have their own budget"
        );
    }

    #[test]
    fn the_eleventh_sign_in_waits_whatever_the_case_of_the_name() {
        let limits = Limits::new(&config(true));
        for _ in 0..10 {
            assert_eq!(check_login(&limits, "Mia", "192.0.2.1"), Ok(()));
        }
        assert!(check_login(&limits, "mia", "192.0.2.1").is_err());
        assert_eq!(check_login(&limits, "mia", "192.0.2.2"), Ok(()));
        assert_eq!(check_login(&limits, "ben", "192.0.2.1"), Ok(()));
    }

    #[test]
    fn an_address_cannot_try_many_accounts() {
        let limits = Limits::new(&config(true));
        let refused = (0..200)
            .filter(|n| check_login(&limits, &format!("a{n}"), "192.0.2.1").is_err())
            .count();
        assert_eq!(refused, 100);
    }

    #[test]
    fn a_map_is_swept_once_for_as_many_new_keys_as_it_has() {
        let limits = Limits::new(&config(true));
        let budget = &limits.logins_by_address;
        let bound = || budget.sweep_above.load(Ordering::Relaxed);
        let mut sweeps = 0;
        for number in 0..210_000_u32 {
            let before = bound();
            let address = IpAddr::V4(number.into());
            assert_eq!(limits.check_login_address(address), Ok(()));
            sweeps += usize::from(bound() != before);
        }
        assert_eq!(sweeps, 3, "at 50, 100 and 200 thousand");
        // None of them is forgotten, as none of the budgets is full again.
        assert!(budget.limiter.as_ref().expect("on").len() > 200_000);
    }

    #[test]
    fn neighbours_in_a_v6_network_share_a_budget() {
        let limits = Limits::new(&config(true));
        for host in 1..=3 {
            assert_eq!(limits.check_room(ip(&format!("2001:db8::{host}"))), Ok(()));
        }
        assert!(limits.check_room(ip("2001:db8::ffff")).is_err());
        assert_eq!(limits.check_room(ip("2001:db8:0:1::1")), Ok(()));
    }

    #[test]
    fn switched_off_nothing_is_limited() {
        let limits = Limits::new(&config(false));
        for _ in 0..1_000 {
            assert_eq!(limits.check_hello(ip("192.0.2.1")), Ok(()));
        }
        let guards = (0..50)
            .map(|_| limits.visitor_socket(Uuid::nil()))
            .collect::<Vec<_>>();
        assert!(guards.iter().all(Option::is_some));
    }

    #[test]
    fn sockets_count_until_their_guard_goes() {
        let limits = Limits::new(&config(true));
        let one = limits.agent_socket(Uuid::nil());
        let two = limits.agent_socket(Uuid::nil());
        assert!(one.is_some() && two.is_some());
        assert!(limits.agent_socket(Uuid::nil()).is_none());
        drop(one);
        assert!(limits.agent_socket(Uuid::nil()).is_some());
        drop(two);
        assert!(
            limits.sockets.open.lock().expect("no panic").is_empty(),
            "nobody is remembered"
        );
    }
}
