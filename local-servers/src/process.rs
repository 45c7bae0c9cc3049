//! A server's directory and its process, which end with this process however it ends:
//!
//! - The kernel sends the server a signal when the thread that started it ends (`setpriv
//!   --pdeathsig`). So all are started from one thread that lives as long as this process.
//! - A shell removes the directory. It reads a pipe whose other end this process and the server's
//!   processes hold, so it gets the end of the input when the last of them is gone.

use std::fs::File;
use std::io::PipeWriter;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Error, programs};

/// How long a server may take to start: long enough for the slowest machine.
const START_SECONDS: u64 = 180;
/// Between two looks at a server that starts.
const POLL: Duration = Duration::from_millis(5);

/// Reads until the end of the input, then removes the directory `$1`. Signals that reach all
/// processes of a terminal or job must not stop it.
const REMOVE: &str = r#"trap '' HUP INT QUIT TERM; while read -r line; do :; done; rm -rf -- "$1""#;

/// A temporary directory for a server. Dropping it waits until it is removed.
pub(crate) struct Directory {
    path: PathBuf,
    /// Held by every process that uses the directory; `None` once dropped.
    user: Option<PipeWriter>,
    remover: Child,
}

impl Directory {
    pub(crate) fn new() -> Result<Self, Error> {
        let path = tempfile::Builder::new()
            .prefix("shoptalk-server-")
            .tempdir()
            .map_err(Error::io("a temporary directory"))?
            .keep();
        let (end, user) = std::io::pipe().map_err(Error::io("a pipe"))?;
        let remover = Command::new("sh")
            .args(["-c", REMOVE, "sh"])
            .arg(&path)
            .current_dir("/")
            .stdin(end)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("sh"))?;
        Ok(Self {
            path,
            user: Some(user),
            remover,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn user(&self) -> Result<PipeWriter, Error> {
        let user = self.user.as_ref().expect("it is not dropped");
        user.try_clone().map_err(Error::io("a pipe"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.user = None;
        let _ = self.remover.wait();
    }
}

/// A server: its directory, and its process while it runs.
pub(crate) struct ServerProcess {
    program: &'static str,
    process: Mutex<Option<Child>>,
    directory: Directory,
}

impl ServerProcess {
    pub(crate) fn new(program: &'static str, directory: Directory) -> Self {
        Self {
            program,
            process: Mutex::new(None),
            directory,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    fn log_file(&self) -> PathBuf {
        self.path().join("log")
    }

    /// The end of what the server has logged.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read(self.log_file()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Starts the server and waits until it is `ready`. It gets `signal` when this process ends.
    pub(crate) fn start(
        &self,
        server: &Command,
        signal: &str,
        prepare: impl FnOnce(&mut Command),
        ready: impl Fn() -> bool,
    ) -> Result<(), Error> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .map_err(Error::io("the server's log"))?;
        let mut command = Command::new(programs::setpriv()?);
        command
            .args(["--pdeathsig", signal, "--"])
            .arg(server.get_program())
            .args(server.get_args())
            .current_dir(self.path())
            // Ctrl-C in a terminal reaches whoever started it alone, which then ends it in its turn.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(self.directory.user()?)
            .stderr(log);
        prepare(&mut command);
        let mut process = self.process();
        assert!(process.is_none(), "{} runs already", self.program);
        let mut child = spawn(command).map_err(Error::io(self.program))?;
        let started = self.wait_until_ready(&mut child, ready);
        if started.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        } else {
            *process = Some(child);
        }
        started
    }

    fn wait_until_ready(&self, child: &mut Child, ready: impl Fn() -> bool) -> Result<(), Error> {
        let start = Instant::now();
        while !ready() {
            if child.try_wait().map_err(Error::io(self.program))?.is_some() {
                return Err(Error::Failed {
                    program: self.program.to_owned(),
                    output: self.log(),
                });
            }
            if start.elapsed().as_secs() >= START_SECONDS {
                return Err(Error::NotReady {
                    program: self.program,
                    seconds: START_SECONDS,
                    log: self.log(),
                });
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Sends SIGKILL and waits for the end. Nothing happens if it does not run.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.process().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits until the process, which something else stops, has ended.
    pub(crate) fn wait(&self) -> Result<(), Error> {
        match self.process().take() {
            Some(mut child) => child.wait().map(drop).map_err(Error::io(self.program)),
            None => Ok(()),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process().is_some()
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // The processes of a killed postmaster end by themselves; the remover waits for them.
        self.kill();
    }
}

type Spawned = std::io::Result<Child>;

/// Starts a process from the thread that lives as long as this process.
fn spawn(command: Command) -> Spawned {
    static SPAWNER: LazyLock<Sender<(Command, Sender<Spawned>)>> = LazyLock::new(|| {
        let (commands, received) = channel::<(Command, Sender<Spawned>)>();
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for (mut command, reply) in received {
                    let _ = reply.send(command.spawn());
                }
            })
            .expect("a thread");
        commands
    });
    let (reply, spawned) = channel();
    SPAWNER
        .send((command, reply))
        .expect("the spawner lives as long as the process");
    spawned.recv().expect("the spawner replies")
}
