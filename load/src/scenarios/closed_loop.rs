//! Closed loops: each client waits for its answer and posts again.

use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::bare::{Bare, Bytes};
use crate::clients::{self, Visitor};

/// What one round of a closed loop brought.
pub(crate) struct Round {
    pub(crate) acked: u64,
    pub(crate) per_second: f64,
    /// From a post to its ack, in microseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Round {
    /// Gathers what each task of a loop has measured, with what it gives back.
    async fn of<T: 'static>(
        mut tasks: JoinSet<Result<(T, Histogram<u64>)>>,
        started: Instant,
    ) -> Result<(Vec<T>, Self)> {
        let mut back = Vec::new();
        let mut latency = Histogram::<u64>::new(3)?;
        while let Some(finished) = tasks.join_next().await {
            let (one, own) = finished??;
            back.push(one);
            latency.add(own)?;
        }
        let acked = latency.len();
        let round = Self {
            acked,
            per_second: acked as f64 / started.elapsed().as_secs_f64(),
            latency,
        };
        Ok((back, round))
    }
}

/// Each customer posts as fast as it is answered.
pub(crate) async fn closed_loop(
    customers: Vec<Visitor>,
    time: Duration,
) -> Result<(Vec<Visitor>, Round)> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for mut customer in customers {
        tasks.spawn(async move {
            let mut latency = Histogram::<u64>::new(3)?;
            while started.elapsed() < time {
                let before = Instant::now();
                customer.send_post().await?;
                let acked = customer.next_ack().await?;
                latency.record(before.elapsed().as_micros() as u64)?;
                while customer.last_seq < acked {
                    customer.take_frame().await?;
                }
            }
            Ok((customer, latency))
        });
    }
    Round::of(tasks, started).await
}

/// Something else has its turn, and the customers only answer the server's pings meanwhile: who
/// does not is closed, and on a slow machine a turn may last longer than the server waits.
pub(crate) async fn meanwhile<T>(
    customers: Vec<Visitor>,
    turn: impl Future<Output = Result<T>>,
) -> Result<(Vec<Visitor>, T)> {
    let (over, _) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for mut customer in customers {
        let mut over = over.subscribe();
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    _ = over.wait_for(|over| *over) => return Ok(customer),
                    frame = customer.take_frame() => frame?,
                };
            }
        });
    }
    let outcome = turn.await?;
    over.send_replace(true);
    let back: Vec<Result<Visitor>> = tasks.join_all().await;
    Ok((back.into_iter().collect::<Result<_>>()?, outcome))
}

/// As many connections to a bare server, which answer a post with as many bytes as the measured
/// server: what the wire gives when there is no disk and nothing to decide.
pub(crate) struct Echo {
    streams: Vec<TcpStream>,
    bytes: usize,
    _bare: Bare,
}

impl Echo {
    pub(crate) async fn start(bytes: usize, connections: usize) -> Result<Self> {
        let bare = Bare::start(bytes, Bytes::Echoed).await?;
        let mut streams = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = TcpStream::connect(bare.addr).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        Ok(Self {
            streams,
            bytes,
            _bare: bare,
        })
    }

    /// Each connection posts as fast as it is answered.
    pub(crate) async fn run(&mut self, time: Duration) -> Result<Round> {
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for mut stream in self.streams.drain(..) {
            let mut reply = vec![0; self.bytes];
            tasks.spawn(async move {
                let mut latency = Histogram::<u64>::new(3)?;
                while started.elapsed() < time {
                    let before = Instant::now();
                    stream.write_all(&clients::typical_frame()).await?;
                    stream.read_exact(&mut reply).await?;
                    latency.record(before.elapsed().as_micros() as u64)?;
                }
                Ok((stream, latency))
            });
        }
        let (streams, round) = Round::of(tasks, started).await?;
        self.streams = streams;
        Ok(round)
    }
}
