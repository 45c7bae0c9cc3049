//! The real binary, to be killed, stopped and started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::common::{DEADLINE, Rest};
use crate::faults::Faults;
use crate::report::Form;

/// How a server is started.
pub(crate) struct Setup {
    dir: tempfile::TempDir,
    listen: SocketAddr,
    settings: Vec<(&'static str, String)>,
    pub(crate) faults: Option<Faults>,
    wrapper: Option<[&'static str; 3]>,
}

impl Setup {
    /// Without limits, on a free port, with data of its own.
    pub(crate) fn new() -> Self {
        let setup = Self {
            dir: tempfile::tempdir().expect("a directory for the data"),
            listen: "127.0.0.1:0".parse().expect("an address"),
            settings: vec![
                ("SHOPTALK_LIMITS__ENABLED", "false".to_owned()),
                ("SHOPTALK_LOG__FILTER", "warn".to_owned()),
            ],
            faults: None,
            wrapper: None,
        };
        if Form::from_environment().long {
            return setup;
        }
        // In the short form a slow machine is no failure, neither of a client nor of the disk.
        setup
            .with("SHOPTALK_SOCKET__HELLO_TIMEOUT_MS", "60000")
            .with("SHOPTALK_SOCKET__PONG_TIMEOUT_MS", "60000")
            .with("SHOPTALK_SOCKET__POST_TIMEOUT_MS", "60000")
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.settings.push((name, value.to_owned()));
        self
    }

    pub(crate) fn failing(mut self, faults: Faults) -> Self {
        self.faults = Some(faults);
        self
    }

    /// The server may have 256 files open, connections included.
    pub(crate) fn with_few_files(mut self) -> Self {
        self.wrapper = Some(["env", "--", r#"ulimit -n 256 && exec "$@""#]);
        self
    }

    /// The data lie on a file system of this size in memory, which only the server sees.
    pub(crate) fn on_a_small_disk(mut self) -> Self {
        self.wrapper = Some([
            "unshare",
            "-rm",
            r#"mount -t tmpfs -o size=128m none "$DISK" && exec "$@""#,
        ]);
        self
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.data_dir().join("shoptalk.db")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// What the servers have logged. A panic in it fails the trial.
    pub(crate) fn log(&self) -> anyhow::Result<String> {
        let log = std::fs::read_to_string(self.log_path())?;
        anyhow::ensure!(!log.contains("panicked"), "the server panicked:\n{log}");
        Ok(log)
    }

    fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let data_dir = self.data_dir();
        std::fs::create_dir_all(&data_dir)?;
        let mut command = match self.wrapper {
            None => Command::new(binary()),
            Some([program, flags, script]) => {
                let mut command = Command::new(program);
                command
                    .args([flags, "sh", "-c", script, "sh"])
                    .arg(binary())
                    .env("DISK", &data_dir);
                command
            }
        };
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(&data_dir)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(self.log_path())?,
            )
            .kill_on_drop(true);
        if let Some(faults) = &self.faults {
            command.envs(faults.environment(&data_dir));
        }
        Ok(command)
    }

    /// Starts it and waits for the ready line. From the second time on it has the same port.
    pub(crate) async fn serve(&mut self) -> anyhow::Result<Process> {
        let listen = self.listen.to_string();
        let mut child = self
            .command(&["serve", "--listen", &listen])?
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().expect("its output is piped");
        let mut lines = BufReader::new(stdout).lines();
        let ready = timeout(DEADLINE, lines.next_line()).await??;
        let Some(addr) = ready.and_then(|line| {
            line.strip_prefix("listening on http://")
                .and_then(|addr| addr.parse().ok())
        }) else {
            let status = child.wait().await?;
            anyhow::bail!(
                "the server did not start ({status}):\n{}",
                std::fs::read_to_string(self.log_path())?
            );
        };
        self.listen = addr;
        Ok(Process { child, addr })
    }

    /// A path outside the data directory.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts a command whose output goes to the log.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> anyhow::Result<Child> {
        Ok(self.command(arguments)?.stdout(Stdio::null()).spawn()?)
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> anyhow::Result<ExitStatus> {
        Ok(timeout(DEADLINE, self.spawn(arguments)?.wait()).await??)
    }

    /// Kills a command at a random moment; it takes `whole` when nobody does.
    pub(crate) async fn kill_within(
        &self,
        arguments: &[&str],
        whole: Duration,
        random: &mut StdRng,
    ) -> anyhow::Result<()> {
        let mut child = self.spawn(arguments)?;
        tokio::time::sleep(whole.mul_f64(random.random_range(0.0..1.2))).await;
        child.kill().await?;
        Ok(())
    }

    /// Adds the admin "ada".
    pub(crate) async fn add_agent(&self) -> anyhow::Result<()> {
        self.with_password(&["agent", "add", "ada", "--password-stdin"])
            .await
    }

    /// Sets the password of "ada" again, which ends her sessions.
    pub(crate) async fn change_password(&self) -> anyhow::Result<()> {
        self.with_password(&["agent", "passwd", "ada", "--password-stdin"])
            .await
    }

    /// Runs a command that reads the password from its input.
    async fn with_password(&self, arguments: &[&str]) -> anyhow::Result<()> {
        use tokio::io::AsyncWriteExt;
        let mut child = self
            .command(arguments)?
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut stdin = child.stdin.take().expect("its input is piped");
        stdin.write_all(crate::common::PASSWORD.as_bytes()).await?;
        drop(stdin);
        anyhow::ensure!(child.wait().await?.success(), "{arguments:?} failed");
        Ok(())
    }
}

/// The binary under trial: `SHOPTALK_BIN`, or the one built with the tests.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("SHOPTALK_BIN").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_shoptalk")),
        PathBuf::from,
    )
}

/// A running server.
pub(crate) struct Process {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Process {
    pub(crate) fn rest(&self) -> Rest {
        Rest::new(self.addr)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    /// Kills it, as if only this process had lost power.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        Ok(timeout(DEADLINE, self.child.wait()).await??)
    }

    /// Sends SIGTERM and waits for the end: as long as the contract allows, and a little longer.
    pub(crate) async fn terminate(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        kill_process(
            Pid::from_raw(i32::try_from(self.pid())?).expect("a process id"),
            Signal::TERM,
        )?;
        Ok(timeout(within, self.child.wait()).await??)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .ok_or_else(|| anyhow::anyhow!("no VmRSS"))?;
        Ok(kib.trim().parse::<u64>()? * 1024)
    }

    /// How many descriptors are open.
    pub(crate) fn descriptors(&self) -> anyhow::Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.pid()))?.count())
    }

    /// Pauses it, copies its database as it is on the disk, and kills it.
    pub(crate) async fn freeze(&mut self, setup: &Setup, to: &Path) -> anyhow::Result<PathBuf> {
        kill_process(
            Pid::from_raw(i32::try_from(self.pid())?).expect("a process id"),
            Signal::STOP,
        )?;
        let database = self.sees(&setup.database());
        for end in ["", "-wal"] {
            let file = PathBuf::from(format!("{}{end}", database.display()));
            std::fs::copy(file, to.join(format!("shoptalk.db{end}")))?;
        }
        self.kill().await?;
        Ok(to.join("shoptalk.db"))
    }

    /// What the server sees at this path of the outside.
    pub(crate) fn sees(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.pid(), path.display()))
    }
}
