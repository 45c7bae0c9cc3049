use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Thousands of sockets need as many descriptors; the servers inherit the limit.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // What is not granted shows as a failed connection soon enough.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

/// The release binary as a process of its own.
pub(crate) struct Served {
    child: Child,
    pub(crate) addr: SocketAddr,
    /// From the start of the process to the ready line.
    pub(crate) ready_in: Duration,
}

impl Served {
    /// Serves this directory, without rate limits.
    pub(crate) async fn start(data_dir: &Path) -> Result<Self> {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_shoptalk"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .env("SHOPTALK_LIMITS__ENABLED", "false")
            .env("SHOPTALK_LOG__FILTER", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("its output is piped")?;
        let line = BufReader::new(stdout)
            .lines()
            .next_line()
            .await?
            .context("it ended at once")?;
        let ready_in = started.elapsed();
        let addr = line
            .strip_prefix("listening on http://")
            .context("no ready line")?
            .parse()?;
        Ok(Self {
            child,
            addr,
            ready_in,
        })
    }

    /// Resident memory, from /proc.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let pid = self.child.id().context("it runs")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .context("no VmRSS")?;
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .context("no figure")?
            .parse()?;
        Ok(kib * 1024)
    }

    /// Processor time so far, of all threads, from /proc.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let pid = self.child.id().context("it runs")?;
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

    /// Asks it to drain and waits.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(pid as i32))
            .context("it runs")?;
        kill_process(pid, Signal::TERM)?;
        self.child.wait().await?;
        Ok(())
    }
}
