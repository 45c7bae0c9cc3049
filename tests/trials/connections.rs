//! P10 and P13: connections that die without a close, and servers that are stopped.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use shoptalk_client::protocol::{ServerFrame, VisitorServerFrame};

use crate::fixtures::{Room, sign_in, sockets_open};
use crate::history::{View, check_histories};
use crate::process::Setup;
use crate::proxy::{self, Proxy};
use crate::report::{Form, Line};
use crate::visitor_socket::VisitorSocket;
use crate::workload::{Behavior, Workload};

/// A connection that dies without a close.
pub(crate) async fn dead_peer(form: Form, line: Line) -> Result<()> {
    dead_connection(
        form,
        line,
        proxy::Line::Silent,
        "a connection lost silently",
    )
    .await
}

/// A connection that works in one direction only: the server receives nothing.
pub(crate) async fn half_open_peer(form: Form, line: Line) -> Result<()> {
    dead_connection(form, line, proxy::Line::Deaf, "a half-open connection").await
}

async fn dead_connection(form: Form, line: Line, fault: proxy::Line, name: &str) -> Result<()> {
    let mut setup = Setup::new();
    if !form.long {
        setup = setup
            .with("SHOPTALK_SOCKET__PING_INTERVAL_MS", "2000")
            .with("SHOPTALK_SOCKET__PONG_TIMEOUT_MS", "10000");
    }
    let mut server = setup.serve().await?;
    setup.add_agent().await?;
    let token = sign_in(&server).await?;
    let rest = server.rest();
    let proxy = Proxy::before(server.addr).await?;
    let room = Room::open(&rest).await?;
    room.post(&rest, "is anybody there?").await?;
    let mut view = View::default();
    let mut customer = VisitorSocket::connect(proxy.addr, room.id, &room.token, &mut view).await?;
    let agent = rest.bearer(&token);
    let path = format!("/api/admin/rooms/{}/", room.id);
    let online = || async {
        let summary = agent.get(&path).await.is(200);
        Ok::<_, anyhow::Error>(summary["summary"]["customer_online"] == true)
    };
    ensure!(online().await?, "the customer is not there");
    let here = sockets_open(&rest).await;
    let started = Instant::now();
    proxy.set(fault);
    // A half-open client still receives; it answers as well as it can.
    let reading =
        tokio::spawn(async move { while let Ok(Some(_)) = customer.next(&mut view).await {} });
    let gone = form.deadline(Duration::from_secs(45));
    while sockets_open(&rest).await >= here {
        ensure!(started.elapsed() < gone, "{name}: still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let noticed = started.elapsed();
    let offline = form.deadline(Duration::from_secs(15));
    while online().await? {
        ensure!(
            started.elapsed() < noticed + offline,
            "{name}: still shown as online"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    reading.abort();
    line.figure(
        name,
        format!(
            "noticed after {:.0} s, presence corrected after {:.0} s",
            noticed.as_secs_f64(),
            started.elapsed().as_secs_f64()
        ),
        "noticed ≤ 45 s, presence 10 s later",
        true,
    )?;
    server.kill().await?;
    setup.log()?;
    Ok(())
}

/// SIGTERM under load, through connections that are slow or cut.
pub(crate) async fn graceful_restarts(form: Form, line: Line) -> Result<()> {
    let restarts = form.pick(3, 30);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let proxy = Proxy::before(server.addr).await?;
    let mut workload = Workload::start(server.addr, 8, Behavior::PLAIN, form.seed).await?;
    let mut slowest = Duration::ZERO;
    let mut notified = 0;
    for at in 0..restarts {
        workload.wait_for_acks(workload.acks() + 200).await?;
        proxy.set(if at % 2 == 0 {
            proxy::Line::Slow(Duration::from_millis(5))
        } else {
            proxy::Line::Cut
        });
        let room = Room::open(&server.rest()).await?;
        let mut view = View::default();
        let mut witness =
            VisitorSocket::connect(proxy.addr, room.id, &room.token, &mut view).await?;
        let witness = tokio::spawn(async move {
            while let Ok(Some(frame)) = witness.next(&mut view).await {
                if let VisitorServerFrame::Event(ServerFrame::GoingAway { .. }) = frame {
                    return true;
                }
            }
            false
        });
        let started = Instant::now();
        let within = form.deadline(Duration::from_secs(10));
        let status = server.terminate(within).await;
        let status = status.with_context(|| format!("it does not end within {within:?}"))?;
        ensure!(status.success(), "it ended with {status}");
        slowest = slowest.max(started.elapsed());
        notified += usize::from(witness.await?);
        server = setup.serve().await?;
        workload.reconnect_to(server.addr);
    }
    workload.wait_for_acks(workload.acks() + 50).await?;
    let histories = workload.finish().await?;
    server.kill().await?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    setup.log()?;
    line.figure(
        &format!("{restarts} × SIGTERM under load"),
        format!(
            "exit 0 in at most {:.1} s, {notified} of {restarts} watched sockets notified; {verdict}",
            slowest.as_secs_f64()
        ),
        "exit ≤ 10 s, sockets notified, 0 acked lost",
        verdict.faults() == 0 && verdict.unknown == 0 && notified == restarts,
    )
}
