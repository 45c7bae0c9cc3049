mod agent;
mod backup;
mod check;
mod commands_to_paste;
mod demo;
mod doctor;
mod erase;
mod export;
mod health;
mod import;
mod import_django;
mod manuals;
mod migrate;
mod passed;
mod progress;
mod serve;
mod services;
mod stats;

use std::io::IsTerminal;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use shoptalk::config::{Config, LogConfig, LogFormat, Overrides};
use shoptalk::jobs::control::Control;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The exit code for a wrong command line or configuration.
const USAGE: u8 = 2;

/// Live chat for a shop: one binary, one SQLite file.
#[derive(Parser)]
#[command(
    name = "shoptalk",
    version,
    propagate_version = true,
    arg_required_else_help = false
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Common {
    /// Reads settings from a TOML file, which override the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Uses this directory for the database.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a demo with temporary data, a sample shop and the agent admin (password admin123).
    Demo {
        /// Listens on this loopback address and port [default: 127.0.0.1:8001]
        #[arg(long, value_name = "ADDR", value_parser = address)]
        listen: Option<SocketAddr>,
    },
    /// Runs the server.
    Serve {
        /// Listens on this address and port; port 0 chooses a free port.
        #[arg(long, value_name = "ADDR", value_parser = address)]
        listen: Option<SocketAddr>,
    },
    /// Manages the agents; a server may be running.
    #[command(subcommand, arg_required_else_help = false)]
    Agent(agent::AgentCommand),
    /// Writes a consistent copy of the database to a file; a server may be running.
    Backup {
        /// The file to write. It must not exist, and must be outside the data directory.
        out: PathBuf,
    },
    /// Checks that a backup is complete, undamaged and consistent.
    Verify {
        /// The backup.
        file: PathBuf,
        /// Decrypts the backup with an age identity from this file.
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
    },
    /// Replaces the database with a backup; the server must not be running.
    Restore {
        /// The backup.
        #[arg(value_name = "IN")]
        file: PathBuf,
        /// Decrypts the backup with an age identity from this file.
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
    },
    /// Erases one person everywhere and prints a receipt; a server may be running.
    Erase(erase::EraseArgs),
    /// Asks a server whether it is ready; fails with the reason if it is not.
    Health {
        /// The server's URL [default: the server of this configuration, on this machine]
        url: Option<String>,
    },
    /// Prints the completions for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: manuals::Shell,
    },
    /// Writes the man pages into a directory, for packages.
    #[command(hide = true)]
    ManPages {
        /// The directory. It must exist.
        directory: PathBuf,
    },
    /// Exports conversations as JSON Lines or CSV; a server may be running.
    Export(export::ExportArgs),
    /// Imports JSON Lines that export has written. With SQLite the server must not be running.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Prints sizes, counts and dates of the database; a server may be running.
    Stats,
    /// Imports a chat from Django: from its SQLite database, or from the JSON or JSON Lines of
    /// dumpdata. With SQLite the server must not be running.
    ImportDjango(import_django::ImportDjango),
    /// Moves the database of the data directory to PostgreSQL; the server must not be running.
    Migrate(migrate::MigrateArgs),
    /// Finds out what is wrong with the proxy, the addresses, the disk, the clock, mail and the shop's
    /// cards.
    Doctor {
        /// The address in the browser, such as https://chat.example.com [default: server.public_url]
        url: Option<String>,
        /// Keeps a socket quiet for this many seconds, to find proxies that cut it; 0 skips this
        /// [default: 120, or 0 if nothing is between the doctor and a server on the same machine]
        #[arg(long, value_name = "SECONDS")]
        quiet: Option<u64>,
    },
    /// Validates the configuration and prints the effective settings, secrets redacted.
    Check,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let hint = |_| "name an address with a port, such as 127.0.0.1:8001".to_owned();
    text.parse().map_err(hint)
}

/// Why a command failed, which decides the exit code.
enum Failure {
    /// The command line or the configuration is wrong: 2.
    Usage(String),
    /// Anything else: 1.
    Runtime(String),
}

impl Failure {
    /// The server sent a reply that this version does not know.
    fn unexpected_reply() -> Self {
        let message = "the server's reply is not understood; it is of another version: restart it, or use its command";
        Self::Runtime(message.to_owned())
    }
}

