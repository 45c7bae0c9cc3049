use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use shoptalk::config::Config;
use shoptalk::jobs::django::{self, ImportError, Observer, Options, Phase, Progress, Sub};
use shoptalk::jobs::ledger::LedgerContents;

use super::progress::ProgressBar;
use super::{Failure, NewDatabase, block_on, check_owner, print_stdout};

#[derive(Args)]
pub(super) struct ImportDjango {
    /// The SQLite database of Django, or the output of manage.py dumpdata (JSON or JSON Lines).
    source: PathBuf,
    /// Takes the chat of this app: the tables PREFIX_chatroom and PREFIX_chatmessage.
    #[arg(long, value_name = "PREFIX")]
    app: Option<String>,
    /// Takes times without a zone as times of this zone, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "TZ", value_parser = parse_zone)]
    timezone: Option<TimeZone>,
    /// Names customers with an account as the shop's identities do.
    #[arg(long, value_name = "FIELD", default_value = "pk")]
    sub: SubField,
    /// Adds the shop's staff as agents, with their passwords; superusers as admins.
    #[arg(long)]
    agents: bool,
    /// Closes conversations whose last message is older than this.
    #[arg(long, value_name = "DAYS")]
    close_older_than: Option<u32>,
    /// Reads everything and reports what would be imported, without writing anything.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum SubField {
    Pk,
    Username,
    Email,
}

fn parse_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        format!("'{name}' is not a time zone; use a name like TIME_ZONE in Django's settings, such as Europe/Berlin")
    })
}

/// Imports a chat and prints the report.
pub(super) fn run(command: ImportDjango, config: &Config) -> Result<(), Failure> {
    let dry_run = command.dry_run;
    let session_secret = config.import.session_secret.as_ref();
    let data_dir = &config.storage.data_dir;
    check_owner(data_dir)?;
    let backup_dir = &config.backup.directory;
    let listed = LedgerContents::read_all(data_dir, backup_dir, &command.source);
    let listed = listed.map_err(|error| Failure::Runtime(error.to_string()))?;
    let options = Options {
        source: command.source,
        app: command.app,
        zone: command.timezone,
        sub: match command.sub {
            SubField::Pk => Sub::Pk,
            SubField::Username => Sub::Username,
            SubField::Email => Sub::Email,
        },
        agents: command.agents,
        close_older_than_days: command.close_older_than,
        dry_run,
        erased: listed.erased.into(),
        session_secret: session_secret.map(|secret| secret.expose().to_owned()),
    };
    let printer = Arc::new(Printer::default());
    let store_options = config.store_options(true);
    let new = NewDatabase::expected(config);
    block_on(async {
        let watched: Arc<dyn Observer> = Arc::clone(&printer) as _;
        let imported = django::import(options, store_options, watched).await;
        printer.finish()?;
        if let Some(new) = new {
            new.report();
        }
        let summary = imported.map_err(|error: ImportError| Failure::Runtime(error.to_string()))?;
        print_stdout(&format!("{}\n", summary.describe(dry_run)))?;
        Ok(())
    })
}

/// Prints lines of the report to standard output, and progress to standard error.
#[derive(Default)]
struct Printer(Mutex<Printed>);

struct Printed {
    bar: ProgressBar,
    phase: Option<Phase>,
    /// Why the report could not be printed. The import goes on, but the command fails at the end.
    failure: Option<std::io::Error>,
}

impl Default for Printed {
    fn default() -> Self {
        Self {
            bar: ProgressBar::new(),
            phase: None,
            failure: None,
        }
    }
}

impl Printer {
    /// Removes the progress bar.
    fn finish(&self) -> std::io::Result<()> {
        let mut printed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        printed.bar.clear();
        printed.failure.take().map_or(Ok(()), Err)
    }
}

impl Observer for Printer {
    fn line(&self, line: &str) {
        let mut printed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        printed.bar.clear();
        let mut out = std::io::stdout().lock();
        if let Err(error) = writeln!(out, "{}", without_controls(line)) {
            printed.failure.get_or_insert(error);
        }
    }

    fn progress(&self, progress: Progress) {
        let mut printed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if printed.phase != Some(progress.phase) {
            printed.bar.clear();
            printed.bar = ProgressBar::new();
            printed.phase = Some(progress.phase);
            eprintln!("{}", phase_name(progress.phase));
        }
        printed.bar.show(progress.done, progress.total);
    }
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Reading => "reading the source",
        Phase::Importing => "importing conversations",
    }
}

/// Replaces control characters: values of the source are printed, and none may control the terminal.
fn without_controls(line: &str) -> String {
    line.replace(char::is_control, "\u{fffd}")
}
