//! A node among others that share its store.
//!
//! The store says what is true; [`follower`] looks at what other nodes have committed, and passes
//! it to the rooms and to the lobby as if it had been done here. [`notices`] is what nodes publish
//! on the bus, so that they need not wait for the next look. Without other nodes (SQLite) none of
//! this runs.
//!
//! Read next: `follower.rs`.

mod awaited;
mod cut_off;
pub(crate) mod follower;
mod metrics;
pub(crate) mod notices;
mod presence;
mod viewers;

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) use self::cut_off::CutOffAfter;
use self::follower::Follower;
pub(crate) use self::metrics::ClusterMetrics;
use self::notices::{Node, Notice};
use crate::actors::{LobbyHandle, Presence, Rooms, Typing};
use crate::bus::{Bus, Publisher};
use crate::persistence::{SlotCommit, Store};

/// How often the store is looked at while the bus is up, and while there is none.
const POLL_WITH_BUS: Duration = Duration::from_millis(500);
/// As [`POLL_WITH_BUS`], without one.
const POLL_WITHOUT_BUS: Duration = Duration::from_millis(100);

/// What a node needs.
pub(crate) struct ClusterParts {
    pub(crate) store: Store,
    pub(crate) rooms: Rooms,
    pub(crate) lobby: LobbyHandle,
    pub(crate) presence: Presence,
    pub(crate) presence_grace: Duration,
    pub(crate) bus: Bus,
    pub(crate) cut_off_after: CutOffAfter,
    pub(crate) metrics: ClusterMetrics,
    pub(crate) drain: CancellationToken,
}

/// Starts following the other nodes, and publishing for them. The receiver holds whether the database
/// has been away for so long that sockets must not be open.
pub(crate) fn start(parts: ClusterParts) -> watch::Receiver<bool> {
    let ClusterParts {
        store,
        rooms,
        lobby,
        presence,
        presence_grace,
        bus,
        cut_off_after,
        metrics,
        drain,
    } = parts;
    let node = Node::new();
    if let Some(commits) = store.own_commits() {
        let publishing = publish(commits, bus.publisher(), node, metrics.clone());
        tokio::spawn(drain.clone().run_until_cancelled_owned(publishing));
    }
    if let Some(typing) = rooms.typing_here().filter(|_| bus.is_there()) {
        let publishing = publish_typing(typing, bus.publisher(), node, metrics.clone());
        tokio::spawn(drain.clone().run_until_cancelled_owned(publishing));
    }
    if bus.is_there() {
        let publishing = viewers::publish(rooms.viewers(), bus.publisher(), node, metrics.clone());
        tokio::spawn(drain.clone().run_until_cancelled_owned(publishing));
        let forgetting = viewers::forget_silent(rooms.clone());
        tokio::spawn(drain.clone().run_until_cancelled_owned(forgetting));
    }
    let polling = adapt_poll(
        store.clone(),
        rooms.clone(),
        bus.is_there().then(|| bus.up()),
        metrics.clone(),
    );
    tokio::spawn(drain.clone().run_until_cancelled_owned(polling));
    let own = presence::store_own(store.clone(), presence.clone());
    tokio::spawn(drain.clone().run_until_cancelled_owned(own));
    let others = presence::follow(store.clone(), presence, presence_grace);
    tokio::spawn(drain.clone().run_until_cancelled_owned(others));
    let (cut_off, receiver) = watch::channel(false);
    let watching = cut_off::watch(store.clone(), cut_off_after, cut_off, metrics.clone());
    tokio::spawn(drain.clone().run_until_cancelled_owned(watching));
    let follower = Follower::new(store, rooms, lobby, node, metrics);
    tokio::spawn(drain.run_until_cancelled_owned(follower.run(bus)));
    receiver
}

/// Publishes what this node commits.
async fn publish(
    mut commits: tokio::sync::mpsc::Receiver<SlotCommit>,
    publisher: Publisher,
    node: Node,
    metrics: ClusterMetrics,
) {
    while let Some(commit) = commits.recv().await {
        if publisher.is_connected() {
            notices::publish(&publisher, node, Notice::Committed(commit), &metrics);
        }
    }
}

/// Publishes who types here.
async fn publish_typing(
    mut typing: tokio::sync::mpsc::Receiver<Typing>,
    publisher: Publisher,
    node: Node,
    metrics: ClusterMetrics,
) {
    while let Some(typing) = typing.recv().await {
        notices::publish(&publisher, node, Notice::Typing(typing), &metrics);
    }
}

/// Looks more often while the bus is away, and tells the rooms whether notices come.
async fn adapt_poll(
    store: Store,
    rooms: Rooms,
    up: Option<watch::Receiver<bool>>,
    metrics: ClusterMetrics,
) {
    let Some(mut up) = up else {
        return store.poll(Some(POLL_WITHOUT_BUS));
    };
    loop {
        let is_up = *up.borrow_and_update();
        metrics.bus_up.set(f64::from(u8::from(is_up)));
        rooms.set_notices_come(is_up);
        store.poll(Some(if is_up {
            POLL_WITH_BUS
        } else {
            POLL_WITHOUT_BUS
        }));
        if up.changed().await.is_err() {
            return;
        }
    }
}
