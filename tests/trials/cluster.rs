//! Several nodes of the real binary on one database.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use shoptalk_local_servers::{Database, Nats, Postgres, unless_missing};
use tokio::task::block_in_place;

use crate::history::{RoomHistory, Verdict, check_histories_in_postgres};
use crate::process::{Process, Setup};
use crate::workload::Workload;

/// Nodes, what they share, and NATS between them where it is installed.
pub(crate) struct Cluster {
    nodes: Vec<Node>,
    pub(crate) database: Database<'static>,
    _nats: Option<Nats>,
}

struct Node {
    setup: Setup,
    process: Process,
}

/// A new database on the server that all trials share.
pub(crate) fn new_database() -> Result<Database<'static>> {
    block_in_place(|| {
        let server = Postgres::shared().context("PostgreSQL is not installed")?;
        Ok(server.create_database()?)
    })
}

impl Cluster {
    /// Starts as many nodes on a new database.
    pub(crate) async fn start(nodes: usize) -> Result<Self> {
        let database = new_database()?;
        let url = database.url();
        Self::start_at(database, &url, nodes).await
    }

    /// Starts as many nodes that reach this database at `url`.
    pub(crate) async fn start_at(
        database: Database<'static>,
        url: &str,
        count: usize,
    ) -> Result<Self> {
        let nats = block_in_place(|| unless_missing(Nats::start()));
        let mut nodes = Vec::new();
        for _ in 0..count {
            let mut setup = Setup::new().with("SHOPTALK_STORAGE__URL", url);
            if let Some(nats) = &nats {
                setup = setup.with("SHOPTALK_CLUSTER__NATS_URL", &nats.url());
            }
            let process = setup.serve().await?;
            nodes.push(Node { setup, process });
        }
        Ok(Self {
            nodes,
            database,
            _nats: nats,
        })
    }

    /// Where the nodes listen, which never changes.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.process.addr).collect()
    }

    /// Kills a node, as if its machine had lost power.
    pub(crate) async fn kill(&mut self, node: usize) -> Result<()> {
        self.nodes[node].process.kill().await
    }

    /// Starts a killed node again.
    pub(crate) async fn start_again(&mut self, node: usize) -> Result<()> {
        let node = &mut self.nodes[node];
        node.process = node.setup.serve().await?;
        Ok(())
    }

    /// Holds what people know against the database.
    pub(crate) fn check(&self, histories: &[RoomHistory]) -> Result<Verdict> {
        let psql = |sql: &str| self.database.psql(sql);
        let verdict = block_in_place(|| check_histories_in_postgres(psql, histories))?;
        verdict.clean()?;
        Ok(verdict)
    }

    /// Lets a load end and checks it, then ends the nodes, none of which may have panicked.
    pub(crate) async fn judge(self, workload: Workload) -> Result<Verdict> {
        let verdict = self.check(&workload.finish().await?)?;
        self.end().await?;
        Ok(verdict)
    }

    /// Ends the nodes, none of which may have panicked.
    pub(crate) async fn end(self) -> Result<()> {
        for mut node in self.nodes {
            node.process.kill().await?;
            node.setup.log()?;
        }
        Ok(())
    }
}
