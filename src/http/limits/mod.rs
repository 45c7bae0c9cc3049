//! Rate limits and socket limits, by sender, account and address.
//!
//! [`Limits`] holds them all; every check is a no-op when `limits.enabled` is false. Limits on
//! TCP connections are in `connections`, those on the frames of one socket in `socket`.

mod address;
mod keyed_limiter;
mod sockets;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

pub(crate) use self::address::AddressKey;
pub(crate) use self::keyed_limiter::RetryAfterMs;
use self::keyed_limiter::{KeyedLimiter, quota};
pub(crate) use self::sockets::SocketGuard;
use self::sockets::{SocketCounts, SocketOwner};
use crate::config::LimitsConfig;
use crate::credentials::hash_token;
use crate::persistence::SignInBudget;

/// The window of the sign-in limits.
const LOGIN_WINDOW: Duration = Duration::from_secs(15 * 60);
/// How many times the sign-ins of one account an address may try: an office shares an address.
const LOGINS_PER_ADDRESS_FACTOR: u32 = 10;

/// A known visitor, whichever of their tokens they use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum VisitorKey {
    /// A user of the shop, by the identity's `sub`.
    User(String),
    /// An anonymous visitor, by id.
    Anonymous(Uuid),
}

/// All limits of one server.
pub(crate) struct Limits {
    posts: KeyedLimiter<Uuid>,
    calls: KeyedLimiter<Uuid>,
    logins: KeyedLimiter<(u64, AddressKey)>,
    logins_by_address: KeyedLimiter<AddressKey>,
    /// Attempts in [`LOGIN_WINDOW`], where nodes count together.
    logins_shared: Option<u32>,
    rooms: KeyedLimiter<AddressKey>,
    rooms_by_visitor: KeyedLimiter<u64>,
    hellos: KeyedLimiter<AddressKey>,
    sockets: SocketCounts,
    /// User names and visitors are kept as hashes, so that a long name costs no memory.
    hasher: RandomState,
}

impl Limits {
    pub(crate) fn new(config: &LimitsConfig) -> Self {
        let enabled = config.enabled;
        let per_second = |rate, burst| enabled.then(|| quota(rate, Duration::from_secs(1), burst));
        let per_minute = |rate, burst| enabled.then(|| quota(rate, Duration::from_secs(60), burst));
        let logins = |count| enabled.then(|| quota(count, LOGIN_WINDOW, count));
        Self {
            posts: KeyedLimiter::new(per_second(config.posts_per_second, config.posts_burst)),
            calls: KeyedLimiter::new(per_second(config.calls_per_second, config.calls_burst)),
            logins: KeyedLimiter::new(logins(config.logins_per_15_min)),
            logins_by_address: KeyedLimiter::new(logins(
                config
                    .logins_per_15_min
                    .saturating_mul(LOGINS_PER_ADDRESS_FACTOR),
            )),
            logins_shared: enabled.then_some(config.logins_per_15_min),
            rooms: KeyedLimiter::new(per_minute(config.rooms_per_minute, config.rooms_burst)),
            rooms_by_visitor: KeyedLimiter::new(per_minute(
                config.rooms_per_minute_by_visitor,
                config.rooms_burst_by_visitor,
            )),
            hellos: KeyedLimiter::new(per_second(config.hellos_per_second, config.hellos_burst)),
            sockets: SocketCounts::new(config),
            hasher: RandomState::new(),
        }
    }

    /// One post of a visitor or an agent.
    pub(crate) fn check_post(&self, sender: Uuid) -> Result<(), RetryAfterMs> {
        self.posts.check(&sender)
    }

    /// One REST call of a visitor or an agent.
    pub(crate) fn check_call(&self, caller: Uuid) -> Result<(), RetryAfterMs> {
        self.calls.check(&caller)
    }

    /// One attempt to sign in from an address, to any account. It is checked before the body is
    /// read, so that a refused attempt costs no more than its headers and adds no account key.
    pub(crate) fn check_login_address(&self, ip: IpAddr) -> Result<(), RetryAfterMs> {
        self.logins_by_address.check(&ip.into())
    }

    /// The same attempt, for this user name in any case.
    pub(crate) fn check_login_account(
        &self,
        username: &str,
        ip: IpAddr,
    ) -> Result<(), RetryAfterMs> {
        let account = self.hasher.hash_one(username.trim().to_lowercase());
        self.logins.check(&(account, ip.into()))
    }