impl<E: std::fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Runtime(error.to_string())
    }
}

/// Runs the command and returns the exit code.
pub(crate) fn run() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(cli) => dispatch(cli),
        Err(error) => return usage(&error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("shoptalk: {message}");
            ExitCode::from(USAGE)
        }
        Err(Failure::Runtime(message)) => {
            eprintln!("shoptalk: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Prints help or the version if requested; any other error is printed in one line.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            print!("{error}");
            ExitCode::SUCCESS
        }
        _ => {
            let text = error.to_string();
            let lines: Vec<&str> = text
                .lines()
                .map(str::trim)
                .filter(|line| {
                    !line.is_empty() && !line.starts_with("Usage:") && !line.starts_with("For more")
                })
                .collect();
            let sentence = lines.join(" ");
            let sentence = sentence.strip_prefix("error: ").unwrap_or(&sentence);
            eprintln!("shoptalk: {sentence} (see shoptalk --help)");
            ExitCode::from(USAGE)
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let Common {
        config: file,
        data_dir,
    } = cli.common;
    let load = |listen: Option<SocketAddr>| {
        let overrides = Overrides {
            listen,
            data_dir: data_dir.clone(),
        };
        Config::load(file.as_deref(), environment()?, overrides)
            .map_err(|error| Failure::Usage(error.to_string()))
    };
    match cli.command {
        Command::Demo { listen } => {
            let flags = [("--config", &file), ("--data-dir", &data_dir)];
            if let Some((flag, _)) = flags.into_iter().find(|(_, value)| value.is_some()) {
                return Err(Failure::Usage(format!(
                    "{flag} cannot be used with demo, which has its own data and settings (see shoptalk demo --help)"
                )));
            }
            demo::run(listen)
        }
        Command::Serve { listen } => serve::run(load(listen)?, file.as_deref()),
        Command::Agent(command) => agent::run(command, &load(None)?),
        Command::Backup { out } => backup::run(&out, &load(None)?),
        Command::Restore { file, identity } => {
            backup::restore(&file, identity.as_deref(), &load(None)?)
        }
        Command::Verify { file, identity } => backup::verify(&file, identity.as_deref()),
        Command::Erase(args) => erase::run(args, &load(None)?),
        Command::Health { url } => health::run(url.as_deref(), &load(None)?),
        Command::Completions { shell } => manuals::completions(shell),
        Command::ManPages { directory } => manuals::man_pages(&directory),
        Command::Export(args) => export::run(&args, &load(None)?),
        Command::Import { file } => import::run(&file, &load(None)?),
        Command::Stats => stats::run(&load(None)?),
        Command::ImportDjango(command) => import_django::run(command, &load(None)?),
        Command::Migrate(args) => migrate::run(&args, &load(None)?),
        Command::Doctor { url, quiet } => doctor::run(url.as_deref(), quiet, &load(None)?),
        Command::Check => check::run(&load(None)?),
    }
}

/// The environment. Only Shoptalk's own variables have to be UTF-8.
fn environment() -> Result<Vec<(String, String)>, Failure> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => variables.push((name, value)),
            (Ok(name), Err(_)) if name.starts_with("SHOPTALK_") && name.contains("__") => {
                return Err(Failure::Usage(format!(
                    "configuration: {name} in the environment is not UTF-8"
                )));
            }
            _ => {}
        }
    }
    Ok(variables)
}

/// Log lines go to standard error; standard output is for scripts.
fn start_tracing(log: &LogConfig) -> Result<(), Failure> {
    subscriber(log)?.init();
    Ok(())
}

fn subscriber(log: &LogConfig) -> Result<impl SubscriberInitExt + tracing::Subscriber, Failure> {
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let lines = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    Ok(tracing_subscriber::registry()
        .with(lines)
        .with(log_filter(log)?)
        .with(filter_fn(has_no_secrets)))
}

/// At level trace, libraries log what goes over the wire, tokens included. Only Shoptalk's own trace
/// lines are known to have none.
fn has_no_secrets(metadata: &tracing::Metadata<'_>) -> bool {
    *metadata.level() != tracing::Level::TRACE
        || metadata.target().split("::").next() == Some("shoptalk")
}

