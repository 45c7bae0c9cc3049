//! P16: clients that are connected when their server is restored from a backup.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use shoptalk_client::{
    Agent, AgentEvent, Events, OpenRoom, Server, SocketOptions, StopReason, Visitor, VisitorEvent,
    VisitorOptions,
};
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use crate::common::{DEADLINE, PASSWORD};
use crate::process::Setup;
use crate::report::{Form, Line};

/// Messages that each customer posts before the backup, and after it.
const BEFORE: usize = 3;
const AFTER: usize = 2;
/// Consoles that are open.
const CONSOLES: usize = 5;

/// Customers and agents whose server is stopped, restored and started again. A customer whose room
/// is in the backup sees the room as the database has it, with what was posted meanwhile; one whose
/// room is not keeps the unsent text; agents have to sign in.
pub(crate) async fn before_clients(form: Form, line: Line) -> Result<()> {
    let (known, unknown) = form.pick((18, 2), (900, 100));
    let mut setup = Setup::new();
    setup.add_agent().await?;
    let mut process = setup.serve().await?;
    let server = Server::new(&format!("http://{}", process.addr));
    let mut consoles = Vec::new();
    for _ in 0..CONSOLES {
        consoles.push(open_console(&server).await?);
    }
    let mut customers = Customer::open_many(&server, known).await?;
    post_and_wait(&mut customers, BEFORE).await?;
    let backup = setup.outside("backup.db").display().to_string();
    ensure!(
        setup.run(&["backup", &backup]).await?.success(),
        "no backup"
    );
    let mut strangers = Customer::open_many(&server, unknown).await?;
    post_and_wait(&mut customers, AFTER).await?;
    post_and_wait(&mut strangers, BEFORE).await?;
    process.terminate(DEADLINE).await?;
    let mut unsent = Vec::new();
    for customer in customers.iter().chain(&strangers) {
        unsent.push(customer.visitor.post("Is anybody there?")?);
    }
    ensure!(
        setup.run(&["restore", &backup]).await?.success(),
        "no restore"
    );
    process = setup.serve().await?;

    for (customer, id) in customers.iter_mut().zip(&unsent) {
        customer
            .until("what was posted meanwhile is acked", |shown| {
                shown.acked.contains(id)
            })
            .await?;
    }
    for customer in &mut customers {
        let stored = stored(&setup.database(), customer.visitor.room_id())?;
        ensure!(stored.len() == BEFORE + 1, "{} messages", stored.len());
        customer
            .until("the view equals the database", |shown| {
                shown.messages == stored
            })
            .await?;
    }
    for (stranger, id) in strangers.iter_mut().zip(&unsent[known..]) {
        stranger
            .until("the unsent text is handed back", |shown| {
                shown.handed_back.as_deref() == Some(&[*id])
            })
            .await?;
    }
    for console in &mut consoles {
        let stopped = timeout(DEADLINE, stopped(console))
            .await
            .context("a console goes on")?;
        ensure!(
            matches!(&stopped, Some(StopReason::Closed(closed)) if closed.code() == Some(4500)),
            "{stopped:?}"
        );
    }
    let listed = list_rooms(&server).await?;
    process.terminate(DEADLINE).await?;
    setup.log()?;
    line.figure(
        &format!(
            "{} clients and {CONSOLES} consoles before a restore",
            known + unknown
        ),
        format!(
            "{known} show the restored room and what they posted meanwhile, {unknown} whose room is not in the backup have their text back; consoles end with 4500, the next one lists {listed} rooms"
        ),
        "every view equals the database",
        listed == known,
    )
}

/// A message as a page shows it.
type Entry = (u64, Uuid, String);

/// What a customer's page shows.
#[derive(Default)]
struct Shown {
    messages: Vec<Entry>,
    acked: HashSet<Uuid>,
    /// After the client has stopped: what was not sent.
    handed_back: Option<Vec<Uuid>>,
}

struct Customer {
    visitor: Visitor,
    shown: watch::Receiver<Shown>,
}

