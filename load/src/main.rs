//! Measures a Shoptalk server on this machine, as ratios to what the machine gives in the same
//! minute: `shoptalk-load SCENARIO`. Everything stays on loopback and is bounded in time.

mod arguments;
mod bare;
mod clients;
mod compare;
mod conversations;
mod curves;
mod delivery_check;
mod peer;
mod raw;
mod raw_postgres;
mod receivers;
mod report;
mod scenarios;
mod server;
mod texts;
mod wire;
mod wire_format;

use std::time::Duration;

use anyhow::{Context, Result};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use arguments::{Arguments, Scenario};
use compare::Compared;
use peer::Program;
use report::{Goal, Report};
use scenarios::{
    Setup, backups, burst, change_cost, everyday, fanout, history, idle, joined, lobby, nodes,
    notifications, open, pairs, rates, reports, soak, store, stored, stored_postgres, storm, talk,
};
use server::Target;

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
    let target = target(&arguments)?;
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

/// The server that is measured: a binary that each scenario starts, or one that runs already.
fn target(arguments: &Arguments) -> Result<Target> {
    let Some(addr) = arguments.server else {
        let binary = match &arguments.binary {
            Some(binary) => binary.clone(),
            None => std::env::current_exe()?.with_file_name("shoptalk"),
        };
        return Ok(Target::Binary(binary));
    };
    if !arguments.scenario.takes_running_server() {
        refuse(
            "this scenario starts and stops servers of its own: leave --server out, or measure \
             pairs, open, fanout, lobby or history",
        );
    }
    let agent = std::env::var("SHOPTALK_LOAD_AGENT").ok();
    let agent = agent.and_then(|agent| {
        let (name, password) = agent.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    });
    if agent.is_none() && arguments.scenario.needs_agent() {
        refuse("this scenario has agents: name one in SHOPTALK_LOAD_AGENT, as NAME:PASSWORD");
    }
    Ok(Target::Running { addr, agent })
}

/// Ends the program as clap does for wrong arguments.
fn refuse(why: &str) -> ! {
    let kind = ErrorKind::ArgumentConflict;
    Arguments::command().error(kind, why).exit()
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
        Scenario::Nodes { senders } => nodes::nodes(it, senders).await?,
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
        Scenario::StoredPostgres { messages, rooms } => {
            stored_postgres::stored_postgres(it, messages, rooms).await?;
        }
        Scenario::Backups {
            senders,
            messages,
            backups: wanted,
        } => backups::backups(it, senders, messages, wanted).await?,
        Scenario::Reports {
            senders,
            messages,
            reports: wanted,
        } => reports::reports(it, senders, messages, wanted).await?,
        Scenario::Notifications { senders, rounds } => {
            notifications::notifications(it, senders, rounds).await?;
        }
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
