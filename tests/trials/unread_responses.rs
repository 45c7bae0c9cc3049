//! P8 over plain HTTP: clients that do not read the responses to their requests.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::common::{DEADLINE, RawSocket, Rest, json};
use crate::fixtures::Room;
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::workload;

/// Downloads that nobody reads; more than the server may have files.
const DOWNLOADS: usize = 250;
/// Another client's address. All of 127.0.0.0/8 is this machine.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// A page of messages is 128 KiB at most.
const MESSAGES: usize = 17;

async fn ask_and_never_read(addr: SocketAddr, request: &str, times: usize) -> RawSocket {
    let mut raw = RawSocket::non_reading(addr).await;
    raw.send(request.repeat(times).as_bytes()).await;
    raw
}

/// Until a call from `own` is answered with 200. Each try is a connection of its own, read to its
/// end: a client that keeps a pool of them may wait forever for an answer when the server refuses
/// the connection before it has sent the request.
async fn reachable(
    addr: SocketAddr,
    own: IpAddr,
    path: &str,
    within: Duration,
) -> Result<Duration> {
    let began = Instant::now();
    let (mut tries, mut last) = (0, String::new());
    while began.elapsed() < within {
        tries += 1;
        match status_line(addr, own, path).await {
            Ok(status) if status.starts_with("HTTP/1.1 200") => return Ok(began.elapsed()),
            Ok(status) => last = status,
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("{path} was not answered within {within:?}, {tries} tries; the last: {last}")
}

async fn status_line(addr: SocketAddr, own: IpAddr, path: &str) -> std::io::Result<String> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(own, 0))?;
    let mut stream = socket.connect(addr).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut response));
    read.await.map_err(std::io::Error::from)??;
    let response = String::from_utf8_lossy(&response);
    Ok(response.lines().next().unwrap_or("no answer").to_owned())
}

/// One address takes all the connections that it can get.
pub(crate) async fn few_descriptors(form: Form, line: Line) -> Result<()> {
    let mut setup = Setup::new()
        .with("SHOPTALK_LIMITS__ENABLED", "true")
        .with_few_files();
    let mut server = setup.serve().await?;
    setup.add_agent().await?;
    let document = "GET /api/openapi.json HTTP/1.1\r\nHost: shop\r\n\r\n";
    let mut downloads = Vec::new();
    for _ in 0..DOWNLOADS {
        downloads.push(ask_and_never_read(server.addr, document, 100).await);
    }
    let deadline = form.deadline(Duration::from_secs(65));
    let health = reachable(server.addr, ELSEWHERE, "/healthz", deadline).await?;
    let ready = reachable(server.addr, ELSEWHERE, "/readyz", deadline).await?;
    let elsewhere = Rest::from_address(server.addr, Some(ELSEWHERE));
    let body = json!({"username": "ada", "password": crate::common::PASSWORD});
    let login = elsewhere.post("/api/admin/login/", body).await;
    ensure!(login.status == 200, "a sign-in: {}", login.text);
    let same = reachable(server.addr, server.addr.ip(), "/healthz", deadline).await?;
    drop(downloads);
    server.kill().await?;
    setup.log()?;
    line.figure(
        &format!("{DOWNLOADS} downloads that nobody reads, limit of 256 files"),
        format!(
            "from another address: /healthz after {:.2} s, /readyz after {:.2} s, a sign-in worked; from the same address: after {:.1} s",
            health.as_secs_f64(),
            ready.as_secs_f64(),
            same.as_secs_f64()
        ),
        "other addresses at once, the same address ≤ 65 s",
        !form.long || health + ready <= Duration::from_secs(2),
    )
}

/// Pages of messages that nobody reads are held up to a bound.
pub(crate) async fn pages(form: Form, line: Line) -> Result<()> {
    let readers = form.pick(300, 1_500);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let rest = server.rest();
    let room = Room::open(&rest).await?;
    for _ in 0..MESSAGES {
        room.post(&rest, &"x".repeat(8_000)).await?;
    }
    let page = format!(
        "GET /api/chat/rooms/{}/messages/?limit=200 HTTP/1.1\r\nHost: shop\r\n\
         Authorization: Bearer {}\r\n\r\n",
        room.id, room.token
    );
    let before = server.resident()?;
    let mut most = before;
    let mut unread = Vec::new();
    for _ in 0..readers {
        // Twice: the systems of both sides may take the first.
        unread.push(ask_and_never_read(server.addr, &page, 2).await);
    }
    let responded =
        r#"shoptalk_http_requests_total{route="/api/chat/rooms/{id}/messages",status="200"}"#;
    let began = Instant::now();
    while rest.metric(responded).await < readers as f64 {
        ensure!(began.elapsed() < DEADLINE, "not all were responded to");
        most = most.max(server.resident()?);
    }
    workload::open_room(&rest).await.context("others go on")?;
    most = most.max(server.resident()?) - before;
    drop(unread);
    server.kill().await?;
    setup.log()?;
    line.figure(
        &format!("{readers} pages of messages that nobody reads"),
        format!("memory + {} MiB", most >> 20),
        "≤ 64 MiB, 16 of them responses (in the long form)",
        !form.long || most <= 64 << 20,
    )
}
