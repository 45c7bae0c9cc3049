//! The command line: what is measured, and how.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::bare::Bytes;

/// Measures a Shoptalk server on this machine, and what the machine itself can do in the same
/// minutes, so that the ratios can be compared with those of another machine.
///
/// A scenario starts the server as a process of its own, on a free port of loopback and with a new
/// database, and stops and deletes both at the end. It prints each figure with its unit as a line of JSON as
/// soon as it is measured, and all of them as a table at the end. docs/performance.md explains how
/// they are taken.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// The server's binary. The default is `shoptalk` in this program's directory.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
    /// Measures a server that already runs at this address, such as 127.0.0.1:8001, instead of
    /// starting one. Possible for pairs, open, fanout, lobby and history.
    ///
    /// The server has to run with limits.enabled = false. What a scenario writes stays in its
    /// database. Pairs and lobby need an agent: set SHOPTALK_LOAD_AGENT to NAME:PASSWORD.
    #[arg(long, global = true, conflicts_with = "binary", value_name = "ADDR")]
    pub(crate) server: Option<SocketAddr>,
    /// Compares two builds: also measures this binary, in turns with the first, and prints the
    /// medians of both and the median of the ratios per turn.
    #[arg(long, global = true, conflicts_with = "server", value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// With --against: how many turns each binary takes.
    #[arg(long, global = true, default_value_t = 3)]
    pub(crate) turns: usize,
    /// Also measures the peer, a Socket.IO server (load/peer), in turns with Shoptalk. Only talk,
    /// joined, rates and everyday do that.
    ///
    /// LOBBY is how the peer reports changed rooms to all consoles: none, batched (every 250 ms), or
    /// each (with every message).
    #[arg(long, global = true, value_name = "LOBBY", num_args = 0..=1, require_equals = true,
          default_missing_value = "none", value_parser = ["none", "batched", "each"])]
    pub(crate) peer: Option<String>,
    /// The directory of the peer, in which its packages are installed.
    #[arg(long, global = true, default_value = "load/peer", value_name = "DIR")]
    pub(crate) peer_directory: PathBuf,
    /// The directory in which databases are made. Choose one on the disk that is to be measured.
    #[arg(long, global = true, default_value = ".", value_name = "DIR")]
    pub(crate) scratch: PathBuf,
    #[command(subcommand)]
    pub(crate) scenario: Scenario,
}

