//! P8: readers that stop reading affect only themselves.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::common::{DEADLINE, Rest, Value, json};
use crate::fixtures::{Room, overflows, sockets_open};
use crate::history::View;
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::visitor_socket::VisitorSocket;

/// What the promise gives each reader that has stopped.
const EACH_BYTES: usize = 256 * 1024;
/// What may wait in one outbox, shared or not (`socket.outbox_bytes`).
const OUTBOX_BYTES: usize = 256 * 1024;
/// 8,000 characters and what is around them in a `message` frame, at most.
const FRAME_BYTES: usize = 8_000 + 400;

/// A busy room with a reader that keeps reading.
struct Busy {
    rest: Rest,
    room: Room,
    watcher: VisitorSocket,
    view: View,
}

impl Busy {
    async fn open(addr: SocketAddr) -> Result<Self> {
        let rest = Rest::new(addr);
        let room = Room::open(&rest).await?;
        let mut view = View::default();
        let watcher = VisitorSocket::connect(addr, room.id, &room.token, &mut view).await?;
        Ok(Self {
            rest,
            room,
            watcher,
            view,
        })
    }

    /// Posts, and waits until the reader beside those that have stopped has seen it.
    async fn post(&mut self, text: &str) -> Result<()> {
        let before = self.view.last();
        self.room.post(&self.rest, text).await?;
        while self.view.last() == before {
            self.watcher.next(&mut self.view).await?.context("cut")?;
        }
        Ok(())
    }

