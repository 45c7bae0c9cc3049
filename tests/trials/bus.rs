//! G4: what nodes hear of each other while the bus between them is bad, or away.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shoptalk::bus::memory::{MemoryBus, Unreliability};
use shoptalk_local_servers::{Nats, unless_missing};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::timeout;

use crate::common::{Nodes, Socket, Visitor};
use crate::proxy::{Line as ProxyLine, Proxy};
use crate::report::{Form, Line};

const NODES: usize = 3;
/// Longer than a trial lasts.
const NEVER: Duration = Duration::from_secs(3_600);
/// The promise: when a message is shown on another node, at the latest.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);
/// As [`SHOWN_WITHIN`], for 99 of 100.
const MOSTLY_WITHIN: Duration = Duration::from_secs(1);

/// A bus that loses and duplicates a third, and delivers up to two seconds late.
pub(crate) async fn unreliable(form: Form, line: Line) -> Result<()> {
    let bursts = form.pick(20, 500);
    let bad = Unreliability {
        lost_percent: 30,
        duplicated_percent: 30,
        late: Duration::from_secs(2),
    };
    let nodes = Nodes::start(NODES, Some(MemoryBus::new(bad, form.seed))).await;
    let nodes = nodes.context("PostgreSQL is not installed")?;
    let mut conversation = Conversation::start(&nodes, 2 * bursts).await;
    let mut random = StdRng::seed_from_u64(form.seed);
    for _ in 0..bursts {
        conversation.post().await;
        conversation.post().await;
        // The next ones would show that these are missing.
        pause(&mut random).await;
    }
    let delays = conversation.delays().await?;
    report(
        form,
        &line,
        &format!("{NODES} nodes on a bus with 30 % lost, 30 % doubled, up to 2 s late"),
        &delays,
    )
}

/// NATS that is cut off again and again: by a reset, by silence, or until it is reached again.
pub(crate) async fn cut_nats(form: Form, line: Line) -> Result<()> {
    let cuts = form.pick(3, 100);
    let nats = block_in_place(|| unless_missing(Nats::start()));
    let nats = nats.context("NATS is not installed")?;
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, nats.port()).into();
    let proxy = Proxy::before(address).await?;
    let nodes = Nodes::start_on_nats(NODES, &format!("nats://{}", proxy.addr)).await;
    let nodes = nodes.context("PostgreSQL is not installed")?;
    let mut conversation = Conversation::start(&nodes, 4 * cuts).await;
    let mut random = StdRng::seed_from_u64(form.seed);
    // Nobody listens there.
    let nowhere: SocketAddr = (Ipv4Addr::LOCALHOST, 1).into();
    for cut in 0..cuts {
        conversation.post().await;
        match cut % 3 {
            0 => proxy.set(ProxyLine::Cut),
            1 => proxy.set(ProxyLine::Silent),
            _ => proxy.lead_to(nowhere),
        }
        conversation.post().await;
        pause(&mut random).await;
        conversation.post().await;
        match cut % 3 {
            0 => {}
            1 => proxy.set(ProxyLine::Good),
            _ => proxy.lead_to(address),
        }
        conversation.post().await;
        pause(&mut random).await;
    }
    let delays = conversation.delays().await?;
    report(
        form,
        &line,
        &format!("NATS between {NODES} nodes cut {cuts} times"),
        &delays,
    )
}

/// The control: when a node does not look at the database by itself and the bus has lost what it
/// should have received, it shows nothing.
pub(crate) async fn without_the_poll(form: Form, line: Line) -> Result<()> {
    let all_lost = Unreliability {
        lost_percent: 100,
        ..Unreliability::default()
    };
    let bus = MemoryBus::new(all_lost, form.seed);
    let nodes = Nodes::start(2, Some(bus)).await;
    let nodes = nodes.context("PostgreSQL is not installed")?;
    let visitor = Visitor::named(nodes.at(0), "Ann").await;
    let mut customer = visitor.online().await;
    let mut other_tab = visitor.on(nodes.at(1)).online().await;
    nodes.at(1).server().set_cut_off_after(NEVER);
    // The first may end with the poll that was due; after the second none is left.
    nodes.at(1).poll_every(NEVER).await;
    nodes.at(1).poll_every(NEVER).await;
    customer.post("hello").await;
    let shown = timeout(SHOWN_WITHIN, other_tab.expect("message")).await;
    let without = shown.is_ok();
    nodes.at(1).poll_every(Duration::from_millis(100)).await;
    if !without {
        other_tab.expect("message").await;
    }
    line.figure(
        "*control*: without the poll, a message that the bus has lost",
        if without {
            "shown"
        } else {
            "not shown within 2 s, and shown once the poll is back"
        },
        "not shown",
        !without,
    )
}

async fn pause(random: &mut StdRng) {
    tokio::time::sleep(Duration::from_millis(random.random_range(0..700))).await;
}

fn report(form: Form, line: &Line, figure: &str, delays: &[Duration]) -> Result<()> {
    let at = |part: f64| delays[((delays.len() - 1) as f64 * part) as usize];
    let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
    line.figure(
        figure,
        format!(
            "{} messages, each shown once and in order on 2 other nodes, after their ack by \
             p50 {p50:.0?}, p99 {p99:.0?}, at most {max:.0?}",
            delays.len() / (NODES - 1)
        ),
        "p99 ≤ 1 s, at most 2 s",
        !form.long || (p99 <= MOSTLY_WITHIN && max <= SHOWN_WITHIN),
    )
}

/// A customer who posts on the first node, with another tab on each other node.
struct Conversation {
    customer: Socket,
    acked: Vec<Instant>,
    messages: usize,
    tabs: Vec<JoinHandle<Result<Vec<Instant>>>>,
}

impl Conversation {
    async fn start(nodes: &Nodes, messages: usize) -> Self {
        let visitor = Visitor::named(nodes.at(0), "Ann").await;
        let mut tabs = Vec::new();
        for node in 1..NODES {
            let socket = visitor.on(nodes.at(node)).online().await;
            tabs.push(tokio::spawn(read(socket, messages)));
        }
        Self {
            customer: visitor.online().await,
            acked: Vec::new(),
            messages,
            tabs,
        }
    }

    async fn post(&mut self) {
        self.customer.post("hello").await;
        self.customer.take_inbox();
        self.acked.push(Instant::now());
    }

    /// From each ack to the message in each other tab, the shortest first.
    async fn delays(self) -> Result<Vec<Duration>> {
        ensure!(self.acked.len() == self.messages, "not all were posted");
        let mut delays = Vec::new();
        for tab in self.tabs {
            let shown = tab.await??;
            let both = shown.into_iter().zip(&self.acked);
            delays.extend(both.map(|(shown, acked)| shown.saturating_duration_since(*acked)));
        }
        delays.sort_unstable();
        Ok(delays)
    }
}

/// When each message came, of which none may be missing or come twice.
async fn read(mut socket: Socket, messages: usize) -> Result<Vec<Instant>> {
    let mut shown = Vec::new();
    while shown.len() < messages {
        let frame = socket.expect("message").await;
        let due = shown.len() + 1;
        ensure!(frame["message"]["seq"] == due, "{due} was due: {frame}");
        shown.push(Instant::now());
        socket.take_inbox();
    }
    Ok(shown)
}
