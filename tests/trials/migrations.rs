//! G10: a shop moves from SQLite to PostgreSQL, although the command is killed on the way.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shoptalk_local_servers::{Database, Postgres};
use uuid::Uuid;

use crate::cluster::new_database;
use crate::common::{DEADLINE, Rest, Socket, Value, json};
use crate::crowd::{self, Size};
use crate::fixtures::sign_in;
use crate::history::{RoomHistory, check_histories_in_postgres};
use crate::process::{Process, Setup};
use crate::proxy::Proxy;
use crate::report::{Form, Line};
use crate::visitor_socket::catch_up;
use crate::workload::{Behavior, Workload};

/// How long a killed server of the trial may take to drain.
const DRAIN: Duration = DEADLINE;

/// The command is killed when a random part of the copy has passed, and run again until it says that
/// the shop has moved: everything is there, and everybody goes on where they were.
pub(crate) async fn killed(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(3, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    let shop = Shop::create(form).await?;
    let server = Postgres::shared().context("PostgreSQL is not installed")?;
    let proxy = Proxy::before((Ipv4Addr::LOCALHOST, server.port()).into()).await?;
    let url =
        |database: &Database<'_>| format!("postgres://shoptalk@{}/{}", proxy.addr, database.name());
    let whole = {
        let (copy, database, before) = (shop.copy()?, new_database()?, proxy.passed());
        let migrated = copy.run(&["migrate", "--to", &url(&database)]).await?;
        ensure!(migrated.success(), "migrate: {migrated}\n{}", copy.log()?);
        proxy.passed() - before
    };
    let (mut killed, mut had_moved) = (0, 0);
    for kill in 0..kills {
        let (copy, database) = (shop.copy()?, new_database()?);
        // Every other time about when it is committed.
        let first = if kill % 2 == 0 { 0 } else { whole - whole / 50 };
        let end = proxy.passed() + random.random_range(first..=whole);
        let mut migrate = copy.spawn(&["migrate", "--to", &url(&database)])?;
        while proxy.passed() < end && migrate.try_wait()?.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        killed += u32::from(migrate.try_wait()?.is_none());
        migrate.kill().await?;
        had_moved += u32::from(has_messages(&database)?);
        finish(&copy, &url(&database)).await?;
        shop.is_whole_in(&database).await?;
    }
    line.figure(
        &format!("migrate killed {kills} times and run again"),
        format!(
            "{killed} killed part-way, {had_moved} of them when all was there; {} REST pages as before, \
             cursors and tokens go on",
            shop.pages.len()
        ),
        "every REST page before equals the one after; cursors go on",
        !form.long || killed > 0,
    )
}

/// A large database, in one go.
pub(crate) async fn large(form: Form, line: Line) -> Result<()> {
    let messages = form.pick(20_000, 1_000_000);
    let setup = Setup::new();
    crowd::fill(&setup.data_dir(), size(messages), form.seed).await?;
    let database = new_database()?;
    let began = Instant::now();
    let migrated = setup.run(&["migrate", "--to", &database.url()]).await?;
    let took = began.elapsed();
    ensure!(migrated.success(), "migrate: {migrated}\n{}", setup.log()?);
    let stored: usize = database.psql("SELECT count(*) FROM messages")?.parse()?;
    line.figure(
        &format!("{messages} messages migrate"),
        format!("{stored} in {took:.1?}"),
        "1,000,000 in ≤ 60 s",
        stored == messages && (!form.long || took <= Duration::from_secs(60)),
    )
}

fn size(messages: usize) -> Size {
    Size {
        people: 0,
        of_each: 0,
        others: messages,
        in_each_room: 50,
    }
}

/// Whether the copy was committed.
fn has_messages(database: &Database<'_>) -> Result<bool> {
    if database.psql("SELECT to_regclass('messages')")?.is_empty() {
        return Ok(false);
    }
    Ok(database.psql("SELECT EXISTS (SELECT FROM messages)")? == "t")
}

/// Runs the command again until it succeeds: what a killed one has begun is undone soon.
async fn finish(setup: &Setup, url: &str) -> Result<()> {
    let began = Instant::now();
    while !setup.run(&["migrate", "--to", url]).await?.success() {
        ensure!(began.elapsed() < DEADLINE, "never moved: {}", setup.log()?);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// A shop in SQLite whose server has stopped, and what was seen of it.
struct Shop {
    setup: Setup,
    histories: Vec<RoomHistory>,
    rooms: Vec<(Uuid, String)>,
    agent_token: String,
    console: Value,
    pages: Vec<(String, String)>,
}

impl Shop {
    async fn create(form: Form) -> Result<Self> {
        let mut setup = Setup::new();
        let messages = form.pick(1_000, 50_000);
        crowd::fill(&setup.data_dir(), size(messages), form.seed).await?;
        setup.add_agent().await?;
        let mut server = setup.serve().await?;
        let mut workload = Workload::start(server.addr, 4, Behavior::PLAIN, form.seed).await?;
        workload.wait_for_acks(form.pick(100, 2_000)).await?;
        let rooms = workload.rooms();
        let histories = workload.finish().await?;
        // Whoever was online is so no more.
        ensure!(server.terminate(DRAIN).await?.success(), "it drains");
        server = setup.serve().await?;
        let agent_token = sign_in(&server).await?;
        let console = console(&server, json!({"token": agent_token})).await;
        let pages = pages(&server, &agent_token, &rooms).await?;
        ensure!(server.terminate(DRAIN).await?.success(), "it drains");
        Ok(Self {
            setup,
            histories,
            rooms,
            agent_token,
            console,
            pages,
        })
    }

    /// The same shop in another directory.
    fn copy(&self) -> Result<Setup> {
        let copy = Setup::new();
        copy_files(&self.setup.data_dir(), &copy.data_dir())?;
        Ok(copy)
    }

    /// Serves the database in PostgreSQL, and looks at it with the same eyes.
    async fn is_whole_in(&self, database: &Database<'_>) -> Result<()> {
        check_histories_in_postgres(|sql| database.psql(sql), &self.histories)?.clean()?;
        let mut setup = Setup::new().with("SHOPTALK_STORAGE__URL", &database.url());
        let mut server = setup.serve().await?;
        let pages = pages(&server, &self.agent_token, &self.rooms).await?;
        for (before, after) in self.pages.iter().zip(&pages) {
            let same = before
                .1
                .bytes()
                .zip(after.1.bytes())
                .take_while(|(a, b)| a == b);
            let from = same.count().saturating_sub(60);
            let part = |page: &str| page.chars().skip(from).take(120).collect::<String>();
            ensure!(
                before == after,
                "{} was {} and is {}",
                before.0,
                part(&before.1),
                part(&after.1)
            );
        }
        ensure!(pages.len() == self.pages.len(), "{} pages", pages.len());
        let hello = json!({"token": self.agent_token, "cursor": self.console["cursor"],
            "epoch": self.console["epoch"]});
        let welcome = console(&server, hello).await;
        ensure!(
            welcome["recovered"] == true && welcome["summaries"] == json!([]),
            "the console does not go on: {welcome}"
        );
        for history in &self.histories {
            let token = self.rooms.iter().find(|(id, _)| *id == history.room_id);
            let (room_id, token) = token.context("a room")?;
            let mut view = history.views[0].clone();
            catch_up(server.addr, *room_id, token, &mut view).await?;
            ensure!(
                view.seen == history.views[0].seen,
                "a visitor does not go on"
            );
        }
        server.kill().await?;
        setup.log().map(drop)
    }
}

/// A console's welcome, with the cursor of the last frame that belongs to it.
async fn console(server: &Process, mut hello: Value) -> Value {
    let mut socket = Socket::connect(server.addr, "/ws/admin/chat/").await;
    hello["type"] = json!("hello");
    socket.send(hello).await;
    let mut welcome = socket.expect("welcome").await;
    let mut more = welcome["more"].clone();
    while more == true {
        let page = socket.expect("summaries").await;
        welcome["cursor"] = page["cursor"].clone();
        more = page["more"].clone();
    }
    welcome
}

/// Every page of the lists of rooms and of messages: its path and its text.
async fn pages(
    server: &Process,
    agent_token: &str,
    rooms: &[(Uuid, String)],
) -> Result<Vec<(String, String)>> {
    let agent = server.rest().bearer(agent_token);
    let mut pages = Vec::new();
    let lists = [
        "/api/admin/rooms/?limit=50&cursor=",
        "/api/admin/rooms/?limit=50&order=waiting&status=waiting&cursor=",
    ];
    for list in lists {
        read_all(&agent, list, "", &mut pages).await?;
    }
    let listed: Vec<Value> = pages
        .iter()
        .map(|(_, text)| serde_json::from_str(text))
        .collect::<Result<_, _>>()?;
    for room in listed
        .iter()
        .flat_map(|page| page["results"].as_array())
        .flatten()
    {
        let id = room["id"].as_str().context("an id")?;
        let list = format!("/api/admin/rooms/{id}/messages/?limit=200&after=");
        read_all(&agent, &list, "0", &mut pages).await?;
    }
    for (room_id, token) in rooms {
        let visitor = server.rest().bearer(token);
        let list = format!("/api/chat/rooms/{room_id}/messages/?limit=50&after=");
        read_all(&visitor, &list, "0", &mut pages).await?;
    }
    Ok(pages)
}

/// Reads a list from its first page to its last.
async fn read_all(
    rest: &Rest,
    list: &str,
    first: &str,
    pages: &mut Vec<(String, String)>,
) -> Result<()> {
    let mut next = first.to_owned();
    loop {
        let path = format!("{list}{next}");
        let page = rest.get(path.trim_end_matches("&cursor=")).await;
        ensure!(page.status == 200, "{path}: {}", page.text);
        let value = page.json();
        pages.push((path, page.text));
        next = match &value["next"] {
            Value::Null => return Ok(()),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
    }
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            copy_files(&path, &to.join(name))?;
        } else if path.is_file() {
            std::fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
