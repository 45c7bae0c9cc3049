use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::{Directory, ServerProcess};
use crate::{Error, ports, programs, unless_missing};

/// How often another port is tried when somebody was quicker.
const TRIES: usize = 10;

/// A NATS server. Dropping it ends it.
pub struct Nats {
    program: PathBuf,
    arguments: Vec<OsString>,
    port: u16,
    server: ServerProcess,
}

impl Nats {
    /// Starts a server that everybody may use, in plain text.
    pub fn start() -> Result<Self, Error> {
        Self::start_with::<&str>([])
    }

    /// Starts a server with further arguments of `nats-server`, for a login
    /// (`--user`, `--pass`) or TLS (`--tls`, `--tlscert`, `--tlskey`).
    pub fn start_with<A: Into<OsString>>(
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self, Error> {
        let program = programs::nats()?;
        programs::setpriv()?;
        let mut nats = Self {
            program,
            arguments: arguments.into_iter().map(Into::into).collect(),
            port: 0,
            server: ServerProcess::new("nats-server", Directory::new()?),
        };
        let mut tries = 0;
        loop {
            nats.port = ports::free_port()?;
            tries += 1;
            match nats.start_again() {
                Ok(()) => return Ok(nats),
                Err(Error::Failed { .. }) if tries < TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the program is installed.
    ///
    /// # Panics
    ///
    /// As [`unless_missing`](crate::unless_missing).
    pub fn is_installed() -> bool {
        unless_missing(programs::nats().and_then(|_| programs::setpriv())).is_some()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is reached, without a login.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Sends it SIGKILL and waits for its end.
    pub fn kill(&self) {
        self.server.kill();
    }

    /// Starts the killed server again on the same port. It keeps nothing on disk.
    pub fn start_again(&self) -> Result<(), Error> {
        let mut command = Command::new(&self.program);
        command.args(["--addr", "127.0.0.1", "--port", &self.port.to_string()]);
        command.args(&self.arguments);
        self.server
            .start(&command, "KILL", |_| (), || greets(self.port))
    }

    /// The end of the server's log.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

/// Whether a NATS server accepts connections: it begins with a line about itself.
fn greets(port: u16) -> bool {
    let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).is_ok() && line.starts_with("INFO ")
}
