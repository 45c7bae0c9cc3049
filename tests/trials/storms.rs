//! P9: all clients connect at once.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use crate::fixtures::Room;
use crate::history::View;
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::visitor_socket::VisitorSocket;

/// All clients connect at once, and again after a restart.
pub(crate) async fn storms(form: Form, line: Line) -> Result<()> {
    let clients = form.pick(400, 10_000);
    raise_open_files(clients)?;
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
    setup.log()?;
    line.figure(
        &format!("{clients} simultaneous connects"),
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
) -> Result<(Vec<(Room, View)>, Vec<VisitorSocket>, usize)> {
    let mut connecting = JoinSet::new();
    for (room, mut view) in rooms {
        connecting.spawn(async move {
            let mut refused = 0;
            let line = loop {
                if let Some(line) =
                    VisitorSocket::try_connect(addr, room.id, &room.token, &mut view).await?
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
fn raise_open_files(clients: usize) -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).context("the limit of open files")?;
    // Beside them there are the database, the pool of connections that post, and other trials.
    let wanted = clients as u64 + 300;
    ensure!(
        limit.maximum.is_none_or(|most| most >= wanted),
        "{wanted} open files are wanted, and this user may have {:?} (ulimit -Hn)",
        limit.maximum
    );
    Ok(())
}