    /// The budgets of an attempt to sign in, as several nodes count them together.
    pub(crate) fn shared_login_budgets(&self, username: &str, ip: IpAddr) -> Vec<SignInBudget> {
        let Some(count) = self.logins_shared else {
            return Vec::new();
        };
        let address = format!("{:?}", AddressKey::from(ip));
        let account = hash_token(&format!("{}\n{address}", username.trim().to_lowercase()));
        let account: String = account.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let budget = |key, count| SignInBudget {
            key,
            count,
            window: LOGIN_WINDOW,
        };
        let by_address = count.saturating_mul(LOGINS_PER_ADDRESS_FACTOR);
        vec![
            budget(format!("address {address}"), by_address),
            budget(format!("account {account}"), count),
        ]
    }

    /// One call that may create a room, by address.
    pub(crate) fn check_open_room(&self, ip: IpAddr) -> Result<(), RetryAfterMs> {
        self.rooms.check(&ip.into())
    }

    /// The same call of a known visitor, from any address.
    pub(crate) fn check_open_room_by_visitor(
        &self,
        visitor: &VisitorKey,
    ) -> Result<(), RetryAfterMs> {
        self.rooms_by_visitor.check(&self.hasher.hash_one(visitor))
    }

    /// One attempt to open a socket.
    pub(crate) fn check_hello(&self, ip: IpAddr) -> Result<(), RetryAfterMs> {
        self.hellos.check(&ip.into())
    }

    /// Counts a socket of an address until the guard is dropped; `None` when it has too many.
    pub(crate) fn address_socket(&self, ip: IpAddr) -> Option<SocketGuard> {
        self.sockets.add(SocketOwner::Address(ip.into()))
    }

    /// Counts a socket of a visitor until the guard is dropped; `None` when they have too many.
    pub(crate) fn visitor_socket(&self, visitor_id: Uuid) -> Option<SocketGuard> {
        self.sockets.add(SocketOwner::Visitor(visitor_id))
    }

    /// Counts a socket of an agent until the guard is dropped; `None` when they have too many.
    pub(crate) fn agent_socket(&self, agent_id: Uuid) -> Option<SocketGuard> {
        self.sockets.add(SocketOwner::Agent(agent_id))
    }

    /// Forgets every key whose limit is fully replenished.
    pub(crate) fn sweep(&self) {
        self.posts.sweep();
        self.calls.sweep();
        self.rooms_by_visitor.sweep();
        self.logins.sweep();
        self.logins_by_address.sweep();
        self.rooms.sweep();
        self.hellos.sweep();
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
    fn posts_past_the_burst_are_refused_with_a_wait() {
        let limits = Limits::new(&config(true));
        let (ann, ben) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for _ in 0..20 {
            assert_eq!(limits.check_post(ann), Ok(()));
        }
        // Even a slow machine asks faster than five times a second.
        let refused = (0..100_000).find_map(|_| limits.check_post(ann).err());
        let RetryAfterMs(wait) = refused.expect("the burst is over");
        assert!((1..=200).contains(&wait), "{wait}");
        assert_eq!(limits.check_post(ben), Ok(()), "the limit is per sender");
    }

    #[test]
    fn the_eleventh_sign_in_of_an_account_is_refused_in_any_case_of_the_name() {
        let limits = Limits::new(&config(true));
        for _ in 0..10 {
            assert_eq!(check_login(&limits, "Mia", "192.0.2.1"), Ok(()));
        }
        assert!(check_login(&limits, "mia", "192.0.2.1").is_err());
        assert_eq!(check_login(&limits, "mia", "192.0.2.2"), Ok(()));
        assert_eq!(check_login(&limits, "ben", "192.0.2.1"), Ok(()));
    }

    #[test]
    fn sign_ins_of_an_address_are_limited_across_accounts() {
        let limits = Limits::new(&config(true));
        let refused = (0..200)
            .filter(|n| check_login(&limits, &format!("a{n}"), "192.0.2.1").is_err())
            .count();
        assert_eq!(refused, 100);
    }

    #[test]
    fn an_ipv6_network_shares_a_limit() {
        let limits = Limits::new(&config(true));
        for host in 1..=3 {
            assert_eq!(
                limits.check_open_room(ip(&format!("2001:db8::{host}"))),
                Ok(())
            );
        }
        assert!(limits.check_open_room(ip("2001:db8::ffff")).is_err());
        assert_eq!(limits.check_open_room(ip("2001:db8:0:1::1")), Ok(()));
    }

    #[test]
    fn nothing_is_limited_when_disabled() {
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
    fn sockets_are_counted_until_their_guard_is_dropped() {
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
            "no entry is left"
        );
    }
}
