//! P7: a database that has rotted.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::common::{Answer, Value};
use crate::people::{AtWork, Habits};
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::scene::{Scene, sign_in};

/// Bytes of a page of the database.
const PAGE: usize = 4096;

/// How a server took a flipped bit.
#[derive(Default)]
struct Taken {
    unnoticed: usize,
    /// Refused to start, and said why.
    not_started: usize,
    /// Noticed at work: writes refused, and `/readyz` says what to restore.
    refusing: usize,
}

/// One bit of the database flipped.
pub(crate) async fn flipped_bits(form: Form, line: Line) -> Result<()> {
    let copies = form.pick(40, 1_000);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let scene = Scene::set(&setup, &server, 30).await?;
    let people = AtWork::begin(server.addr, 8, Habits::PLAIN, form.seed).await?;
    let mut people = people;
    people.acked(400).await?;
    people.finish().await?;
    server.terminate(Duration::from_secs(30)).await?;
    let whole = std::fs::read(setup.database())?;
    let mut taken = Taken::default();
    for _ in 0..copies {
        let mut flipped = whole.clone();
        // Half of them where SQLite keeps its books, at the head of a page.
        let byte = if random.random() {
            random.random_range(0..flipped.len() / PAGE) * PAGE + random.random_range(0..12)
        } else {
            random.random_range(0..flipped.len())
        };
        let bit = byte * 8 + random.random_range(0..8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        for end in ["-wal", "-shm"] {
            let beside = setup.data_dir().join(format!("shoptalk.db{end}"));
            if beside.exists() {
                std::fs::remove_file(beside)?;
            }
        }
        std::fs::write(setup.database(), flipped)?;
        try_damaged(&mut setup, &scene, &mut taken)
            .await
            .with_context(|| {
                let said = setup.said().unwrap_or_default();
                let last = said.lines().rfind(|line| line.contains("ERROR"));
                format!("bit {bit} of {}: {last:?}", whole.len() * 8)
            })?;
        setup.said()?;
    }
    line.figure(
        &format!("one bit flipped in {copies} copies of a database"),
        format!(
            "0 panics; {} refused to start with the reason, {} refused writes, {} not noticed",
            taken.not_started, taken.refusing, taken.unnoticed
        ),
        "never a panic; where noticed, writes refused and `/readyz` says what to restore",
        taken.not_started + taken.refusing > 0,
    )
}

async fn try_damaged(setup: &mut Setup, scene: &Scene, taken: &mut Taken) -> Result<()> {
    let mut server = match setup.serve().await {
        Ok(server) => server,
        Err(refused) => {
            let refused = format!("{refused:#}");
            let last = refused.trim_end().lines().last().unwrap_or("");
            ensure!(last.contains("shoptalk:"), "no reason: {refused}");
            taken.not_started += 1;
            return Ok(());
        }
    };
    let mut damaged = false;
    let room = format!("/api/admin/rooms/{}/", scene.room_id);
    for (who, path) in [
        (&scene.visitor, scene.messages()),
        (&scene.agent, "/api/admin/rooms/?limit=200".to_owned()),
        (&scene.agent, "/api/admin/rooms/?q=kettle".to_owned()),
        (&scene.agent, format!("{room}messages/?limit=200")),
        (&scene.agent, "/api/admin/agents/".to_owned()),
    ] {
        damaged |= is_told(&who.get(&path).await)?;
    }
    for _ in 0..3 {
        damaged |= is_told(&scene.post().await?)?;
        damaged |= is_told(&sign_in(&server).await)?;
    }
    let ready = server.rest().get("/readyz").await;
    if damaged {
        // What was found once is not forgotten.
        let post = scene.post().await?;
        ensure!(
            !(200..300).contains(&post.status),
            "a damaged database takes a message: {}",
            post.text
        );
        ensure!(
            ready.status == 503 && ready.text.contains("restore"),
            "{} {}",
            ready.status,
            ready.text
        );
        taken.refusing += 1;
    } else {
        taken.unnoticed += 1;
    }
    server.kill().await
}

/// Whether an answer says that the database is damaged. A flip inside a hash or an id makes a
/// stranger of somebody, which is a refusal like any other; what is not allowed is an answer
/// that nobody can do anything with.
fn is_told(answer: &Answer) -> Result<bool> {
    if answer.status < 500 {
        return Ok(false);
    }
    let problem: Value = answer.json();
    ensure!(
        answer.status == 503 && problem["code"] == "storage_unavailable",
        "{} {problem}",
        answer.status
    );
    Ok(problem["detail"]
        .as_str()
        .is_some_and(|detail| detail.contains("restore")))
}
