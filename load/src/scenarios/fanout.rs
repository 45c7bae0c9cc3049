use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Setup;
use crate::bare::{Bare, Bytes};
use crate::clients::{OpenRoom, Visitor};
use crate::delivery_check::DeliveryCheck;
use crate::report::{Goal, median};
use crate::server::Server;
use crate::texts;
use crate::wire::frame_into;

/// Subscribers that also post, as fast as their posts are acked.
const SENDERS: usize = 16;
/// Posts of one of them that may be without an ack.
const WINDOW: usize = 16;
const SLICE: Duration = Duration::from_millis(1_500);
const ROUNDS: usize = 5;

/// One room with many subscribers, in turns with a bare server that writes the same bytes to as many.
pub(crate) async fn fanout(setup: &mut Setup, subscribers: usize, goal: Goal) -> Result<f64> {
    let dir = setup.directory()?;
    let server = Server::start(&setup.target, dir.path()).await?;
    let process = server.process()?;
    let check = Arc::new(DeliveryCheck::default());
    let room = OpenRoom::open(&server.client()).await?;
    let delivered = Arc::new(AtomicU64::new(0));
    let frame_bytes = Arc::new(AtomicU64::new(0));
    let (go, going) = watch::channel(false);
    let mut readers = JoinSet::new();
    for number in 0..subscribers {
        let customer = Visitor::connect(server.addr, room.clone(), 0, check.clone()).await?;
        let (delivered, frame_bytes) = (delivered.clone(), frame_bytes.clone());
        let going = (number < SENDERS).then(|| going.clone());
        readers.spawn(subscribe(customer, delivered, frame_bytes, going));
    }
    let mut sender = Visitor::connect(server.addr, room, 0, check.clone()).await?;
    // Fills the room's first messages, and tells how long a frame is.
    sender.post_typical().await?;
    while delivered.load(Ordering::Relaxed) < subscribers as u64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(sender);
    let bytes = frame_bytes.load(Ordering::Relaxed) as usize;
    let mut plain = Plain::start(bytes, subscribers, Bytes::FannedOut).await?;
    let mut gathered = Plain::start(bytes, subscribers, Bytes::Gathered).await?;
    let (mut rounds, mut cpu, mut sent) = (Vec::new(), 0.0, 0.0);
    for _ in 0..ROUNDS {
        let (before, cpu_before) = (delivered.load(Ordering::Relaxed), process.cpu_seconds()?);
        let started = Instant::now();
        go.send_replace(true);
        tokio::time::sleep(SLICE).await;
        go.send_replace(false);
        let served = (delivered.load(Ordering::Relaxed) - before) as f64;
        let rate = served / started.elapsed().as_secs_f64();
        cpu += process.cpu_seconds()? - cpu_before;
        sent += served;
        // What was on its way when time was up.
        let mut before = u64::MAX;
        while before != delivered.load(Ordering::Relaxed) {
            before = delivered.load(Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        rounds.push([rate, plain.round().await?, gathered.round().await?]);
    }
    let middle = |of: fn(&[f64; 3]) -> f64| median(rounds.iter().map(of).collect());
    let report = &mut setup.report;
    let name = |what: &str| format!("{subscribers} subscribers: {what}");
    report.add(
        "fanout",
        name("deliveries"),
        middle(|round| round[0]),
        "/s",
        Goal::None,
    );
    report.add(
        "fanout",
        name("a bare TCP server, one write per message"),
        middle(|round| round[1]),
        "/s",
        Goal::None,
    );
    report.add(
        "fanout",
        name("ratio"),
        middle(|round| round[0] / round[1]),
        "",
        goal,
    );
    report.add(
        "fanout",
        name("a bare TCP server that batches writes"),
        middle(|round| round[2]),
        "/s",
        Goal::None,
    );
    let each = cpu / sent * 1e6;
    report.add(
        "fanout",
        name("server CPU per delivery"),
        each,
        "µs",
        Goal::None,
    );
    report.check("fanout", &check);
    readers.abort_all();
    server.stop().await.context("the fan-out's server")?;
    Ok(each)
}

/// A bare server with its subscribers, who read as the sockets' client does, and no more.
struct Plain {
    sender: TcpStream,
    post: Vec<u8>,
    /// Of one delivery, and of one answer to the sender.
    whole: usize,
    ack_bytes: usize,
    in_flight: usize,
    delivered: Arc<AtomicU64>,
    _bare: Bare,
    _readers: JoinSet<Result<()>>,
}

impl Plain {
    async fn start(bytes: usize, subscribers: usize, how: Bytes) -> Result<Self> {
        let bare = Bare::start(bytes, how).await?;
        let mut sender = TcpStream::connect(bare.addr).await?;
        sender.set_nodelay(true)?;
        let delivered = Arc::new(AtomicU64::new(0));
        let mut readers = JoinSet::new();
        for _ in 0..subscribers {
            let mut stream = TcpStream::connect(bare.addr).await?;
            let delivered = delivered.clone();
            readers.spawn(async move {
                let mut buffer = vec![0; 2 * 1024];
                loop {
                    let read = stream.read(&mut buffer).await?;
                    if read == 0 {
                        return Ok(());
                    }
                    delivered.fetch_add(read as u64, Ordering::Relaxed);
                }
            });
        }
        // All are accepted before the sender's first byte is looked at.
        tokio::time::sleep(Duration::from_millis(200)).await;
        sender.write_all(b"!").await?;
        let mut post = Vec::new();
        frame_into(&mut post, texts::TYPICAL.as_bytes());
        Ok(Self {
            sender,
            post,
            whole: bytes + if bytes > 125 { 4 } else { 2 },
            ack_bytes: 2 + "{\"type\":\"ack\"}".len(),
            in_flight: WINDOW * SENDERS.min(subscribers),
            delivered,
            _bare: bare,
            _readers: readers,
        })
    }

    /// Deliveries a second.
    async fn round(&mut self) -> Result<f64> {
        let before = self.delivered.load(Ordering::Relaxed);
        let started = Instant::now();
        let posts = self.post.repeat(self.in_flight);
        let mut acks = vec![0; self.in_flight * self.ack_bytes];
        while started.elapsed() < SLICE {
            self.sender.write_all(&posts).await?;
            self.sender.read_exact(&mut acks).await?;
        }
        let bytes = self.delivered.load(Ordering::Relaxed) - before;
        Ok(bytes as f64 / self.whole as f64 / started.elapsed().as_secs_f64())
    }
}

/// Reads forever, and sends while it may.
async fn subscribe(
    mut customer: Visitor,
    delivered: Arc<AtomicU64>,
    frame_bytes: Arc<AtomicU64>,
    mut going: Option<watch::Receiver<bool>>,
) -> Result<()> {
    let mut in_flight = 0;
    loop {
        if let Some(going) = &mut going
            && *going.borrow_and_update()
        {
            while in_flight < WINDOW {
                customer.send_post().await?;
                in_flight += 1;
            }
        }
        let before = customer.last_seq;
        let acked = tokio::select! {
            acked = customer.take_frame() => acked?,
            Some(_) = changed(&mut going) => continue,
        };
        if acked.is_some() {
            in_flight -= 1;
        }
        if customer.last_seq > before {
            delivered.fetch_add(customer.last_seq - before, Ordering::Relaxed);
            frame_bytes.store(customer.wire.last().len() as u64, Ordering::Relaxed);
        }
    }
}

async fn changed(going: &mut Option<watch::Receiver<bool>>) -> Option<()> {
    going.as_mut()?.changed().await.ok()
}
