//! P18: nothing grows over a long run.

use anyhow::Result;

use crate::common::eventually;
use crate::history::check_histories;
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload};

const MIB: u64 = 1024 * 1024;

pub(crate) async fn soak(form: Form, line: Line) -> Result<()> {
    let generations = form.pick(5, 60);
    let each = form.pick(3_000, 25_000);
    let behavior = Behavior {
        repost: 0.05,
        cut: 0.01,
        readers: 2,
    };
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let log = setup.data_dir().join("shoptalk.db-wal");
    let (mut log_most, mut messages) = (0, 0);
    let (mut memory, mut descriptors) = (Vec::new(), Vec::new());
    let mut histories = Vec::new();
    for generation in 0..generations {
        // Visitors arrive, post, are cut off, come back and leave.
        let mut workload =
            Workload::start(server.addr, 16, behavior, form.seed ^ generation).await?;
        let mut goal = 0;
        while goal < each {
            goal += each / 10;
            workload.wait_for_acks(goal).await?;
            log_most = log_most.max(std::fs::metadata(&log)?.len());
        }
        messages += workload.acks();
        histories.extend(workload.finish().await?);
        let rest = server.rest();
        eventually("all sockets have gone", || async {
            rest.get("/metrics")
                .await
                .text
                .contains("shoptalk_sockets{side=\"visitor\"} 0")
        })
        .await;
        memory.push(server.resident()?);
        // The calls of those people had connections, which are closed a little later; the client
        // for metrics may keep one or two.
        let first = descriptors.first().copied().unwrap_or(usize::MAX);
        eventually("the descriptors are as many as at first", async || {
            server
                .descriptors()
                .is_ok_and(|open| open.saturating_sub(4) <= first)
        })
        .await;
        descriptors.push(server.descriptors()?);
    }
    server.kill().await?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    setup.log()?;
    verdict.clean()?;
    let quarter = memory.len() / 4;
    let growth = memory[memory.len() - 1] as f64 / memory[quarter] as f64;
    line.figure(
        &format!("{messages} messages of {} customers, cut at random", generations * 48),
        format!(
            "WAL at most {:.1} MiB, {} descriptors at the end and {} at the start, memory {:.0} → {:.0} MiB ({growth:.2} ×); {verdict}",
            log_most as f64 / MIB as f64,
            descriptors[descriptors.len() - 1],
            descriptors[0],
            memory[quarter] as f64 / MIB as f64,
            memory[memory.len() - 1] as f64 / MIB as f64,
        ),
        "WAL ≤ 64 MiB, descriptors and memory flat (≤ 1.2 × in the long form)",
        log_most <= 64 * MIB && (!form.long || growth <= 1.2),
    )
}