    /// Waits until only that reader is left. The others read nothing meanwhile.
    async fn all_gone(&mut self, form: Form, since: Instant) -> Result<Duration> {
        let deadline = form.pick(DEADLINE, Duration::from_secs(30));
        loop {
            let left = sockets_open(&self.rest).await;
            if left <= 1 {
                return Ok(since.elapsed());
            }
            ensure!(
                since.elapsed() < deadline,
                "{} are still there after {deadline:?}",
                left - 1
            );
            self.post("and it goes on").await?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Clients that stop reading in a busy room, while messages come. As long as nobody is full,
/// each message waits once for all, beside what the kernel holds for each.
pub(crate) async fn slow_readers(form: Form, line: Line) -> Result<()> {
    let readers = form.pick(60, 1_000);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut busy = Busy::open(server.addr).await?;
    let mut sockets = Vec::new();
    for _ in 0..readers {
        // Until the welcome begins.
        sockets.push(Stopped::after(1, server.addr, &busy.room, json!({"tail": 0})).await?);
    }
    let open = sockets_open(&busy.rest).await;
    ensure!(open > readers, "{open} sockets");
    let memory = server.resident()?;
    let mut most = memory;
    let text = "x".repeat(8_000);
    let mut posts = 0;
    let mut first_full = None;
    loop {
        busy.post(&text).await?;
        posts += 1;
        most = most.max(server.resident()?);
        let full = overflows(&busy.rest).await;
        if full > 0 {
            first_full.get_or_insert((Instant::now(), posts));
        }
        if full == readers {
            break;
        }
        ensure!(posts < 2_000, "only {full} of {readers} are ever full");
    }
    let (full_at, first_full) = first_full.context("nobody is full")?;
    // Half of them read again now, and receive the close code.
    let mut listening = JoinSet::new();
    for socket in sockets.drain(..readers / 2) {
        listening.spawn(socket.read_again());
    }
    let gone_in = busy.all_gone(form, full_at).await?;
    let (closed, own) = count_4008(listening).await?;
    // Nobody has read any of it, so what did not arrive had waited in the outboxes.
    let waited = (first_full * FRAME_BYTES).saturating_sub(own);
    ensure!(
        waited <= OUTBOX_BYTES + 2 * FRAME_BYTES,
        "{waited} bytes waited in an outbox"
    );
    let shared = waited / readers;
    let seen = busy.view.last();
    server.kill().await?;
    setup.log()?;
    line.figure(
        &format!("{readers} clients that stop reading"),
        format!(
            "at most {} KiB each ({} of its own, {} as its share of what all wait for); all dropped {:.1} s after the first outbox was full; {closed} that read again got 4008; the first outbox was full after {first_full} messages of 8 KB; a normal reader received all {seen}",
            (own + shared) / 1024,
            own / 1024,
            shared / 1024,
            gone_in.as_secs_f64()
        ),
        "≤ 256 KiB each, dropped ≤ 10 s",
        own + shared <= EACH_BYTES
            && closed == readers / 2
            && (!form.long || gone_in <= Duration::from_secs(10)),
    )?;
    if form.long {
        // The whole process, held against one whose readers read as much.
        let grown = (most - memory) as usize;
        let others = grown_beside_readers(readers, posts, &text).await?;
        let each = grown.saturating_sub(others) / readers;
        line.figure(
            &format!("memory with {readers} that stopped − with as many that read"),
            format!(
                "{} KiB each ({} − {} MiB)",
                each / 1024,
                grown >> 20,
                others >> 20
            ),
            "≤ 256 KiB each",
            each <= EACH_BYTES,
        )?;
    }
    Ok(())
}

/// By how much the memory of a server grows over as many posts with readers that read.
async fn grown_beside_readers(readers: usize, posts: usize, text: &str) -> Result<usize> {
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut busy = Busy::open(server.addr).await?;
    let mut reading = JoinSet::new();
    for _ in 0..readers {
        let socket = Stopped::after(1, server.addr, &busy.room, json!({"tail": 0})).await?;
        reading.spawn(socket.read_on());
    }
    let memory = server.resident()?;
    let mut most = memory;
    for _ in 0..posts {
        busy.post(text).await?;
        most = most.max(server.resident()?);
    }
    server.kill().await?;
    setup.log()?;
    Ok((most - memory) as usize)
}

/// Clients that come back for a long log of large messages and stop in the middle of it: some
/// within the welcome, the others within a page after it.
pub(crate) async fn stopped_in_a_welcome(form: Form, line: Line) -> Result<()> {
    let readers = form.pick(40, 500);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut busy = Busy::open(server.addr).await?;
    // 32 KB each: three or four make a page.
    let large = "🫖".repeat(8_000);
    for _ in 0..30 {
        busy.post(&large).await?;
    }
    let memory = server.resident()?;
    let mut sockets = Vec::new();
    for at in 0..readers {
        let bytes = [20_000, 200_000][at % 2];
        let hello = json!({"after": 0});
        sockets.push(Stopped::after(bytes, server.addr, &busy.room, hello).await?);
    }
    let since = Instant::now();
    let open = sockets_open(&busy.rest).await;
    ensure!(open > readers, "{open} sockets");
    let mut most = memory;
    let deadline = form.pick(DEADLINE, Duration::from_secs(30));
    // The room goes on, and its other reader with it.
    loop {
        busy.post("and it goes on").await?;
        most = most.max(server.resident()?);
        let full = overflows(&busy.rest).await;
        if full == readers {
            break;
        }
        ensure!(
            since.elapsed() < deadline,
            "only {full} of {readers} are noticed within {deadline:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let noticed_in = since.elapsed();
    let mut listening = JoinSet::new();
    for socket in sockets.drain(..readers / 2) {
        listening.spawn(socket.read_again());
    }
    let gone_in = busy.all_gone(form, since).await?;
    let (closed, own) = count_4008(listening).await?;
    let process = (most - memory) as usize / readers;
    let seen = busy.view.last();
    server.kill().await?;
    setup.log()?;
    line.figure(
        &format!("{readers} clients that stop reading in the middle of a long welcome"),
        format!(
            "at most {} KiB each; all noticed after {:.1} s and dropped after {:.1} s; {closed} that read again got 4008; memory + {} KiB each; a normal reader received all {seen}",
            own / 1024,
            noticed_in.as_secs_f64(),
            gone_in.as_secs_f64(),
            process / 1024
        ),
        "≤ 256 KiB each, closed ≤ 10 s",
        own <= EACH_BYTES
            && closed == readers / 2
            && (!form.long || (noticed_in <= Duration::from_secs(10) && process <= EACH_BYTES)),
    )
}

/// How many were closed 4008, and what arrived at most when they read again: the kernel had held
/// it for them, or the server.
async fn count_4008(mut listening: JoinSet<Result<ReadAgain>>) -> Result<(usize, usize)> {
    let (mut closed, mut own) = (0, 0);
    while let Some(read) = listening.join_next().await {
        let read = read??;
        closed += usize::from(read.code == Some(4008));
        own = own.max(read.bytes);
    }
    Ok((closed, own))
}

/// What clients that stop reading cost the others, compared with as many that read.
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
            let socket = Stopped::after(1, server.addr, &busy, json!({"tail": 0})).await?;
            if reads {
                reading.spawn(socket.read_on());
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
    setup.log()?;
    let ratio = p99[1].as_secs_f64() / p99[0].as_secs_f64();
    line.figure(
        "p99 of posts in another room: with 1,000 that stopped ÷ with 1,000 that read",
        format!(
            "{ratio:.2} ({:.1} ms ÷ {:.1} ms)",
            p99[1].as_secs_f64() * 1e3,
            p99[0].as_secs_f64() * 1e3
        ),
        "< 2",
        ratio < 2.0,
    )
}

/// A socket that has said hello and stopped reading, with little room in the kernel.
struct Stopped {
    stream: TcpStream,
    /// What it had read of the frames by then.
    read: Vec<u8>,
}

/// What came when it read again.
struct ReadAgain {
    bytes: usize,
    /// The code of the close frame, which comes last.
    code: Option<u16>,
}

impl Stopped {
    /// A socket that reads this many bytes after the upgrade.
    async fn after(bytes: usize, addr: SocketAddr, room: &Room, mut hello: Value) -> Result<Self> {
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
            head.push(timeout(DEADLINE, stream.read_u8()).await??);
        }
        ensure!(head.starts_with(b"HTTP/1.1 101"), "no upgrade");
        hello["type"] = json!("hello");
        hello["token"] = json!(room.token);
        let hello = hello.to_string();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(u16::try_from(hello.len())?.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(hello.as_bytes());
        stream.write_all(&frame).await?;
        let mut read = vec![0; bytes];
        timeout(DEADLINE, stream.read_exact(&mut read)).await??;
        Ok(Self { stream, read })
    }

    /// Reads to the end.
    async fn read_again(mut self) -> Result<ReadAgain> {
        let before = self.read.len();
        timeout(DEADLINE, self.stream.read_to_end(&mut self.read)).await??;
        Ok(ReadAgain {
            bytes: self.read.len() - before,
            code: close_code(&self.read),
        })
    }

    /// Reads all that comes and keeps nothing of it.
    async fn read_on(mut self) {
        let mut buffer = vec![0; 64 * 1024];
        while self
            .stream
            .read(&mut buffer)
            .await
            .is_ok_and(|read| read > 0)
        {}
    }
}

/// The code of the close frame among these frames, unless they end before it.
fn close_code(mut bytes: &[u8]) -> Option<u16> {
    loop {
        let (first, rest) = bytes.split_first()?;
        let (length, rest) = rest.split_first()?;
        let (length, rest) = match length & 0x7f {
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::try_from(u64::from_be_bytes(*length)).ok()?, rest)
            }
            short => (usize::from(short), rest),
        };
        let payload = rest.get(..length)?;
        if first & 15 == 8 {
            return Some(u16::from_be_bytes(*payload.first_chunk()?));
        }
        bytes = &rest[length..];
    }
}
