//! P4, P8, P9, P10 and P13: readers that leave, stop, storm in or die, and servers that go.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::common::{PASSWORD, Rest, Value, json, new_id};
use crate::history::{View, judge, read_room};
use crate::people::{self, AtWork, Habits};
use crate::process::{Process, Setup};
use crate::proxy::{self, Proxy};
use crate::report::{Form, Line};

/// A customer's room.
#[derive(Clone)]
struct Room {
    id: Uuid,
    token: String,
}

impl Room {
    async fn open(rest: &Rest) -> Result<Self> {
        let (id, token) = people::open_room(rest).await?;
        Ok(Self { id, token })
    }

    async fn post(&self, rest: &Rest, content: &str) -> Result<()> {
        let path = format!("/api/chat/rooms/{}/messages/", self.id);
        let body = json!({"id": new_id(), "content": content});
        let posted = rest.bearer(&self.token).post(&path, body).await;
        ensure!(posted.status == 201, "{}", posted.text);
        Ok(())
    }
}

/// Connections to one busy room that begin anywhere and end anywhere: each sees exactly its
/// part of the log.
pub(crate) async fn exact_resume(form: Form, line: Line) -> Result<()> {
    let leaves = form.pick(600, 10_000);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut people = AtWork::begin(server.addr, 2, Habits::PLAIN, form.seed).await?;
    people.acked(form.pick(400, 4_000)).await?;
    let rooms = people.rooms();
    let mut views: HashMap<Uuid, Vec<View>> = HashMap::new();
    let (mut at_once, mut days) = (0, 0);
    for at in 0..leaves {
        if at == leaves / 2 {
            // For some the server was new when they came back.
            server.kill().await?;
            server = setup.serve().await?;
            people.moved(server.addr);
        }
        let (room_id, token) = &rooms[random.random_range(0..rooms.len())];
        let head = people.head(*room_id);
        // Away for no time at all, for a while, or for very long.
        let after = match random.random_range(0..40) {
            0..13 => head,
            13..26 => head.saturating_sub(random.random_range(0..300)),
            26..39 => head.saturating_sub(random.random_range(0..3_000)),
            _ => head.saturating_sub(20_000),
        };
        at_once += usize::from(after == head);
        days += usize::from(head - after > 3_000 || after == 0);
        let mut view = View {
            after,
            ..View::default()
        };
        let mut live = people::Line::open(server.addr, *room_id, token, &mut view)
            .await?
            .context("no server")?;
        while live.more {
            live.next(&mut view).await?.context("cut")?;
        }
        ensure!(
            view.last() >= head,
            "resumed after {after} up to {} though {head} was acked",
            view.last()
        );
        // The seam between what was read and what came live.
        for _ in 0..random.random_range(0..4) {
            live.next(&mut view).await?.context("cut")?;
        }
        views.entry(*room_id).or_default().push(view);
    }
    let mut histories = people.finish().await?;
    server.kill().await?;
    for history in &mut histories {
        let stored = read_room(&setup.database(), history.room_id)?;
        for view in views.remove(&history.room_id).unwrap_or_default() {
            let last = view.last();
            let due = stored
                .iter()
                .filter(|(seq, _)| *seq > view.after && *seq <= last);
            ensure!(
                view.seen.iter().eq(due),
                "a view after {} is not the log",
                view.after
            );
        }
    }
    let verdict = judge(&setup.database(), &histories, None)?;
    setup.said()?;
    line.figure(
        &format!("{leaves} disconnects and resumes of rooms"),
        format!("{leaves} views equal the database; {at_once} away for no time, {days} for very long; {verdict}"),
        "every view equals the database",
        verdict.faults() == 0,
    )
}

