//! The measured server: one that is started for a scenario, or one that runs already.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::peer;
use crate::wire_format::WireFormat;

/// The agent that a started server has.
const AGENT: (&str, &str) = ("load", "a password for the load generator");

/// Which server is measured.
#[derive(Clone)]
pub(crate) enum Target {
    /// A binary, started for each scenario with a new database.
    Binary(PathBuf),
    /// A server that runs already. Its process cannot be measured.
    Running {
        addr: SocketAddr,
        /// An agent's name and password, for scenarios with consoles.
        agent: Option<(String, String)>,
    },
    /// The peer, a program of load/peer, started as the binary is.
    Peer(peer::Program),
}

/// Thousands of sockets need as many descriptors; the servers inherit the limit.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // If the limit stays too low, a connection fails and names the reason.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

/// A process whose processor time and memory are read from /proc. Without a pid (a server that this
/// program has not started) they are NaN.
#[derive(Clone, Copy)]
pub(crate) struct Process(Option<u32>);

impl Process {
    /// That of a child.
    pub(crate) fn of(child: &Child) -> Result<Self> {
        Ok(Self(Some(child.id().context("it runs")?)))
    }

    /// The load generator itself.
    pub(crate) fn own() -> Self {
        Self(Some(std::process::id()))
    }

    /// Resident memory.
    pub(crate) fn resident_bytes(self) -> Result<u64> {
        Ok(self.status_kib("VmRSS:")? * 1024)
    }

    /// The most memory that was resident since the last call of this function, if the kernel
    /// lets it be reset.
    pub(crate) fn high_water_bytes(self) -> Result<u64> {
        let most = self.status_kib("VmHWM:")?;
        let pid = self.0.context("nothing is known of this server's memory")?;
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
        Ok(most * 1024)
    }

    fn status_kib(self, what: &str) -> Result<u64> {
        let pid = self.0.context("nothing is known of this server's memory")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find(|line| line.starts_with(what));
        let figure = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(figure.with_context(|| format!("no {what}"))?.parse()?)
    }

    /// Processor time so far, of all threads.
    pub(crate) fn cpu_seconds(self) -> Result<f64> {
        let Some(pid) = self.0 else {
            return Ok(f64::NAN);
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name before the last parenthesis may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("no name")?;
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }
}

/// A Shoptalk that is measured.
pub(crate) struct Server {
    child: Option<Child>,
    pub(crate) addr: SocketAddr,
    /// From the start of the process to the ready line.
    pub(crate) ready_in: Duration,
    binary: PathBuf,
    data_dir: PathBuf,
    agent: Option<(String, String)>,
    wire_format: WireFormat,
}

impl Server {
    /// The target; a binary serves this directory on a free port, without rate limits and with
    /// everything else on.
    pub(crate) async fn start(target: &Target, data_dir: &Path) -> Result<Self> {
        Self::start_with(target, data_dir, &[]).await
    }

    /// The same with these settings, as the environment names them; only a binary takes them.
    pub(crate) async fn start_with(
        target: &Target,
        data_dir: &Path,
        settings: &[(&str, String)],
    ) -> Result<Self> {
        let binary = match target {
            Target::Binary(binary) => binary,
            Target::Running { addr, agent } => {
                return Ok(Self {
                    child: None,
                    addr: *addr,
                    ready_in: Duration::ZERO,
                    binary: PathBuf::new(),
                    data_dir: PathBuf::new(),
                    agent: agent.clone(),
                    wire_format: WireFormat::Shoptalk,
                });
            }
            Target::Peer(program) => {
                let started = program.command(&data_dir.join("peer.db"));
                let mut server = Self::ready(started, Path::new(""), data_dir).await?;
                server.wire_format = WireFormat::SocketIo;
                return Ok(server);
            }
        };
        let mut add = Command::new(binary)
            .args(["agent", "add", AGENT.0, "--role", "admin"])
            .args(["--password-stdin", "--data-dir"])
            .arg(data_dir)
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} does not start; build it first", binary.display()))?;
        let mut stdin = add.stdin.take().context("its input is piped")?;
        stdin.write_all(format!("{}\n", AGENT.1).as_bytes()).await?;
        drop(stdin);
        // An agent that is there already is refused, which is as good.
        add.wait().await?;
        Self::serve(binary, data_dir, "127.0.0.1:0", settings).await
    }