#[derive(Subcommand, Clone)]
pub(crate) enum Scenario {
    /// Runs all scenarios with the sizes of docs/performance.md; takes about ten minutes.
    Bench,
    /// Runs what agents at consoles see with the sizes of docs/performance.md: talk, joined, rates,
    /// everyday, change and burst; takes some minutes.
    Consoles,
    /// Draws cost against rooms, messages, subscribers and consoles, as SVG pictures.
    Curves {
        /// The directory that the pictures are written to.
        #[arg(long, default_value = "docs/images", value_name = "DIR")]
        out: PathBuf,
        /// Messages in the largest database.
        #[arg(long, default_value_t = 1_000_000)]
        most: usize,
    },
    /// Measures messages a second: visitors who post again as soon as their post is acked, against
    /// raw inserts into SQLite; then the same with an agent in each room.
    Pairs {
        /// Rooms, each with one visitor who posts.
        #[arg(long, default_value_t = 256)]
        rooms: usize,
        /// Raw inserts in one transaction.
        #[arg(long, default_value_t = 64)]
        batch: usize,
    },
    /// Measures one node and three nodes that share PostgreSQL, in turns with raw inserts into the
    /// same tables, and the time of a message to another node. Starts PostgreSQL and NATS from the
    /// programs that are installed.
    Nodes {
        /// Customers who post.
        #[arg(long, default_value_t = 256)]
        senders: usize,
    },
    /// Measures messages a second and the time to the other side: a visitor and an agent at a
    /// console reply to each other.
    Talk {
        /// Visitors, each with an agent of their own.
        #[arg(long, default_value_t = 50)]
        pairs: usize,
    },
    /// Measures deliveries a second: many consoles have joined one room, and one of them posts.
    Joined {
        /// Consoles in the room.
        #[arg(long, default_value_t = 100)]
        consoles: usize,
    },
    /// Searches the highest rate at which the p99 stays below 100 ms, with visitors and agents at
    /// consoles who post at fixed times.
    Rates {
        /// Rooms, each with a visitor; the agents are at consoles.
        #[arg(long, default_value_t = 200)]
        rooms: usize,
        /// How many times the highest rate is searched.
        #[arg(long, default_value_t = 1)]
        rounds: usize,
    },
    /// Measures latencies and processor time on an ordinary day of a shop: 10 consoles, 50 rooms,
    /// 20 messages a second.
    Everyday {
        /// Rounds of ten seconds.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Measures the processor time of one change of a room with 0, 1, 50 and 500 consoles.
    Change {
        /// Rounds, each with every number of consoles.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Measures how long consoles take to show everything after many rooms have changed at once.
    Burst {
        /// Rooms that change.
        #[arg(long, default_value_t = 5_000)]
        rooms: usize,
        /// Consoles that show them.
        #[arg(long, default_value_t = 50)]
        consoles: usize,
    },
    /// Searches the highest rate at which the p99 of an ack stays below 100 ms, with visitors who
    /// post at fixed times.
    Open {
        /// Rooms, each with one visitor who posts.
        #[arg(long, default_value_t = 256)]
        rooms: usize,
    },
    /// Measures deliveries a second in one room with many subscribers, against a bare TCP server
    /// that writes the same bytes.
    Fanout {
        /// Subscribers of the room.
        #[arg(long, default_value_t = 100)]
        subscribers: usize,
    },
    /// Measures what consoles cost that watch many busy rooms, and how long they wait for a room's
    /// newest state.
    Lobby {
        /// Rooms with two messages a second each.
        #[arg(long, default_value_t = 1_000)]
        rooms: usize,
        /// Consoles that watch.
        #[arg(long, default_value_t = 1)]
        consoles: usize,
    },
    /// Measures the time of a start, the memory of the process, and the memory per idle visitor.
    Idle {
        /// Visitors who are connected and idle.
        #[arg(long, default_value_t = 10_000)]
        visitors: usize,
    },
    /// Measures how long it takes until all visitors are connected: first, and again at once after
    /// the server was killed.
    Storm {
        /// Visitors who connect.
        #[arg(long, default_value_t = 10_000)]
        visitors: usize,
    },
    /// Measures how long the newest page of a room takes while other visitors post.
    History {
        /// Visitors who post meanwhile.
        #[arg(long, default_value_t = 16)]
        posting: usize,
    },
    /// Measures a full database: start, newest pages, search, posting, size on disk.
    Stored {
        /// Messages in the database.
        #[arg(long, default_value_t = 1_000_000)]
        messages: usize,
        /// Rooms that the messages are in.
        #[arg(long, default_value_t = 100_000)]
        rooms: usize,
    },
    /// Measures a full database in PostgreSQL: start, newest pages, search, lists with their filters,
    /// consoles that come back, posting, size on disk. Starts PostgreSQL from the programs that are
    /// installed.
    StoredPostgres {
        /// Messages in the database.
        #[arg(long, default_value_t = 1_000_000)]
        messages: usize,
        /// Rooms that the messages are in.
        #[arg(long, default_value_t = 100_000)]
        rooms: usize,
    },
    /// Measures posting beside backups that are made one after the other, against posting without
    /// backups.
    Backups {
        /// Rooms, each with one visitor who posts.
        #[arg(long, default_value_t = 256)]
        senders: usize,
        /// Messages in the database.
        #[arg(long, default_value_t = 1_000_000)]
        messages: usize,
        /// Backups to make.
        #[arg(long, default_value_t = 50)]
        backups: usize,
    },
    /// Measures posting beside reports over all stored messages, against posting without reports.
    Reports {
        /// Rooms, each with one visitor who posts.
        #[arg(long, default_value_t = 256)]
        senders: usize,
        /// Messages in the database.
        #[arg(long, default_value_t = 1_000_000)]
        messages: usize,
        /// Reports to make.
        #[arg(long, default_value_t = 8)]
        reports: usize,
    },
    /// Measures posting on a server that rings devices and sends mail, in turns with posting on one
    /// that does not.
    Notifications {
        /// Rooms, each with one visitor who posts.
        #[arg(long, default_value_t = 64)]
        senders: usize,
        /// Turns of five seconds of each server.
        #[arg(long, default_value_t = 6)]
        rounds: usize,
    },
    /// Measures the store without a server: processor time, log and disk per message; the time of a
    /// page; the text index.
    Store {
        /// Rooms that are written to.
        #[arg(long, default_value_t = 256)]
        rooms: usize,
        /// Messages in the database when pages are read.
        #[arg(long, default_value_t = 1_000_000)]
        messages: usize,
        /// Seconds with 20 messages a second.
        #[arg(long, default_value_t = 20)]
        everyday: u64,
    },
    /// Posts for a long time, and reports lost messages and the growth of the memory.
    Soak {
        /// Rooms, each with one visitor who posts.
        #[arg(long, default_value_t = 64)]
        rooms: usize,
        /// How long, in seconds.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
    /// The bare TCP server that other scenarios compare with.
    #[command(hide = true)]
    Bare { how: Bytes, bytes: usize },
}

impl Scenario {
    /// Whether it can measure a server that it has not started.
    pub(crate) fn takes_running_server(&self) -> bool {
        self.needs_agent()
            || matches!(
                self,
                Self::Open { .. } | Self::Fanout { .. } | Self::History { .. }
            )
    }

    /// Whether an agent has to sign in to a server that runs already.
    pub(crate) fn needs_agent(&self) -> bool {
        matches!(self, Self::Pairs { .. } | Self::Lobby { .. })
    }
}
