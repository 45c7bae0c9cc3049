//! Imports a shop's chat from Django: `shoptalk import-django`.
//!
//! The source, a SQLite database or a dump, is read once and sorted in a scratch file
//! (`source`, `dump`, `convert`); then each room is made what the store imports (`plan`) and is
//! committed whole. Ids follow from the source's own, so a run that was killed goes on where it
//! was, and a second one changes nothing.

mod agents;
mod convert;
mod dump;
mod error;
mod plan;
mod record;
mod report;
mod source;
mod text;
mod time;

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;

use self::convert::Converter;
pub use self::error::ImportError;
use self::plan::{Planner, redact};
use self::report::{Finding, Report};
pub use self::report::{Observer, Phase, Progress, Summary};
use super::ledger::ErasedIds;
use crate::chat::Timestamp;
use crate::persistence::{
    AuditAction, ImportedRoom, NO_PASSWORD, NewAgent, Principal, Refusal, RoomImport, Staging,
    Store, StoreOptions, WriteError, is_sqlite_file,
};

/// Rooms that wait for their commit at the same time; they share fsyncs.
const ROOMS_AT_ONCE: usize = 32;
/// Rows and rooms between two reports of progress.
const PROGRESS_STEP: u64 = 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What a signed identity of the shop has as its `sub`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sub {
    /// The primary key.
    #[default]
    Pk,
    /// The user name.
    Username,
    /// The email address.
    Email,
}

impl Sub {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pk => "pk",
            Self::Username => "username",
            Self::Email => "email",
        }
    }
}

/// What is imported, and how.
#[derive(Debug)]
pub struct Options {
    /// The database or dump.
    pub source: PathBuf,
    /// The app of the chat, when there are several.
    pub app: Option<String>,
    /// The zone of times that have none.
    pub zone: Option<TimeZone>,
    /// What the shop's identities have as `sub`, which becomes the user.
    pub sub: Sub,
    /// Whether the staff becomes agents.
    pub agents: bool,
    /// Days after which a conversation without messages is closed.
    pub close_older_than_days: Option<u32>,
    /// Nothing is written.
    pub dry_run: bool,
    /// What was erased, and is left out.
    pub erased: ErasedIds,
    /// The key of the tokens for customers whose session goes on.
    pub session_secret: Option<String>,
}

/// Imports a chat into the database of a data directory, on which no server may run.
///
/// # Errors
///
/// When the source cannot be read or the database cannot be written. Rooms that were committed
/// stay.
pub async fn import(
    options: Options,
    store_options: StoreOptions,
    observer: Arc<dyn Observer>,
) -> Result<Summary, ImportError> {
    let directory = store_options.data_dir.clone();
    let is_new = !directory.exists();
    // In a PostgreSQL database nobody has to be away, but it has to be there before the source is read.
    let has_database = store_options.url.is_some() || directory.join("shoptalk.db").exists();
    let outcome = run(options, store_options, has_database, observer).await;
    // A data directory that was made only for the scratch file is removed.
    if is_new && !directory.join("shoptalk.db").exists() {
        // It fails if somebody else has put something there.
        let _ = std::fs::remove_dir(&directory);
    }
    outcome
}

async fn run(
    options: Options,
    store_options: StoreOptions,
    has_database: bool,
    observer: Arc<dyn Observer>,
) -> Result<Summary, ImportError> {
    let directory = store_options.data_dir.clone();
    let open = |store_options| blocking(move || Ok(Store::open(store_options)?));
    // A running server is noticed at once, and not after the source was read.
    let mut store = match has_database {
        true => Some(open(store_options.clone()).await?),
        false => None,
    };
    let dry_run = options.dry_run;
    let (staged, options) = blocking(move || {
        create_directory(&directory)?;
        let staged = Staged::read(&options, &directory, Report::new(observer))?;
        Ok((staged, options))
    })
    .await?;
    if store.is_none() && !dry_run {
        store = Some(open(store_options).await?);
    }
    let outcome = write(staged, options, store.as_ref()).await;
    if let Some(store) = store {
        store.close().await;
    }
    outcome
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImportError> + Send + 'static,
) -> Result<T, ImportError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| Err(ImportError::Stopped(panic.to_string())))
}