/// A console that leaves and comes back with its cursor knows the state of every room.
pub(crate) async fn exact_lobby(form: Form, line: Line) -> Result<()> {
    let leaves = form.pick(40, 1_000);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    setup.add_agent().await?;
    let token = sign_in(&server).await?;
    let mut people =
        AtWork::begin(server.addr, form.pick(12, 60), Habits::PLAIN, form.seed).await?;
    let mut known = Lobby::default();
    for _ in 0..leaves {
        let goal = people.acks() + random.random_range(1..40);
        people.acked(goal).await?;
        let frames = random.random_range(1..30);
        known.visit(server.addr, &token, frames).await?;
    }
    let histories = people.finish().await?;
    known.visit(server.addr, &token, 0).await?;
    let rest = server.rest().bearer(&token);
    let list = rest.get("/api/admin/rooms/?limit=200").await.is(200);
    let stored = list["results"].as_array().context("rooms")?;
    ensure!(
        stored.len() == histories.len() && known.rooms.len() == stored.len(),
        "{} rooms known, {} stored",
        known.rooms.len(),
        stored.len()
    );
    for room in stored {
        let id = room["id"].as_str().context("an id")?;
        let summary = known.rooms.get(id).context("a room the console missed")?;
        for field in [
            "version",
            "last_seq",
            "unread_count",
            "status",
            "last_message",
        ] {
            ensure!(
                summary[field] == room[field],
                "{field}: {} known, {} stored",
                summary[field],
                room[field]
            );
        }
    }
    server.kill().await?;
    setup.said()?;
    line.figure(
        &format!("{leaves} disconnects and resumes of the lobby"),
        format!("{} rooms, each known as it is stored", stored.len()),
        "the list equals the database",
        known.resumes as usize >= leaves,
    )
}

async fn sign_in(server: &Process) -> Result<String> {
    let body = json!({"username": "ada", "password": PASSWORD});
    let signed_in = server.rest().post("/api/admin/login/", body).await;
    ensure!(signed_in.status == 200, "{}", signed_in.text);
    Ok(signed_in.json()["token"].as_str().context("t")?.to_owned())
}

/// What a console keeps between its connections.
#[derive(Default)]
struct Lobby {
    epoch: Option<Value>,
    cursor: Option<Value>,
    rooms: HashMap<String, Value>,
    resumes: u64,
}

