//! Measures a Shoptalk server on this machine, as ratios to what the machine gives in the same
//! minute: `shoptalk-load SCENARIO`. Everything stays on loopback and is bounded in time.

mod bare;
mod clients;
mod compare;
mod conversations;
mod curves;
mod delivery_check;
mod peer;
mod raw;
mod report;
mod scenarios;
mod server;
mod texts;
mod wire;
mod wire_format;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

use compare::Compared;
use peer::Program;
use report::{Goal, Report};
use scenarios::{
    Setup, backups, burst, change_cost, everyday, fanout, history, idle, joined, lobby, open,
    pairs, rates, soak, store, stored, storm, talk,
};
use server::Target;

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// The server's binary; beside this program when left out.
    #[arg(long, global = true)]
    binary: Option<PathBuf>,
    /// Measures a server that runs already, such as 127.0.0.1:8001, instead of the binary. Its
    /// limits must be off (limits.enabled = false), and its data is written to. Scenarios with
    /// consoles take the agent from SHOPTALK_LOAD_AGENT, as NAME:PASSWORD. What needs the
    /// server's process (memory, kills, full databases) is not measured.
    #[arg(long, global = true, conflicts_with = "binary")]
    server: Option<SocketAddr>,
    /// Measures this other binary as well, in turns with the first, and puts both into one table.
    #[arg(long, global = true, conflicts_with = "server")]
    against: Option<PathBuf>,
    /// How often the two take turns.
    #[arg(long, global = true, default_value_t = 3)]
    turns: usize,
    /// Measures the peer (load/peer) as well, in turns with Shoptalk, where a scenario has
    /// consoles. How it tells its consoles of the rooms: not at all, gathered for 250 ms, or each
    /// message to each.
    #[arg(long, global = true, value_name = "LOBBY", num_args = 0..=1, require_equals = true,
          default_missing_value = "none", value_parser = ["none", "batched", "each"])]
    peer: Option<String>,
    /// Where the peer and its packages are.
    #[arg(long, global = true, default_value = "load/peer")]
    peer_directory: PathBuf,
    /// Where databases are made, on the disk that is to be measured. Emptied afterwards.
    #[arg(long, global = true, default_value = ".")]
    scratch: PathBuf,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand, Clone)]
