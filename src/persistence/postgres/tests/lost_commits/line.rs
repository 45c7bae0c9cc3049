//! The connections between a store and PostgreSQL, on which one COMMIT can be lost.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// What becomes of a COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// PostgreSQL never gets it.
    NeverArrives,
    /// PostgreSQL commits, and nobody hears of it.
    ReplyIsLost,
    /// The connection is gone, and PostgreSQL gets it once somebody asks on another one what has
    /// become of it, or has given it up.
    ArrivesLate,
}

/// Passes on what a store and PostgreSQL send each other. It works in threads of its own, which end
/// with their connections.
pub(super) struct Line {
    pub(super) port: u16,
    plan: Arc<Plan>,
}

#[derive(Default)]
struct Plan {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Of the next COMMIT of a lane.
    fate: Option<Fate>,
    /// A late one may arrive.
    may_arrive: bool,
    /// PostgreSQL has done with the connection whose COMMIT was lost.
    is_over: bool,
}

impl Line {
    /// A line to the PostgreSQL at this port.
    pub(super) fn to(postgres: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let plan = Arc::new(Plan::default());
        let plans = Arc::clone(&plan);
        std::thread::spawn(move || {
            for store in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, postgres)) else {
                    continue;
                };
                // Messages are small, and each waits for the reply to the one before.
                for end in [&store, &server] {
                    end.set_nodelay(true).expect("it is connected");
                }
                let connection = Arc::new(Connection {
                    store,
                    server,
                    plan: Arc::clone(&plans),
                    is_lost: AtomicBool::new(false),
                });
                let down = Arc::clone(&connection);
                std::thread::spawn(move || down.pass_down());
                std::thread::spawn(move || connection.pass_up());
            }
        });
        Self { port, plan }
    }

    /// The next COMMIT of a write is lost.
    pub(super) fn lose_next_commit(&self, fate: Fate) {
        *self.plan.lock() = State {
            fate: Some(fate),
            ..State::default()
        };
    }

    /// Waits until PostgreSQL has done with the lost COMMIT. A late one arrives now at the latest.
    pub(super) fn wait_until_over(&self) {
        self.plan.set(|state| state.may_arrive = true);
        self.plan.wait_for(|state| state.is_over);
    }
}

impl Plan {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait_for(&self, condition: impl Fn(&State) -> bool) {
        let state = self.lock();
        let waited = self.changed.wait_while(state, |state| !condition(state));
        drop(waited.expect("nobody panics with it"));
    }
}

struct Connection {
    store: TcpStream,
    server: TcpStream,
    plan: Arc<Plan>,
    /// Nothing reaches the store any more.
    is_lost: AtomicBool,
}

impl Connection {
    /// Passes on what the store sends, a message at a time.
    fn pass_up(&self) {
        let mut is_lane = false;
        let mut is_first = true;
        while let Ok(message) = read_message(&self.store, is_first) {
            is_first = false;
            // Statements are prepared on the connection that runs them.
            is_lane |= contains(&message, b"UPDATE slots SET change");
            if contains(&message, b"UPDATE slots SET fence = fence + 1") {
                self.plan.set(|state| state.may_arrive = true);
            }
            if is_lane
                && message.ends_with(b"COMMIT\0")
                && let Some(fate) = { self.plan.lock().fate.take() }
            {
                return self.lose(&message, fate);
            }
            if (&self.server).write_all(&message).is_err() {
                break;
            }
        }
        let _ = self.server.shutdown(Shutdown::Both);
    }

    fn lose(&self, commit: &[u8], fate: Fate) {
        self.is_lost.store(true, Ordering::SeqCst);
        match fate {
            Fate::NeverArrives => {
                let _ = self.server.shutdown(Shutdown::Both);
            }
            Fate::ReplyIsLost => {
                let _ = (&self.server).write_all(commit);
            }
            Fate::ArrivesLate => {
                let _ = self.store.shutdown(Shutdown::Both);
                self.plan.wait_for(|state| state.may_arrive);
                let _ = (&self.server).write_all(commit);
                let _ = self.server.shutdown(Shutdown::Write);
            }
        }
    }

    /// Passes on what PostgreSQL sends, except for the reply to a COMMIT that is lost.
    fn pass_down(&self) {
        let mut lost = Vec::new();
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = (&self.server).read(&mut buffer) {
            if !self.is_lost.load(Ordering::SeqCst) {
                let _ = (&self.store).write_all(&buffer[..count]);
                continue;
            }
            lost.extend_from_slice(&buffer[..count]);
            if contains(&lost, b"COMMIT\0") {
                break;
            }
        }
        let _ = self.store.shutdown(Shutdown::Both);
        if self.is_lost.load(Ordering::SeqCst) {
            self.plan.set(|state| state.is_over = true);
        }
    }
}

/// A message as clients of PostgreSQL send it: a letter, except for the first, and the length of the
/// rest.
fn read_message(mut from: &TcpStream, is_first: bool) -> io::Result<Vec<u8>> {
    let mut message = vec![0; if is_first { 4 } else { 5 }];
    from.read_exact(&mut message)?;
    let (_, length) = message.split_last_chunk().expect("it has four bytes");
    let rest = u32::from_be_bytes(*length) as usize - 4;
    let head = message.len();
    message.resize(head + rest, 0);
    from.read_exact(&mut message[head..])?;
    Ok(message)
}

fn contains(bytes: &[u8], searched: &[u8]) -> bool {
    bytes
        .windows(searched.len())
        .any(|window| window == searched)
}
