mod agent;
mod check;
mod demo;
mod serve;

use std::io::IsTerminal;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use shoptalk::config::{Config, LogConfig, LogFormat, Overrides};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Exit code of a wrong command line or configuration.
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
    /// Settings in a TOML file, laid over the defaults
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory with the database
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Try it: throwaway data, a sample shop, agent admin with password admin123
    Demo {
        /// Address and port, on this machine only [default: 127.0.0.1:8001]
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
    /// Serve the shop
    Serve {
        /// Address and port; port 0 takes a free one
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
    /// Manage the people who answer, also beside a running server
    #[command(subcommand, arg_required_else_help = false)]
    Agent(agent::AgentCommand),
    /// Validate the configuration and say what would be used
    Check,
}

/// Why a command failed, and how the process ends.
enum Failure {
    /// The command line or the configuration is wrong: 2.
    Usage(String),
    /// Anything else: 1.
    Runtime(String),
}

impl<E: std::fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Runtime(error.to_string())
    }
}

/// Runs the command and says how the process ends.
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

/// Help and version are wanted; anything else is a mistake that gets one line.
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
                    "{flag} is not for the demo, which has data and settings of its own (see shoptalk demo --help)"
                )));
            }
            demo::run(listen)
        }
        Command::Serve { listen } => serve::run(load(listen)?),
        Command::Agent(command) => agent::run(command, &load(None)?),
        Command::Check => check::run(&load(None)?),
    }
}

/// The environment. Only a variable of ours has to be text.
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

/// Log lines go to standard error: standard output is for what scripts read.
fn start_tracing(log: &LogConfig) -> Result<(), Failure> {
    log_lines(log)?.init();
    Ok(())
}

fn log_lines(log: &LogConfig) -> Result<impl SubscriberInitExt + tracing::Subscriber, Failure> {
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
        .with(filter_fn(shows_no_bytes)))
}

/// At trace, libraries show what goes over the wire, with the tokens in it. Only what
/// Shoptalk itself says there is known to hold none.
fn shows_no_bytes(metadata: &tracing::Metadata<'_>) -> bool {
    *metadata.level() != tracing::Level::TRACE
        || metadata.target().split("::").next() == Some("shoptalk")
}

/// Levels by target. What filters by the fields of spans, too, takes a regular-expression engine.
fn log_filter(log: &LogConfig) -> Result<Targets, Failure> {
    let filter = log.filter.replace(' ', "");
    filter
        .parse()
        .map_err(|error| Failure::Usage(format!("configuration: log.filter: {error}")))
}

/// How long threads that read or hash may still take once the command is done.
const LEFT_BEHIND_AFTER: Duration = Duration::from_millis(500);

/// What a script reads. A full disk or a reader that has gone is a failure like others.
fn print_out(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Runs a command to its end. What hangs in the kernel beyond that is left behind: the process
/// ends all the same.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(command);
    runtime.shutdown_timeout(LEFT_BEHIND_AFTER);
    done
}

#[cfg(test)]
mod tests {
    use tracing::Subscriber;
    use tracing::level_filters::LevelFilter;

    use super::*;

    /// Libraries ask for it at every frame, and what is above it costs a look.
    #[test]
    fn nobody_makes_lines_that_the_filter_drops() {
        for format in [LogFormat::Text, LogFormat::Json] {
            for (filter, highest) in [
                ("info,ractor=warn", LevelFilter::INFO),
                ("warn, shoptalk=debug", LevelFilter::DEBUG),
            ] {
                let filter = filter.to_owned();
                let lines = log_lines(&LogConfig { filter, format });
                let lines = lines.ok().expect("a good filter");
                assert_eq!(lines.max_level_hint(), Some(highest));
            }
        }
    }
}
