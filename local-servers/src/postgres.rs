use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::process::{Directory, ServerProcess};
use crate::user::User;
use crate::{Error, REQUIRE, Session, ports, programs, unless_missing};

/// The superuser. There is no password.
const USER: &str = "shoptalk";
/// The database that `initdb` makes, to connect to for CREATE DATABASE.
pub(crate) const MAINTENANCE: &str = "postgres";
/// How often another port is tried when somebody was quicker.
const TRIES: usize = 10;

/// As in production, a commit waits for its fsync. The rest is for many small databases.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
shared_buffers = '64MB'
fsync = on
synchronous_commit = on
";

/// A PostgreSQL server with its data in a temporary directory. Dropping it ends it.
pub struct Postgres {
    pub(crate) programs: PathBuf,
    user: Option<User>,
    port: u16,
    server: ServerProcess,
    databases: AtomicU64,
}

/// A database. It is dropped soon after this value.
pub struct Database<'server> {
    server: &'server Postgres,
    name: String,
}

impl Postgres {
    /// Makes a new cluster and starts a server for it.
    pub fn start() -> Result<Self, Error> {
        let mut postgres = Self::prepare(programs::postgres()?)?;
        postgres.init()?;
        postgres.start_on_a_free_port()?;
        Ok(postgres)
    }

    /// A server without data that does not run.
    pub(crate) fn prepare(programs: PathBuf) -> Result<Self, Error> {
        programs::setpriv()?;
        let directory = Directory::new()?;
        let user = User::instead_of_root(directory.path())?;
        if let Some(user) = user {
            user.give(directory.path())?;
        }
        Ok(Self {
            programs,
            user,
            port: 0,
            server: ServerProcess::new("postgres", directory),
            databases: AtomicU64::new(0),
        })
    }

    /// Whether the programs are installed.
    ///
    /// # Panics
    ///
    /// As [`unless_missing`].
    pub fn is_installed() -> bool {
        let found = programs::postgres().and_then(|_| programs::setpriv());
        match found {
            Err(error @ Error::Missing { .. }) if std::env::var_os(REQUIRE).is_some() => {
                panic!("{error}")
            }
            found => found.is_ok(),
        }
    }