/// Levels by target. A filter by the fields of spans would need a regular-expression engine.
fn log_filter(log: &LogConfig) -> Result<Targets, Failure> {
    let filter = log.filter.replace(' ', "");
    filter
        .parse()
        .map_err(|error| Failure::Usage(format!("configuration: log.filter: {error}")))
}

/// Checks the certificate files. Ones that cannot be used are a configuration error.
fn check_tls(config: &Config) -> Result<Vec<String>, Failure> {
    shoptalk::tls::check(config).map_err(|error| Failure::Usage(format!("configuration: {error}")))
}

/// How long threads that read or hash may continue after the command has finished.
const THREADS_TIMEOUT: Duration = Duration::from_millis(500);

/// Prints what scripts read. A full disk or a closed pipe is a failure like any other.
fn print_stdout(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A number with its unit, such as "1 room" and "2 rooms".
fn counted(number: u64, unit: &str) -> String {
    match number {
        1 => format!("1 {unit}"),
        _ => format!("{number} {unit}s"),
    }
}

/// Files owned by root would later stop a server that runs as another user.
fn check_owner(data_dir: &Path) -> Result<(), Failure> {
    let Ok(metadata) = std::fs::metadata(data_dir) else {
        return Ok(());
    };
    let (owner, myself) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner == myself {
        return Ok(());
    }
    Err(Failure::Runtime(format!(
        "{} is owned by the user with id {owner}, but this command runs as {myself}; run it as the owner, for example with: \
         sudo -u '#{owner}' shoptalk …",
        data_dir.display()
    )))
}

/// The database file in the data directory, absolute for the messages; `None` with PostgreSQL.
fn database_file(config: &Config) -> Option<PathBuf> {
    if config.storage.url.is_some() {
        return None;
    }
    let path = config.storage.data_dir.join("shoptalk.db");
    Some(std::path::absolute(&path).unwrap_or(path))
}

/// Refuses a data directory without a database: commands that only read do not make one.
fn require_database(config: &Config) -> Result<(), Failure> {
    match database_file(config) {
        Some(path) if !path.is_file() => Err(Failure::Runtime(format!(
            "there is no database in {}; name the directory with --data-dir",
            path.with_file_name("").display()
        ))),
        _ => Ok(()),
    }
}

/// A database that a command is about to make. It is said where, since the directory may be another
/// one than that of the server.
struct NewDatabase(PathBuf);

impl NewDatabase {
    /// `None` if there is a database.
    fn expected(config: &Config) -> Option<Self> {
        database_file(config)
            .filter(|path| !path.is_file())
            .map(Self)
    }

    /// Names it, if it was made.
    fn report(&self) {
        if self.0.is_file() {
            eprintln!(
                "made a new database, {}; for another one, name its directory with --data-dir",
                self.0.display()
            );
        }
    }
}

/// The running server, which has the file for itself and is asked for the work. With PostgreSQL a
/// command works on the database itself: servers that share it notice what has changed.
async fn running_server(config: &Config) -> Result<Option<Control>, Failure> {
    match config.storage.url {
        Some(_) => Ok(None),
        None => Ok(Control::connect(&config.storage.data_dir).await?),
    }
}

/// Runs a command to its end. A thread that hangs in the kernel does not delay the exit.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(command);
    runtime.shutdown_timeout(THREADS_TIMEOUT);
    done
}

#[cfg(test)]
mod tests {
    use tracing::Subscriber;
    use tracing::level_filters::LevelFilter;

    use super::*;

    /// Libraries check it for every frame, and whatever is enabled costs time.
    #[test]
    fn the_maximum_level_is_that_of_the_filter() {
        for format in [LogFormat::Text, LogFormat::Json] {
            for (filter, highest) in [
                ("info,ractor=warn", LevelFilter::INFO),
                ("warn, shoptalk=debug", LevelFilter::DEBUG),
            ] {
                let filter = filter.to_owned();
                let subscriber = subscriber(&LogConfig { filter, format });
                let subscriber = subscriber.ok().expect("a valid filter");
                assert_eq!(subscriber.max_level_hint(), Some(highest));
            }
        }
    }
}
