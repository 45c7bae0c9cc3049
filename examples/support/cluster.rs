//! Three nodes, the PostgreSQL and the NATS that they share, a proxy in front, and a shop's page.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use shoptalk::config::Config;
use shoptalk::demo;
use shoptalk::persistence::Store;
use shoptalk_local_servers::{Nats, Postgres};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

/// How many nodes there are.
const NODES: usize = 3;
/// The database.
const DATABASE: &str = "shop";

/// All of them. Dropping it ends everything and deletes the data.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    /// Where the proxy is: visitors and agents connect to this.
    pub(crate) url: String,
    /// The shop's page.
    pub(crate) shop_url: String,
    pub(crate) database_url: String,
    pub(crate) bus_url: String,
    /// The data directories and logs of the nodes.
    pub(crate) directory: tempfile::TempDir,
    _serving: JoinSet<()>,
    _postgres: Postgres,
    _nats: Nats,
}

/// One process.
pub(crate) struct Node {
    process: Child,
    pub(crate) addr: SocketAddr,
    pub(crate) pid: u32,
}

impl Cluster {
    /// Starts everything. `program` is the binary of Shoptalk; the proxy listens on `listen`.
    pub(crate) async fn start(program: &Path, listen: SocketAddr) -> Result<Self> {
        let postgres = tokio::task::spawn_blocking(Postgres::start).await??;
        let nats = tokio::task::spawn_blocking(Nats::start).await??;
        postgres.psql("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
        let directory = tempfile::Builder::new()
            .prefix("shoptalk-cluster-")
            .tempdir()?;
        let database_url = postgres.url(DATABASE);
        fill(&database_url, directory.path()).await?;

        let proxy = bind(listen).await?;
        let shop = bind(SocketAddr::new(listen.ip(), 0)).await?;
        let url = format!("http://{}", proxy.local_addr()?);
        let shop_url = format!("http://{}", shop.local_addr()?);
        let mut nodes = Vec::new();
        for number in 1..=NODES {
            let mut command = Command::new(program);
            command
                .env("SHOPTALK_STORAGE__URL", &database_url)
                .env("SHOPTALK_CLUSTER__NATS_URL", nats.url())
                .env("SHOPTALK_SERVER__PUBLIC_URL", &url)
                .env("SHOPTALK_SERVER__ALLOWED_ORIGINS", &shop_url);
            nodes.push(
                Node::start(command, &directory.path().join(format!("node-{number}"))).await?,
            );
        }
        let mut serving = JoinSet::new();
        serving.spawn(take_turns(
            proxy,
            nodes.iter().map(|node| node.addr).collect(),
        ));
        serving.spawn(serve_page(shop, page(&url)));
        Ok(Self {
            nodes,
            url,
            shop_url,
            database_url,
            bus_url: nats.url(),
            directory,
            _serving: serving,
            _postgres: postgres,
            _nats: nats,
        })
    }

    /// Drains the nodes that are left, then ends the rest.
    pub(crate) async fn stop(mut self) -> Result<()> {
        for node in &mut self.nodes {
            // One that was killed has ended already.
            if node.process.try_wait()?.is_none() {
                let status = node.drain().await?;
                ensure!(
                    status.success(),
                    "the node at {} ended with {status}",
                    node.addr
                );
            }
        }
        Ok(())
    }
}

impl Node {
    async fn start(mut command: Command, directory: &Path) -> Result<Self> {
        std::fs::create_dir(directory)?;
        let log = std::fs::File::create(directory.join("log"))?;
        let mut process = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(directory)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C in a terminal does not reach it: it is drained before the database ends.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start shoptalk: build it first")?;
        let pid = process.id().context("it has ended")?;
        let stdout = process.stdout.take().context("it has an output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let addr = line.trim().strip_prefix("listening on http://");
        let addr = addr.with_context(|| {
            let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
            format!("the node does not listen: {log}")
        })?;
        let addr = addr.parse()?;
        Ok(Self { process, addr, pid })
    }

    async fn drain(&mut self) -> Result<ExitStatus> {
        let pid = Pid::from_raw(i32::try_from(self.pid)?).context("a process id")?;
        kill_process(pid, Signal::TERM)?;
        Ok(self.process.wait().await?)
    }
}

async fn bind(listen: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))
}

/// Writes the demo's conversations and its agent.
async fn fill(database_url: &str, directory: &Path) -> Result<()> {
    let mut config = Config::default();
    config.storage.url = Some(database_url.to_owned());
    config.storage.data_dir = directory.to_owned();
    let options = config.storage.options(false);
    let store = tokio::task::spawn_blocking(|| Store::open(options)).await??;
    demo::fill(&store).await?;
    store.close().await;
    Ok(())
}

/// Leads each connection to the next node; one that cannot be reached is passed over.
async fn take_turns(listener: TcpListener, nodes: Vec<SocketAddr>) {
    let (nodes, next) = (Arc::new(nodes), AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let (nodes, first) = (nodes.clone(), next.fetch_add(1, Ordering::Relaxed));
        connections.spawn(async move {
            for turn in 0..nodes.len() {
                let node = nodes[(first + turn) % nodes.len()];
                if let Ok(mut server) = TcpStream::connect(node).await {
                    // A connection that breaks ends the other half.
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                    return;
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// The page of a shop on another origin than the chat's.
fn page(chat_url: &str) -> String {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>A shop</title>\
         <h1>A shop</h1><p>Its chat is served by three nodes.</p>\
         <script async src=\"{chat_url}/widget.js\"></script></html>"
    );
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// Sends the page to whoever asks for anything.
async fn serve_page(listener: TcpListener, page: String) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let page = page.clone();
        connections.spawn(async move {
            let mut request = [0; 4_096];
            // Whoever hangs up gets nothing.
            if client.read(&mut request).await.is_ok() {
                let _ = client.write_all(page.as_bytes()).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