    /// The target's binary as a node on a database in PostgreSQL, with nobody to sign in.
    pub(crate) async fn start_node(
        target: &Target,
        data_dir: &Path,
        url: &str,
        nats_url: Option<String>,
    ) -> Result<Self> {
        let Target::Binary(binary) = target else {
            bail!("nodes are started here: leave --server out");
        };
        let mut settings = vec![("SHOPTALK_STORAGE__URL", url.to_owned())];
        settings.extend(nats_url.map(|url| ("SHOPTALK_CLUSTER__NATS_URL", url)));
        Self::serve(binary, data_dir, "127.0.0.1:0", &settings).await
    }

    async fn serve(
        binary: &Path,
        data_dir: &Path,
        listen: &str,
        settings: &[(&str, String)],
    ) -> Result<Self> {
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", listen, "--data-dir"])
            .arg(data_dir)
            .env("SHOPTALK_LIMITS__ENABLED", "false")
            .env("SHOPTALK_LOG__FILTER", "error")
            .envs(settings.iter().map(|(name, value)| (name, value)));
        Self::ready(command, binary, data_dir).await
    }

    /// Starts a server and waits for its ready line.
    async fn ready(mut command: Command, binary: &Path, data_dir: &Path) -> Result<Self> {
        let started = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("its output is piped")?;
        let line = BufReader::new(stdout)
            .lines()
            .next_line()
            .await?
            .context("the server ended at once")?;
        let ready_in = started.elapsed();
        let addr = line
            .strip_prefix("listening on http://")
            .context("no ready line")?
            .parse()?;
        Ok(Self {
            child: Some(child),
            addr,
            ready_in,
            binary: binary.to_owned(),
            data_dir: data_dir.to_owned(),
            agent: Some((AGENT.0.to_owned(), AGENT.1.to_owned())),
            wire_format: WireFormat::Shoptalk,
        })
    }

    /// The frames that it understands.
    pub(crate) fn wire_format(&self) -> WireFormat {
        self.wire_format
    }

    /// The server's process.
    pub(crate) fn process(&self) -> Result<Process> {
        match &self.child {
            Some(child) => Process::of(child),
            None => Ok(Process(None)),
        }
    }

    /// The token of the agent's session.
    pub(crate) async fn sign_in(&self) -> Result<String> {
        if self.wire_format == WireFormat::SocketIo {
            return Ok(peer::AGENT.to_owned());
        }
        let (username, password) = self.agent.as_ref().context(
            "this scenario needs an agent: name one in SHOPTALK_LOAD_AGENT, as NAME:PASSWORD",
        )?;
        Ok(self.client().sign_in(username, password).await?.token)
    }

    /// Its calls over HTTP.
    pub(crate) fn client(&self) -> shoptalk_client::Server {
        shoptalk_client::Server::new(&format!("http://{}", self.addr))
    }

    /// Kills it and serves the same data at the same address again.
    pub(crate) async fn restart(mut self) -> Result<Self> {
        let child = self.child.as_mut();
        child
            .context("this server is not ours to kill")?
            .kill()
            .await?;
        Self::serve(&self.binary, &self.data_dir, &self.addr.to_string(), &[]).await
    }

    /// Runs a command of the binary beside the server, with one file.
    pub(crate) async fn run(&self, command: &str, file: &Path) -> Result<()> {
        let status = Command::new(&self.binary)
            .arg(command)
            .arg(file)
            .arg("--data-dir")
            .arg(&self.data_dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await?;
        ensure!(status.success(), "{command} ended with {status}");
        Ok(())
    }

    /// Asks it to drain and waits.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        let pid = child.id().and_then(|pid| Pid::from_raw(pid as i32));
        kill_process(pid.context("it runs")?, Signal::TERM)?;
        let status = child.wait().await?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}
