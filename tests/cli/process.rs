use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::common::{DEADLINE, Rest};

const BINARY: &str = env!("CARGO_BIN_EXE_shoptalk");

/// A directory of one test's own, in which the binary runs with nothing but the
/// environment that the test gives it.
pub(crate) struct Place {
    dir: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let temporary = dir.path().join("tmp");
        std::fs::create_dir(&temporary).expect("a directory");
        let environment = vec![("TMPDIR".to_owned(), temporary.display().to_string())];
        Self { dir, environment }
    }

    /// The same with a variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The data directory that is used without `--data-dir`.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The directory for the binary's temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// Writes a file. The binary runs in this directory, so `name` is enough as an argument.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("written");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(args).stdin(Stdio::null());
        self.prepare(command)
    }

    /// A command to which a socket is passed as systemd does it, once under each of the names.
    fn command_with_socket(&self, args: &[&str], socket: OwnedFd, names: &[&str]) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args([
                "-c",
                "exec 3<&0 4<&0 </dev/null; export LISTEN_PID=$$; exec \"$@\"",
                "sh",
                BINARY,
            ])
            .args(args)
            .stdin(socket);
        let mut command = self.prepare(command);
        command
            .env("LISTEN_FDS", names.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"));
        command
    }

    fn prepare(&self, mut command: Command) -> Command {
        command
            .env_clear()
            // Passes on the library with which scripts/stress.sh slows processes down.
            .envs(std::env::vars_os().filter(|(name, _)| {
                name == "LD_PRELOAD" || name.to_string_lossy().starts_with("SLOW_SYNC_")
            }))
            .envs(self.environment.iter().cloned())
            .current_dir(self.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        let output = timeout(DEADLINE, self.command(args).output());
        Ended::from(args, output.await.expect("it ends").expect("it starts"))
    }

    /// Runs a command to which a socket is passed to its end.
    pub(crate) async fn run_with_socket(
        &self,
        args: &[&str],
        socket: impl Into<OwnedFd>,
        names: &[&str],
    ) -> Ended {
        let mut command = self.command_with_socket(args, socket.into(), names);
        let output = timeout(DEADLINE, command.output());
        Ended::from(args, output.await.expect("it ends").expect("it starts"))
    }

    /// Runs a command that reads a line from standard input.
    pub(crate) async fn run_with_input(&self, args: &[&str], input: &str) -> Ended {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("its input is piped");
        // A command that refuses before it reads has closed the pipe.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = timeout(DEADLINE, child.wait_with_output());
        Ended::from(args, output.await.expect("it ends").expect("it runs"))
    }

    /// Runs a command whose standard output is full.
    pub(crate) async fn run_into_full(&self, args: &[&str]) -> Ended {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let child = self
            .command(args)
            .stdout(full.expect("Linux has it"))
            .spawn();
        let output = timeout(DEADLINE, child.expect("it starts").wait_with_output());
        Ended::from(args, output.await.expect("it ends").expect("it runs"))
    }

    /// Adds an agent whose password comes from standard input.
    pub(crate) async fn add(&self, name: &str, password: &str, more: &[&str]) -> Ended {
        let args = [&["agent", "add", name, "--password-stdin"], more].concat();
        self.run_with_input(&args, &format!("{password}\n")).await
    }

    /// Serves on a free port.
    pub(crate) async fn serve(&self) -> Running {
        self.start(&["serve", "--listen", "127.0.0.1:0"]).await
    }

    /// Serves on a socket that is passed under this name.
    pub(crate) async fn serve_on(&self, socket: impl Into<OwnedFd>, name: &str) -> Running {
        let args = ["serve", "--listen", "127.0.0.1:0"];
        Self::wait_for(self.command_with_socket(&args, socket.into(), &[name])).await
    }

    /// Starts a command that serves and waits for its line.
    pub(crate) async fn start(&self, args: &[&str]) -> Running {
        Self::wait_for(self.command(args)).await
    }

    async fn wait_for(mut command: Command) -> Running {
        let mut child = command.spawn().expect("it starts");
        let stderr = child.stderr.take().expect("its log is piped");
        let (log, lines) = watch::channel(Vec::new());
        let logging = tokio::spawn(async move {
            let mut stderr = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = stderr.next_line().await {
                log.send_modify(|lines| lines.push(line));
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut line = String::new();
        timeout(DEADLINE, stdout.read_line(&mut line))
            .await
            .expect("the line comes in time")
            .expect("it is text");
        let ready = line
            .strip_prefix("listening on ")
            .and_then(|line| line.strip_suffix('\n'))
            .and_then(|url| url.split_once("://"))
            .and_then(|(scheme, addr)| Some((scheme.to_owned(), addr.parse().ok()?)));
        let (scheme, addr): (String, SocketAddr) = ready
            .unwrap_or_else(|| panic!("no listening line: {line:?}, log: {:?}", *lines.borrow()));
        assert_ne!(addr.port(), 0, "the real port");
        Running {
            child,
            scheme,
            addr,
            stdout,
            lines,
            logging,
        }
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    asked: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    fn from(args: &[&str], output: std::process::Output) -> Self {
        Self {
            asked: args.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Checks that it succeeded, and returns what it printed.
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Checks for bad usage or configuration: exit code 2, and one line with all of these words.
    #[track_caller]
    pub(crate) fn misused(&self, words: &[&str]) {
        self.refused(2, words);
        assert_eq!(self.stderr.lines().count(), 1, "one line: {self:?}");
    }

    /// Checks for a runtime failure: exit code 1, and a last line with all of these words.
    #[track_caller]
    pub(crate) fn failed(&self, words: &[&str]) {
        self.refused(1, words);
    }

    #[track_caller]
    fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.stdout, "", "{}", self.asked);
        self.refused_with(code, words);
    }

    /// Checks the exit code, and that the last line has all of these words.
    #[track_caller]
    pub(crate) fn refused_with(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let line = self.stderr.lines().last().unwrap_or_default();
        assert!(line.starts_with("shoptalk: "), "{self:?}");
        for word in words {
            assert!(line.contains(word), "'{word}' in: {self:?}");
        }
    }
}

/// A binary that serves. It is killed when dropped.
pub(crate) struct Running {
    child: Child,
    /// `http` or `https`.
    pub(crate) scheme: String,
    pub(crate) addr: SocketAddr,
    stdout: BufReader<ChildStdout>,
    lines: watch::Receiver<Vec<String>>,
    logging: JoinHandle<()>,
}

impl Running {
    pub(crate) fn rest(&self) -> Rest {
        Rest::new(self.addr)
    }

    /// Waits for a line on standard error with this text.
    pub(crate) async fn line(&mut self, text: &str) -> String {
        let has = |lines: &Vec<String>| lines.iter().any(|line| line.contains(text));
        let log = self.lines.clone();
        let lines = timeout(DEADLINE, self.lines.wait_for(has))
            .await
            .unwrap_or_else(|_| panic!("no line with '{text}': {:#?}", *log.borrow()))
            .unwrap_or_else(|_| panic!("it ended without a line with '{text}'"));
        let line = lines.iter().find(|line| line.contains(text));
        line.expect("it was just there").clone()
    }

    /// The code behind `#` of the setup link, which begins with this origin.
    pub(crate) async fn setup_code(&mut self, origin: &str) -> String {
        let link = format!("{origin}/admin/setup#");
        let line = self.line(&link).await;
        let (_, code) = line.split_once(&link).expect("it was just there");
        let code: String = code
            .chars()
            .take_while(|char| !char.is_whitespace())
            .collect();
        assert!(code.len() >= 20, "nobody guesses it: {line}");
        code
    }

    /// Sends a signal, waits for the end and returns the exit code and all lines of
    /// standard error. Nothing more may have come on standard output.
    pub(crate) async fn end(mut self, signal: Signal) -> (Option<i32>, Vec<String>) {
        self.signal(signal);
        let status = timeout(DEADLINE, self.child.wait())
            .await
            .expect("it ends in time")
            .expect("it ran");
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).await.expect("text");
        assert_eq!(rest, "", "one line on standard output");
        self.logging.await.expect("reading the log does not panic");
        (status.code(), self.lines.borrow().clone())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("it runs");
        let pid = Pid::from_raw(i32::try_from(id).expect("a process id")).expect("a process id");
        kill_process(pid, signal).expect("it can be signalled");
    }

    /// Drains, and returns all lines of standard error.
    pub(crate) async fn stop(self) -> Vec<String> {
        let (code, lines) = self.end(Signal::TERM).await;
        assert_eq!(code, Some(0), "{lines:?}");
        lines
    }
}