fn create_directory(path: &Path) -> Result<(), ImportError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|cause| ImportError::Directory {
            path: path.to_owned(),
            cause,
        })
}

/// A source that was read and sorted, and can be imported.
struct Staged {
    staging: Staging,
    report: Report,
    summary: Summary,
    agents: Vec<NewAgent>,
    now: Timestamp,
}

impl Staged {
    fn read(options: &Options, directory: &Path, mut report: Report) -> Result<Self, ImportError> {
        let staging = Staging::new_in(directory)?;
        let now = Timestamp::now();
        let mut converter = Converter {
            staging: &staging,
            report: &mut report,
            zone: options.zone.clone().unwrap_or(TimeZone::UTC),
            now,
            saw_naive: false,
        };
        let mut rows = 0_u64;
        let app = source::read(&options.source, options.app.as_deref(), &mut |kind,
                                                                              record,
                                                                              (
            done,
            total,
        )| {
            rows += 1;
            if rows.is_multiple_of(PROGRESS_STEP) {
                converter.report.progress(Phase::Reading, done, total);
            }
            converter.take(kind, &record)
        })?;
        let is_dump = !is_sqlite_file(&options.source).unwrap_or(true);
        if converter.saw_naive && options.zone.is_none() && is_dump {
            report.line(
                "the times have no zone and were taken as UTC; if the shop has USE_TZ = False, start again in an empty \
                 data directory with --timezone and its TIME_ZONE",
            );
        }
        staging.orphans(|key, room| {
            let line = format!("message {key}: its room {room} is missing; left out");
            report.note(Finding::Orphan, &line);
        })?;
        planner(options, &staging, now)?.check_subs()?;
        let agents = if options.agents {
            agents::plan(&staging, &mut report)?
        } else {
            Vec::new()
        };
        let summary = Summary {
            app,
            ..Summary::default()
        };
        Ok(Self {
            staging,
            report,
            summary,
            agents,
            now,
        })
    }
}

fn planner<'p>(
    options: &'p Options,
    staging: &'p Staging,
    now: Timestamp,
) -> Result<Planner<'p>, ImportError> {
    Ok(Planner {
        staging,
        has_users: staging.has_users_of_rooms()?,
        sub: options.sub,
        session_secret: options.session_secret.as_deref(),
        close_before: options
            .close_older_than_days
            .map(|days| Timestamp(now.0.saturating_sub(i64::from(days) * DAY_MS))),
        now,
    })
}

/// Commits agents and rooms; without a store it only counts them.
async fn write(
    staged: Staged,
    options: Options,
    store: Option<&Store>,
) -> Result<Summary, ImportError> {
    let Staged {
        staging,
        mut report,
        mut summary,
        agents,
        now,
    } = staged;
    let dry_run = options.dry_run;
    let observer = report.observer();
    for agent in agents {
        if add_agent(agent, store, dry_run, &mut report).await? {
            summary.agents_added += 1;
        }
    }
    let (rooms, empty) = staging.rooms_by_activity()?;
    summary.rooms_empty = empty;
    let total = rooms.len() as u64;
    let (sender, receiver) = mpsc::channel::<ImportedRoom>(ROOMS_AT_ONCE);
    let planning = tokio::task::spawn_blocking(move || -> Result<Planned, ImportError> {
        let mut sessions = std::collections::HashSet::new();
        let mut erased = 0;
        let planner = planner(&options, &staging, now)?;
        for id in rooms {
            let planned = planner.room(id, &mut report)?;
            let Some(mut room) = planned else { continue };
            if options.erased.has_room(room.id, room.visitor.id) {
                erased += 1;
                continue;
            }
            redact(&mut room, &options.erased, &mut report);
            if room.visitor.token.is_some() {
                sessions.insert(room.visitor.id);
            }
            if sender.blocking_send(room).is_err() {
                // The other side has failed, and says why.
                break;
            }
        }
        Ok(Planned {
            report,
            sessions: sessions.len() as u64,
            erased,
        })
    });
    let imported = import_rooms(receiver, store, dry_run, &mut summary, |done| {
        observer.progress(Progress {
            phase: Phase::Importing,
            done,
            total,
        });
    })
    .await;
    let planned = planning
        .await
        .map_err(|panic| ImportError::Stopped(panic.to_string()))?;
    imported?;
    let planned = planned?;
    if let Some(store) = store.filter(|_| !dry_run) {
        store
            .audit(AuditAction::Imported, Principal::CommandLine, None)
            .await?;
    }
    summary.sessions = planned.sessions;
    summary.rooms_erased += planned.erased;
    summary.findings = planned.report.counts();
    Ok(summary)
}