enum Scenario {
    /// All scenarios with the sizes of docs/performance.md; some minutes.
    Bench,
    /// Growth: cost against rooms, messages, subscribers and consoles, as SVG pictures.
    Curves {
        /// Where the pictures go.
        #[arg(long, default_value = "docs/images")]
        out: PathBuf,
        /// The largest database, in messages.
        #[arg(long, default_value_t = 1_000_000)]
        most: usize,
    },
    /// Closed loop: visitors who post as fast as their posts are acked, against raw inserts.
    Pairs {
        #[arg(long, default_value_t = 256)]
        rooms: usize,
        /// Raw inserts to a transaction.
        #[arg(long, default_value_t = 64)]
        batch: usize,
    },
    /// What agents at consoles experience: talk, joined, rates, everyday, change and burst with the sizes
    /// of docs/performance.md; some minutes.
    Consoles,
    /// Closed loop: pairs of a visitor and an agent at a console, who answer each other.
    Talk {
        #[arg(long, default_value_t = 50)]
        pairs: usize,
    },
    /// One room that many consoles have joined; one of them posts.
    Joined {
        #[arg(long, default_value_t = 100)]
        consoles: usize,
    },
    /// Fixed rates: customers and agents at consoles; the highest whose p99 stays below 100 ms.
    Rates {
        #[arg(long, default_value_t = 200)]
        rooms: usize,
        /// How often the highest rate is looked for.
        #[arg(long, default_value_t = 1)]
        rounds: usize,
    },
    /// An ordinary day of a shop: 10 consoles, 50 rooms, 20 messages a second.
    Everyday {
        /// Of ten seconds each.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// What a change of a room costs with 0, 1, 50 and 500 consoles.
    Change {
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Many rooms change at once before consoles.
    Burst {
        #[arg(long, default_value_t = 5_000)]
        rooms: usize,
        #[arg(long, default_value_t = 50)]
        consoles: usize,
    },
    /// Fixed rates: the highest whose p99 stays below 100 ms.
    Open {
        #[arg(long, default_value_t = 256)]
        rooms: usize,
    },
    /// One room with many subscribers, against a bare TCP server.
    Fanout {
        #[arg(long, default_value_t = 100)]
        subscribers: usize,
    },
    /// Consoles that watch many busy rooms.
    Lobby {
        #[arg(long, default_value_t = 1_000)]
        rooms: usize,
        #[arg(long, default_value_t = 1)]
        consoles: usize,
    },
    /// Memory of the process and of idle visitors.
    Idle {
        #[arg(long, default_value_t = 10_000)]
        visitors: usize,
    },
    /// All clients connect, the server is killed, and all connect again at once.
    Storm {
        #[arg(long, default_value_t = 10_000)]
        visitors: usize,
    },
    /// First pages of a room's history while others post.
    History {
        #[arg(long, default_value_t = 16)]
        posting: usize,
    },
    /// A full database: start, first pages, search, posting, disk.
    Stored {
        #[arg(long, default_value_t = 1_000_000)]
        messages: usize,
        #[arg(long, default_value_t = 100_000)]
        rooms: usize,
    },
    /// Backups one after the other beside customers who post, against the same without backups.
    Backups {
        #[arg(long, default_value_t = 256)]
        senders: usize,
        /// Messages in the database.
        #[arg(long, default_value_t = 1_000_000)]
        messages: usize,
        /// How many backups are made.
        #[arg(long, default_value_t = 50)]
        backups: usize,
    },
    /// The store alone: processor time of the writer, log and disk a message; pages; the index.
    Store {
        #[arg(long, default_value_t = 256)]
        rooms: usize,
        /// Messages in the database when pages are read.
        #[arg(long, default_value_t = 1_000_000)]
        messages: usize,
        /// Seconds of a shop's everyday, 20 messages a second.
        #[arg(long, default_value_t = 20)]
        everyday: u64,
    },
    /// Posts without a pause: nothing lost, memory stays flat.
    Soak {
        #[arg(long, default_value_t = 64)]
        rooms: usize,
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
    #[command(hide = true)]
    Bare { how: bare::Bytes, bytes: usize },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    server::raise_open_files();
    // One thread: the server has the machine's other cores, as it would have with the load
    // coming from elsewhere.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> Result<()> {
    if let Scenario::Bare { how, bytes } = arguments.scenario {
        return bare::serve(bytes, how).await;
    }
    let beside = std::env::current_exe()?.with_file_name("shoptalk");
    let target = match arguments.server {
        Some(addr) => {
            ensure!(
                matches!(
                    arguments.scenario,
                    Scenario::Pairs { .. }
                        | Scenario::Open { .. }
                        | Scenario::Fanout { .. }
                        | Scenario::Lobby { .. }
                        | Scenario::History { .. }
                ),
                "this scenario starts and stops servers of its own: leave --server out, or \
                 measure pairs, open, fanout, lobby or history"
            );
            let agent = std::env::var("SHOPTALK_LOAD_AGENT").ok();
            let agent = agent.and_then(|agent| {
                let (name, password) = agent.split_once(':')?;
                Some((name.to_owned(), password.to_owned()))
            });
            ensure!(
                agent.is_some()
                    || !matches!(
                        arguments.scenario,
                        Scenario::Pairs { .. } | Scenario::Lobby { .. }
                    ),
                "this scenario has agents: name one in SHOPTALK_LOAD_AGENT, as NAME:PASSWORD"
            );
            Target::Running { addr, agent }
        }
        None => Target::Binary(arguments.binary.unwrap_or(beside)),
    };
    let peer = match &arguments.peer {
        Some(lobby) => match Program::find(&arguments.peer_directory, lobby) {
            Ok(program) => Some(program),
            Err(missing) => {
                eprintln!("The peer is left out: {missing}");
                None
            }
        },
        None => None,
    };
    let setup = |target: &Target| Setup {
        target: target.clone(),
        peer: peer.clone(),
        scratch: arguments.scratch.clone(),
        report: Report::default(),
    };
    let Some(against) = arguments.against else {
        let report = scenario(setup(&target), arguments.scenario).await?;
        report.print();
        return Ok(());
    };
    let mut compared = Compared::default();
    for _ in 0..arguments.turns {
        let first = scenario(setup(&target), arguments.scenario.clone()).await?;
        let other = setup(&Target::Binary(against.clone()));
        compared.add(first, scenario(other, arguments.scenario.clone()).await?);
    }
    compared.print();
    Ok(())
}

async fn scenario(mut setup: Setup, scenario: Scenario) -> Result<Report> {
    let it = &mut setup;
    match scenario {
        Scenario::Bench => all(it).await?,
        Scenario::Curves { out, most } => curves::draw(it, &out, most).await?,
        Scenario::Pairs { rooms, batch } => {
            pairs::durable(it, rooms, batch, 0.0).await?;
            pairs::pairs(it, rooms, Duration::from_secs(5)).await?;
        }
        Scenario::Consoles => at_consoles(it, 2).await?,
        Scenario::Talk { pairs } => talk::talk(it, pairs).await?,
        Scenario::Joined { consoles } => joined::joined(it, consoles).await?,
        Scenario::Rates { rooms, rounds } => rates::rates(it, rooms, rounds).await?,
        Scenario::Everyday { rounds } => everyday::everyday(it, rounds).await?,
        Scenario::Change { rounds } => change_cost::change_cost(it, rounds).await?,
        Scenario::Burst { rooms, consoles } => burst::burst(it, rooms, consoles).await?,
        Scenario::Open { rooms } => open::open(it, rooms).await?,
        Scenario::Fanout { subscribers } => {
            fanout::fanout(it, subscribers, Goal::AtLeast(0.8)).await?;
        }
        Scenario::Lobby { rooms, consoles } => {
            lobby::lobby(it, rooms, consoles).await?;
        }
        Scenario::Idle { visitors } => {
            idle::idle(it, visitors).await?;
        }
        Scenario::Storm { visitors } => storm::storm(it, visitors).await?,
        Scenario::History { posting } => history::history(it, posting).await?,
        Scenario::Stored { messages, rooms } => {
            stored::stored(it, messages, rooms).await?;
        }
        Scenario::Backups {
            senders,
            messages,
            backups: wanted,
        } => backups::backups(it, senders, messages, wanted).await?,
        Scenario::Store {
            rooms,
            messages,
            everyday,
        } => {
            let sizes = store::Sizes {
                rooms,
                stored: messages,
                everyday: Duration::from_secs(everyday),
            };
            store::store(it, sizes).await?;
        }
        Scenario::Soak { rooms, seconds } => {
            soak::soak(it, rooms, Duration::from_secs(seconds)).await?;
        }
        Scenario::Bare { .. } => {}
    }
    Ok(setup.report)
}

/// The figures of docs/performance.md that agents at consoles see.
async fn at_consoles(setup: &mut Setup, rounds: usize) -> Result<()> {
    for pairs in [1, 50, 500] {
        talk::talk(setup, pairs).await?;
    }
    joined::joined(setup, 100).await?;
    rates::rates(setup, 200, 1).await?;
    everyday::everyday(setup, rounds).await?;
    change_cost::change_cost(setup, 2 * rounds + 1).await?;
    burst::burst(setup, 5_000, 50).await
}

/// The figures of docs/performance.md.
async fn all(setup: &mut Setup) -> Result<()> {
    for (senders, batch, goal) in [
        (1, 1, 0.40),
        (16, 8, 0.80),
        (256, 64, 0.55),
        (1_000, 256, 0.35),
    ] {
        pairs::durable(setup, senders, batch, goal).await?;
    }
    pairs::pairs(setup, 256, Duration::from_secs(5)).await?;
    open::open(setup, 256).await?;
    fanout::fanout(setup, 100, Goal::AtLeast(0.8)).await?;
    lobby::lobby(setup, 1_000, 1).await?;
    at_consoles(setup, 1).await?;
    idle::idle(setup, 10_000).await?;
    storm::storm(setup, 10_000).await?;
    history::history(setup, 16).await?;
    stored::stored(setup, 1_000_000, 100_000).await?;
    soak::soak(setup, 64, Duration::from_secs(30)).await?;
    let Target::Binary(binary) = &setup.target else {
        return Ok(());
    };
    let binary = std::fs::metadata(binary).context("no binary")?.len() as f64 / 1e6;
    setup.report.add(
        "binary",
        "stripped, front ends included",
        binary,
        "MB",
        Goal::AtMost(15.0),
    );
    Ok(())
}