    /// One server for this process, started on the first call; `None` if PostgreSQL is not
    /// installed.
    ///
    /// # Panics
    ///
    /// As [`unless_missing`].
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED
            .get_or_init(|| unless_missing(Self::start()))
            .as_ref()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where a database is reached.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// A new, empty database.
    pub fn create_database(&self) -> Result<Database<'_>, Error> {
        self.create_database_like("template0")
    }

    /// A new database with the content of `template`, to which nobody may be connected.
    pub fn create_database_like(&self, template: &str) -> Result<Database<'_>, Error> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", self.port);
        self.psql(
            MAINTENANCE,
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )?;
        Ok(Database { server: self, name })
    }

    /// Runs SQL in a database and returns its rows, a line for each, with `|` between the fields.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, Error> {
        let output = self.psql_in(database).args(["--command", sql]).output();
        let printed = checked("psql", output)?;
        Ok(printed.trim_end().to_owned())
    }

    fn psql_in(&self, database: &str) -> Command {
        let mut command = self.program("psql");
        command
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
            .args(["--set=ON_ERROR_STOP=1", "--dbname", &self.url(database)]);
        command
    }

    /// Adds a user with all rights who needs this password.
    pub fn add_user(&self, name: &str, password: &str) -> Result<(), Error> {
        let file = self.data().join("pg_hba.conf");
        let rules = std::fs::read_to_string(&file).map_err(Error::io("pg_hba.conf"))?;
        let rules = format!("host all {name} 127.0.0.1/32 scram-sha-256\n{rules}");
        std::fs::write(&file, rules).map_err(Error::io("pg_hba.conf"))?;
        let sql = format!("CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{password}'");
        self.psql(MAINTENANCE, &sql)?;
        self.psql(MAINTENANCE, "SELECT pg_reload_conf()").map(drop)
    }

    /// Changes a setting for good, such as `fsync = off`. Not all are read before the next start.
    pub fn set(&self, setting: &str) -> Result<(), Error> {
        self.psql(MAINTENANCE, &format!("ALTER SYSTEM SET {setting}"))?;
        self.psql(MAINTENANCE, "SELECT pg_reload_conf()").map(drop)
    }

    /// Stops the server as a crash of its machine would: nothing is written any more, and the
    /// next start recovers from the write-ahead log.
    pub fn stop_immediately(&self) -> Result<(), Error> {
        let mut command = self.own_program("pg_ctl");
        command
            .args(["stop", "--mode=immediate", "--pgdata"])
            .arg(self.data());
        checked("pg_ctl stop", command.output())?;
        self.server.wait()
    }

    /// Starts the stopped server again, with the same data on the same port.
    pub fn start_again(&self) -> Result<(), Error> {
        self.start_on(self.port)
    }

    /// The end of the server's log.
    pub fn log(&self) -> String {
        self.server.log()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.server.path().join("data")
    }

    fn init(&self) -> Result<(), Error> {
        let mut command = self.own_program("initdb");
        command
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C", "--username", USER, "--pgdata"])
            .arg(self.data());
        checked("initdb", command.output())?;
        let file = self.data().join("postgresql.conf");
        let mut settings = std::fs::read_to_string(&file).map_err(Error::io("postgresql.conf"))?;
        settings.push_str(SETTINGS);
        std::fs::write(&file, settings).map_err(Error::io("postgresql.conf"))
    }

    pub(crate) fn start_on_a_free_port(&mut self) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            self.port = ports::free_port()?;
            tries += 1;
            match self.start_on(self.port) {
                Err(Error::Failed { .. }) if tries < TRIES => {}
                result => return result,
            }
        }
    }

    fn start_on(&self, port: u16) -> Result<(), Error> {
        let mut command = Command::new(self.programs.join("postgres"));
        command.arg("-D").arg(self.data());
        command.args(["-p", &port.to_string()]);
        let data = self.data();
        let prepare = |command: &mut Command| self.as_own_user(command);
        // The signal is that of an immediate stop.
        self.server
            .start(&command, "QUIT", prepare, || is_ready(&data))
    }

    /// A program of the server's version, without settings from this process's environment.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        clear_environment(&mut command);
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    /// A program that must run as the user that owns the data.
    pub(crate) fn own_program(&self, name: &str) -> Command {
        let mut command = self.program(name);
        self.as_own_user(&mut command);
        command
    }

    fn as_own_user(&self, command: &mut Command) {
        clear_environment(command);
        if let Some(user) = self.user {
            user.run(command);
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Unlike a killed server, it frees its shared memory.
        if self.server.is_running() {
            let _ = self.stop_immediately();
        }
    }
}

impl Database<'_> {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is reached.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Runs SQL in it, as [`Postgres::psql`] does.
    pub fn psql(&self, sql: &str) -> Result<String, Error> {
        self.server.psql(&self.name, sql)
    }
}

impl Database<'_> {
    /// All that is stored in it, as `pg_dump` prints it.
    pub fn dump(&self) -> Result<String, Error> {
        let mut command = self.server.program("pg_dump");
        checked("pg_dump", command.args(["--dbname", &self.url()]).output())
    }

    /// A connection to it that stays open.
    pub fn session(&self) -> Result<Session, Error> {
        Session::start(self.server.psql_in(&self.name))
    }

    /// Keeps every write to it waiting until the session is dropped; reads go on.
    pub fn hold_writes(&self) -> Result<Session, Error> {
        let tables = self.psql(
            "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        )?;
        let mut session = self.session()?;
        session.run(&format!("BEGIN; LOCK TABLE {tables} IN EXCLUSIVE MODE"))?;
        Ok(session)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // Nobody waits for it, as it writes a checkpoint. What a stopped server keeps goes with it.
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let mut command = self.server.psql_in(MAINTENANCE);
        command.args(["--command", &sql]);
        std::thread::spawn(move || drop(command.output()));
    }
}

/// PGHOST, PGOPTIONS, PGDATA and their like would change what is connected to.
fn clear_environment(command: &mut Command) {
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
}

/// Whether the server accepts connections: the eighth line of this file says so, to `pg_ctl` too.
fn is_ready(data: &Path) -> bool {
    std::fs::read_to_string(data.join("postmaster.pid")).is_ok_and(|text| {
        text.lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
    })
}

/// What a program has printed, if it succeeded.
pub(crate) fn checked(program: &str, output: std::io::Result<Output>) -> Result<String, Error> {
    let output = output.map_err(Error::io(program))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(printed.into_owned());
    }
    Err(Error::Failed {
        program: program.to_owned(),
        output: format!("{printed}{}", String::from_utf8_lossy(&output.stderr)),
    })
}
