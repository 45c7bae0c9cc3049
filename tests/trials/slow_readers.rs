//! P8: readers that stop harm themselves alone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::common::json;
use crate::history::View;
use crate::live_line::LiveLine;
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::shop::{Room, overflows, sockets_open};

/// Clients that stop reading in a busy room.
pub(crate) async fn slow_readers(form: Form, line: Line) -> Result<()> {
    let readers = form.pick(60, 1_000);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let rest = server.rest();
    let room = Room::open(&rest).await?;
    let mut view = View::default();
    let mut watcher = LiveLine::open(server.addr, room.id, &room.token, &mut view)
        .await?
        .context("no server")?;
    let mut sockets = Vec::new();
    for _ in 0..readers {
        sockets.push(stalled(server.addr, &room).await?);
    }
    let before = server.resident()?;
    let open = sockets_open(&rest).await?;
    ensure!(open > readers, "{open} sockets");
    // As long as nobody is full, each message waits once for all, beside what the kernel holds.
    let text = "x".repeat(8_000);
    let mut most = before;
    let mut posts = 0;
    let (full_at, held) = loop {
        room.post(&rest, &text).await?;
        while view.last() < posts + 1 {
            watcher.next(&mut view).await?.context("cut")?;
        }
        posts += 1;
        most = most.max(server.resident()?);
        if overflows(&rest).await? > 0 {
            break (Instant::now(), posts);
        }
        ensure!(posts < 2_000, "nobody is ever full");
    };
    // Half of them read again now, and are told why they are sent away.
    let mut listening = JoinSet::new();
    for mut socket in sockets.drain(..readers / 2) {
        listening.spawn(async move { close_code(&mut socket).await.ok() });
    }
    // From the first one that is full, all are, as all got the same.
    loop {
        room.post(&rest, &text).await?;
        posts += 1;
        while view.last() < posts {
            watcher.next(&mut view).await?.context("cut")?;
        }
        if sockets_open(&rest).await? <= 1 {
            break;
        }
        most = most.max(server.resident()?);
        ensure!(
            full_at.elapsed() < Duration::from_secs(10),
            "{} of {readers} are still there after 10 s",
            sockets_open(&rest).await?
        );
    }
    let closed_in = full_at.elapsed();
    let told = listening.join_all().await;
    let told = told.into_iter().filter(|code| *code == Some(4008)).count();
    server.kill().await?;
    setup.said()?;
    let each = (most - before) as usize / readers;
    line.figure(
        &format!("{readers} clients that stop reading"),
        format!(
            "{} KiB each at most, all gone {:.1} s after the first was full, {told} who read again told 4008; the first after {held} messages of 8 KB; a reader beside them saw all {posts}",
            each / 1024,
            closed_in.as_secs_f64()
        ),
        "≤ 256 KiB each, gone ≤ 10 s",
        each <= 256 * 1024 && told == readers / 2,
    )?;
    Ok(())
}

/// What clients that stop reading cost the others, held against as many that do read.
pub(crate) async fn beside_slow_readers(_: Form, line: Line) -> Result<()> {
    const READERS: usize = 1_000;
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let rest = server.rest();
    let other = Room::open(&rest).await?;
    let mut p99 = Vec::new();
    for reads in [true, false] {
        let busy = Room::open(&rest).await?;
        let mut reading = JoinSet::new();
        let mut stopped = Vec::new();
        for _ in 0..READERS {
            let mut socket = stalled(server.addr, &busy).await?;
            if reads {
                reading.spawn(async move {
                    let mut buffer = vec![0; 64 * 1024];
                    while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                });
            } else {
                stopped.push(socket);
            }
        }
        let text = "x".repeat(8_000);
        let mut took = Vec::new();
        for _ in 0..300 {
            let (posted, beside) = tokio::join!(busy.post(&rest, &text), async {
                let started = Instant::now();
                other.post(&rest, "Is it blue?").await?;
                Ok::<_, anyhow::Error>(started.elapsed())
            });
            posted?;
            took.push(beside?);
        }
        took.sort_unstable();
        p99.push(took[took.len() * 99 / 100]);
    }
    server.kill().await?;
    setup.said()?;
    let ratio = p99[1].as_secs_f64() / p99[0].as_secs_f64();
    line.figure(
        "p99 of posts in another room: beside 1,000 that stopped ÷ beside 1,000 that read",
        format!(
            "{ratio:.2} ({:.1} ms ÷ {:.1} ms)",
            p99[1].as_secs_f64() * 1e3,
            p99[0].as_secs_f64() * 1e3
        ),
        "< 2",
        ratio < 2.0,
    )
}

/// A socket that has said hello and reads nothing, with little room in the kernel.
async fn stalled(addr: SocketAddr, room: &Room) -> Result<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4_096)?;
    let mut stream = socket.connect(addr).await?;
    let upgrade = format!(
        "GET /ws/chat/{}/ HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        room.id
    );
    stream.write_all(upgrade.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    ensure!(head.starts_with(b"HTTP/1.1 101"), "no upgrade");
    let hello = json!({"type": "hello", "token": room.token, "tail": 0}).to_string();
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend(u16::try_from(hello.len())?.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(hello.as_bytes());
    stream.write_all(&frame).await?;
    // Until the welcome begins.
    stream.read_u8().await?;
    Ok(stream)
}

/// Reads to the end and finds the code of the close frame, which comes last.
async fn close_code(stream: &mut tokio::net::TcpStream) -> Result<u16> {
    let mut bytes = Vec::new();
    timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes)).await??;
    // The first byte of the first frame was read when it was made.
    let mut at = 0;
    let mut first = 0x81;
    loop {
        let length = usize::from(*bytes.get(at).context("cut within a frame")? & 0x7f);
        let (from, length) = match length {
            126 => (
                at + 3,
                usize::from(u16::from_be_bytes(
                    *bytes[at + 1..].first_chunk().context("a length")?,
                )),
            ),
            127 => bail!("a huge frame"),
            short => (at + 1, short),
        };
        if first & 15 == 8 {
            return Ok(u16::from_be_bytes(
                *bytes[from..].first_chunk().context("a code")?,
            ));
        }
        let Some(next) = bytes.get(from + length) else {
            return Ok(0);
        };
        first = *next;
        at = from + length + 1;
    }
}