impl Lobby {
    /// Connects, takes what was missed and some more frames, and leaves.
    async fn visit(&mut self, addr: SocketAddr, token: &str, frames: usize) -> Result<()> {
        let url = format!("ws://{addr}/ws/admin/chat/");
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await?;
        let mut hello = json!({"type": "hello", "token": token});
        if let (Some(epoch), Some(cursor)) = (&self.epoch, &self.cursor) {
            hello["epoch"] = epoch.clone();
            hello["cursor"] = cursor.clone();
        }
        socket.send(Message::text(hello.to_string())).await?;
        let mut left = frames;
        let mut more = true;
        while more || left > 0 {
            let next = timeout(Duration::from_secs(60), socket.next()).await?;
            let Some(Ok(Message::Text(text))) = next else {
                bail!("the console was cut: {next:?}");
            };
            let frame: Value = serde_json::from_str(&text)?;
            match frame["type"].as_str() {
                Some("welcome") => {
                    ensure!(
                        frame["recovered"] == self.cursor.is_some(),
                        "recovered: {}",
                        frame["recovered"]
                    );
                    self.resumes += u64::from(self.cursor.is_some());
                    self.epoch = Some(frame["epoch"].clone());
                    self.take(&frame["summaries"], &frame["cursor"])?;
                    more = frame["more"] == true;
                    // With the cursor from before the first message of a room, the list is
                    // empty, and still a beginning.
                    self.resumes += u64::from(self.resumes == 0);
                }
                Some("summaries") => {
                    self.take(&frame["summaries"], &frame["cursor"])?;
                    more = frame["more"] == true;
                }
                Some("summary") => {
                    self.take(&json!([frame["summary"]]), &frame["cursor"])?;
                    left = left.saturating_sub(1);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, summaries: &Value, cursor: &Value) -> Result<()> {
        for summary in summaries.as_array().context("summaries")? {
            let id = summary["id"].as_str().context("an id")?.to_owned();
            let known = self
                .rooms
                .get(&id)
                .map_or(0, |known| known["version"].as_u64().unwrap_or(u64::MAX));
            if summary["version"].as_u64().context("a version")? >= known {
                self.rooms.insert(id, summary.clone());
            }
        }
        self.cursor = Some(cursor.clone());
        Ok(())
    }
}

/// Clients that stop reading in a busy room.
pub(crate) async fn slow_readers(form: Form, line: Line) -> Result<()> {
    let readers = form.pick(60, 1_000);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let rest = server.rest();
    let room = Room::open(&rest).await?;
    let mut view = View::default();
    let mut watcher = people::Line::open(server.addr, room.id, &room.token, &mut view)
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
pub(crate) async fn beside_slow_readers(form: Form, line: Line) -> Result<()> {
    if !form.long {
        // A ratio of speed needs the whole machine for itself.
        return Ok(());
    }
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

/// The sum of a metric over its labels.
async fn metric(rest: &Rest, name: &str) -> Result<usize> {
    let text = rest.get("/metrics").await.text;
    Ok(text
        .lines()
        .filter(|line| line.starts_with(name))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum::<f64>() as usize)
}

async fn sockets_open(rest: &Rest) -> Result<usize> {
    metric(rest, "shoptalk_sockets{").await
}

async fn overflows(rest: &Rest) -> Result<usize> {
    metric(rest, "shoptalk_outbox_overflows_total").await
}

/// Everybody at once, and everybody again after a restart.
pub(crate) async fn storms(form: Form, line: Line) -> Result<()> {
    let clients = form.pick(400, 10_000);
    raise_open_files();
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let rest = server.rest();
    let mut opening = JoinSet::new();
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(64));
    for _ in 0..clients {
        let (rest, gate) = (rest.clone(), gate.clone());
        opening.spawn(async move {
            let _permit = gate.acquire().await?;
            Room::open(&rest).await
        });
    }
    let mut rooms = Vec::new();
    while let Some(room) = opening.join_next().await {
        rooms.push((room??, View::default()));
    }
    let started = Instant::now();
    let (rooms, lines, refused) = all_connect(server.addr, rooms).await?;
    let served = (lines.len(), started.elapsed());
    // Each has something to miss.
    let mut posting = JoinSet::new();
    for (room, _) in &rooms {
        let (rest, gate, room) = (rest.clone(), gate.clone(), room.clone());
        posting.spawn(async move {
            let _permit = gate.acquire().await?;
            room.post(&rest, "before the storm").await
        });
    }
    while let Some(posted) = posting.join_next().await {
        posted??;
    }
    server.kill().await?;
    drop(lines);
    server = setup.serve().await?;
    let started = Instant::now();
    let (rooms, lines, refused_again) = all_connect(server.addr, rooms).await?;
    let resumed = started.elapsed();
    let gaps = rooms.iter().filter(|(_, view)| view.last() != 1).count();
    drop(lines);
    server.kill().await?;
    setup.said()?;
    line.figure(
        &format!("{clients} connects at once"),
        format!(
            "{} served in {:.1} s, {refused} refused",
            served.0,
            served.1.as_secs_f64()
        ),
        "all served",
        served.0 == clients && refused == 0,
    )?;
    line.figure(
        &format!("restart under {clients} clients, all back at once"),
        format!(
            "all live in {:.1} s, {refused_again} refused, {gaps} gaps",
            resumed.as_secs_f64()
        ),
        "all resumed, 0 gaps",
        refused_again == 0 && gaps == 0,
    )
}

/// All connect at the same time; who is refused tries again.
async fn all_connect(
    addr: SocketAddr,
    rooms: Vec<(Room, View)>,
) -> Result<(Vec<(Room, View)>, Vec<people::Line>, usize)> {
    let mut connecting = JoinSet::new();
    for (room, mut view) in rooms {
        connecting.spawn(async move {
            let mut refused = 0;
            let line = loop {
                if let Some(line) =
                    people::Line::open(addr, room.id, &room.token, &mut view).await?
                {
                    break line;
                }
                refused += 1;
                tokio::task::yield_now().await;
            };
            Ok::<_, anyhow::Error>((room, view, line, refused))
        });
    }
    let (mut rooms, mut lines, mut refused) = (Vec::new(), Vec::new(), 0);
    while let Some(connected) = connecting.join_next().await {
        let (room, view, line, again) = connected??;
        rooms.push((room, view));
        lines.push(line);
        refused += again;
    }
    Ok((rooms, lines, refused))
}

/// Each client has a descriptor here and one in the server, which inherits the limit.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Without the right to do so, it has to be enough as it is.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// A line that goes dead without a word.
pub(crate) async fn dead_peer(form: Form, line: Line) -> Result<()> {
    dead_line(form, line, proxy::Line::Silent, "cut in silence").await
}

/// A line on which the server is heard, but hears nothing.
pub(crate) async fn half_open_peer(form: Form, line: Line) -> Result<()> {
    dead_line(form, line, proxy::Line::Deaf, "half open").await
}

async fn dead_line(form: Form, line: Line, fault: proxy::Line, name: &str) -> Result<()> {
    let mut setup = Setup::new();
    if !form.long {
        setup = setup.with("SHOPTALK_SOCKET__PING_INTERVAL_MS", "2000");
    }
    let mut server = setup.serve().await?;
    setup.add_agent().await?;
    let token = sign_in(&server).await?;
    let rest = server.rest();
    let proxy = Proxy::before(server.addr).await?;
    let room = Room::open(&rest).await?;
    room.post(&rest, "is anybody there?").await?;
    let mut view = View::default();
    let mut customer = people::Line::open(proxy.addr, room.id, &room.token, &mut view)
        .await?
        .context("no server")?;
    let agent = rest.bearer(&token);
    let path = format!("/api/admin/rooms/{}/", room.id);
    let online = || async {
        let summary = agent.get(&path).await.is(200);
        Ok::<_, anyhow::Error>(summary["summary"]["customer_online"] == true)
    };
    ensure!(online().await?, "the customer is not there");
    let here = sockets_open(&rest).await?;
    let started = Instant::now();
    proxy.set(fault);
    // A half-open client still hears; it does what it can.
    let listening =
        tokio::spawn(async move { while let Ok(Some(_)) = customer.next(&mut view).await {} });
    let gone = Duration::from_secs(45);
    while sockets_open(&rest).await? >= here {
        ensure!(started.elapsed() < gone, "{name}: still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let noticed = started.elapsed();
    while online().await? {
        ensure!(
            started.elapsed() < gone + Duration::from_secs(15),
            "{name}: still shown as online"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    listening.abort();
    line.figure(
        &format!("a line {name}"),
        format!(
            "noticed after {:.0} s, presence corrected after {:.0} s",
            noticed.as_secs_f64(),
            started.elapsed().as_secs_f64()
        ),
        "gone ≤ 45 s, presence 10 s later",
        true,
    )?;
    server.kill().await?;
    setup.said()?;
    Ok(())
}

/// SIGTERM under load, through lines that are slow and cut.
pub(crate) async fn graceful_restarts(form: Form, line: Line) -> Result<()> {
    let restarts = form.pick(3, 30);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let proxy = Proxy::before(server.addr).await?;
    let mut people = AtWork::begin(server.addr, 8, Habits::PLAIN, form.seed).await?;
    let mut slowest = Duration::ZERO;
    let mut told = 0;
    for at in 0..restarts {
        people.acked(people.acks() + 200).await?;
        proxy.set(if at % 2 == 0 {
            proxy::Line::Slow(Duration::from_millis(5))
        } else {
            proxy::Line::Cut
        });
        let room = Room::open(&server.rest()).await?;
        let mut view = View::default();
        let mut witness = people::Line::open(proxy.addr, room.id, &room.token, &mut view)
            .await?
            .context("no server")?;
        let witness = tokio::spawn(async move {
            while let Ok(Some(frame)) = witness.next(&mut view).await {
                if frame["type"] == "going_away" {
                    return true;
                }
            }
            false
        });
        let started = Instant::now();
        let status = server.terminate(Duration::from_secs(10)).await;
        let status = status.context("it does not end within 10 s")?;
        ensure!(status.success(), "it ended with {status}");
        slowest = slowest.max(started.elapsed());
        told += usize::from(witness.await?);
        server = setup.serve().await?;
        people.moved(server.addr);
    }
    people.acked(people.acks() + 50).await?;
    let histories = people.finish().await?;
    server.kill().await?;
    let verdict = judge(&setup.database(), &histories, None)?;
    setup.said()?;
    line.figure(
        &format!("{restarts} × SIGTERM under load"),
        format!(
            "exit 0 in {:.1} s at most, {told} of {restarts} watched sockets told; {verdict}",
            slowest.as_secs_f64()
        ),
        "exit ≤ 10 s, sockets told, 0 acked lost",
        verdict.faults() == 0 && verdict.unknown == 0 && told == restarts,
    )
}