/// The outcome of planning all rooms.
struct Planned {
    report: Report,
    sessions: u64,
    /// Rooms that were left out because a ledger lists them.
    erased: u64,
}

async fn import_rooms(
    receiver: mpsc::Receiver<ImportedRoom>,
    store: Option<&Store>,
    dry_run: bool,
    summary: &mut Summary,
    show: impl Fn(u64),
) -> Result<(), ImportError> {
    let rooms = stream::unfold(receiver, async |mut receiver| {
        let room = receiver.recv().await?;
        Some((room, receiver))
    });
    let mut imports = std::pin::pin!(
        rooms
            .map(|room| import_room(room, store, dry_run))
            .buffered(ROOMS_AT_ONCE)
    );
    let mut done = 0;
    while let Some(import) = imports.next().await {
        count(summary, import?);
        done += 1;
        show(done);
    }
    Ok(())
}

async fn import_room(
    room: ImportedRoom,
    store: Option<&Store>,
    dry_run: bool,
) -> Result<RoomImport, ImportError> {
    Ok(match store {
        Some(store) if dry_run => store.preview_import(room).await?,
        Some(store) => store.import_room(room).await?,
        None => RoomImport {
            created: true,
            added: room.messages.len() as u64,
            present: 0,
            erased: false,
        },
    })
}

fn count(summary: &mut Summary, import: RoomImport) {
    let rooms = match (import.created, import.added) {
        _ if import.erased => &mut summary.rooms_erased,
        (true, _) => &mut summary.rooms_created,
        (false, 0) => &mut summary.rooms_unchanged,
        (false, _) => &mut summary.rooms_appended,
    };
    *rooms += 1;
    summary.messages_added += import.added;
    summary.messages_present += import.present;
}

/// Adds an agent unless the user name is taken. Returns whether it was added.
async fn add_agent(
    agent: NewAgent,
    store: Option<&Store>,
    dry_run: bool,
    report: &mut Report,
) -> Result<bool, ImportError> {
    let username = agent.username.clone();
    let has_password = agent.password_hash != NO_PASSWORD;
    let added = match store {
        None => true,
        Some(store) if dry_run => store.agent_credentials(&username).await?.is_none(),
        Some(store) => match store.add_agent(agent, Principal::CommandLine).await {
            Ok(_) => true,
            Err(WriteError::Refused(Refusal::UsernameTaken)) => false,
            Err(error) => return Err(error.into()),
        },
    };
    if !added {
        let line =
            format!("agent {username}: there is one with this user name already; left as it is");
        report.note(Finding::AgentTaken, &line);
    } else if !has_password {
        let line = format!(
            "agent {username}: no password that can be checked; set one with: shoptalk agent passwd {username}"
        );
        report.note(Finding::AgentPassword, &line);
    }
    Ok(added)
}