impl Customer {
    async fn open_many(server: &Server, count: usize) -> Result<Vec<Self>> {
        let mut customers = Vec::with_capacity(count);
        for _ in 0..count {
            let opened = server.open_room(None, &OpenRoom::default()).await?;
            let token = opened.token.context("a token")?;
            let options = VisitorOptions::default();
            let (visitor, events) = Visitor::start(server, opened.room.id, &token, options);
            let (show, shown) = watch::channel(Shown::default());
            tokio::spawn(follow(events, show));
            customers.push(Self { visitor, shown });
        }
        Ok(customers)
    }

    /// Waits until the page shows it.
    async fn until(&mut self, what: &str, condition: impl FnMut(&Shown) -> bool) -> Result<()> {
        let waited = timeout(DEADLINE, self.shown.wait_for(condition)).await;
        if let Ok(shown) = waited.map(|shown| shown.map(drop)) {
            return Ok(shown?);
        }
        let shown = self.shown.borrow();
        anyhow::bail!(
            "not so: {what}; shown are {:?}, acked {}, handed back {:?}",
            shown.messages,
            shown.acked.len(),
            shown.handed_back
        )
    }
}

/// Keeps what is shown as a page does.
async fn follow(mut events: Events<VisitorEvent>, show: watch::Sender<Shown>) {
    while let Some(event) = events.next().await {
        show.send_modify(|shown| match event {
            VisitorEvent::Connected { resumed: false, .. } => shown.messages.clear(),
            VisitorEvent::Message(message) => {
                shown
                    .messages
                    .push((message.seq, message.id, message.content));
            }
            VisitorEvent::Acked { id, .. } => {
                shown.acked.insert(id);
            }
            VisitorEvent::Stopped { unsettled, .. } => {
                shown.handed_back = Some(unsettled.iter().map(|unsent| unsent.id).collect());
            }
            _ => {}
        });
    }
}

/// Each customer posts this many messages, all of which are acked.
async fn post_and_wait(customers: &mut [Customer], messages: usize) -> Result<()> {
    let mut posted = Vec::new();
    for customer in customers.iter() {
        for number in 0..messages {
            posted.push(customer.visitor.post(format!("Message {number} of mine"))?);
        }
    }
    for (customer, ids) in customers.iter_mut().zip(posted.chunks(messages)) {
        customer
            .until("all is acked", |shown| {
                ids.iter().all(|id| shown.acked.contains(id))
            })
            .await?;
    }
    Ok(())
}

/// The room's log in the database.
fn stored(database: &Path, room: Uuid) -> Result<Vec<Entry>> {
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut log = conn.prepare(
        "SELECT m.seq, m.id, m.content FROM messages m JOIN rooms r ON r.pk = m.room
         WHERE r.id = ?1 ORDER BY m.seq",
    )?;
    let rows = log.query_map([room], |row| {
        Ok((
            row.get::<_, i64>(0)?.unsigned_abs(),
            row.get(1)?,
            row.get(2)?,
        ))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A console that has listed the rooms.
async fn open_console(server: &Server) -> Result<(Agent, Events<AgentEvent>)> {
    let session = server.sign_in("ada", PASSWORD).await?;
    let (agent, mut events) = Agent::start(server, &session.token, SocketOptions::default());
    let listed = async {
        while let Some(event) = events.next().await {
            if matches!(event, AgentEvent::Listed) {
                return Ok(());
            }
        }
        anyhow::bail!("no list")
    };
    timeout(DEADLINE, listed)
        .await
        .context("no list in time")??;
    Ok((agent, events))
}

/// Why a console has stopped.
async fn stopped((_agent, events): &mut (Agent, Events<AgentEvent>)) -> Option<StopReason> {
    while let Some(event) = events.next().await {
        if let AgentEvent::Stopped { reason, .. } = event {
            return Some(reason);
        }
    }
    None
}

/// How many rooms a new console lists.
async fn list_rooms(server: &Server) -> Result<usize> {
    let session = server.sign_in("ada", PASSWORD).await?;
    let (_agent, mut events) = Agent::start(server, &session.token, SocketOptions::default());
    let mut rooms = HashSet::new();
    let listed = async {
        while let Some(event) = events.next().await {
            match event {
                AgentEvent::Summary(summary) => {
                    rooms.insert(summary.room.id);
                }
                AgentEvent::Listed => return Ok(()),
                _ => {}
            }
        }
        anyhow::bail!("no list")
    };
    timeout(DEADLINE, listed)
        .await
        .context("no list in time")??;
    Ok(rooms.len())
}
