//! The control socket: a Unix socket in the data directory through which commands ask a running
//! server for work. Only the user who owns the directory can connect.
//!
//! Both sides write JSON, one value per line. The client sends one [`Request`]; the server sends
//! [`Reply::Progress`] any number of times, then one other reply. A client that hangs up cancels
//! the work.

mod exports;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::backup::{self, Finishing, StagedBackup};
use super::erase::{EraseProgress, EraseRequest, Eraser, Receipt};
use super::export::ExportFormat;
use super::progress::{self, Step};
use super::stats::Stats;
use crate::chat::BadWho;
use crate::doctor::DoctorCode;
use crate::encryption::Recipients;
use crate::persistence::{AuditAction, CopyProgress, ExportScope, Principal, Store};

/// The socket's name in the data directory.
const SOCKET_FILE: &str = "shoptalk.sock";
/// The wait after a connection could not be accepted, for example for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);
/// Bytes of a request, at most.
const REQUEST_BYTES: u64 = 4_096;

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// A backup, moved to a path that the server can write.
    Backup,
    /// Erase a person.
    Erase {
        /// The person, as named on the command line.
        who: String,
        /// Only report what would be erased.
        dry_run: bool,
        /// Rewrite the file at once.
        now: bool,
    },
    /// An export, sent in parts.
    Export {
        /// One person, as the command line names them.
        person: Option<String>,
        /// One room.
        room: Option<String>,
        /// Its form.
        format: ExportFormat,
    },
    /// Sizes, counts and dates.
    Stats,
    /// A code for the doctor's calls, and where the server is.
    Doctor,
}

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// How far the work is.
    Progress {
        /// Units that are done.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// The backup is in the data directory under this name, until the client hangs up.
    Backup {
        /// The file's name.
        file: String,
        /// Rooms in it.
        rooms: u64,
        /// Messages in it.
        messages: u64,
    },
    /// What an erasure has done.
    Receipt {
        /// All of it.
        receipt: Receipt,
    },
    /// The next part of an export.
    Part {
        /// As it is to be written.
        text: String,
    },
    /// The export is complete.
    Exported {
        /// Rooms in it.
        rooms: u64,
        /// Messages in it.
        messages: u64,
    },
    /// The figures.
    Stats {
        /// All of them.
        stats: Stats,
    },
    /// The code opens the doctor's calls for a while.
    Doctor {
        /// The code. A secret.
        code: String,
    },
    /// The work failed.
    Failed {
        /// Why, and what to do.
        message: String,
    },
}

/// Serves the control socket until `drain` is cancelled. The caller holds the directory's lock, so
/// a socket that is there belongs to nobody.
///
/// # Errors
///
/// When the socket cannot be made. Nothing else depends on it.
pub async fn serve(
    store: Store,
    eraser: Eraser,
    data_dir: PathBuf,
    backup_dir: PathBuf,
    recipients: Recipients,
    doctor_code: DoctorCode,
    drain: CancellationToken,
) -> io::Result<()> {
    backup::remove_unfinished(&data_dir)?;
    let path = data_dir.join(SOCKET_FILE);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    while let Some(accepted) = drain.run_until_cancelled(listener.accept()).await {
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on the control socket, retrying");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (store, data_dir, drain) = (store.clone(), data_dir.clone(), drain.clone());
        let (backup_dir, recipients) = (backup_dir.clone(), recipients.clone());
        let (eraser, doctor_code) = (eraser.clone(), doctor_code.clone());
        tokio::spawn(async move {
            let (data_dir, backup_dir) = (&data_dir, &backup_dir);
            let handled = handle(
                stream,
                &store,
                &eraser,
                data_dir,
                backup_dir,
                recipients,
                &doctor_code,
            );
            if let Some(Err(error)) = drain.run_until_cancelled(Box::pin(handled)).await {
                tracing::debug!(%error, "a command hung up");
            }
        });
    }
    let _ = std::fs::remove_file(&path);
    Ok(())
}

async fn handle(
    stream: UnixStream,
    store: &Store,
    eraser: &Eraser,
    data_dir: &Path,
    backup_dir: &Path,
    recipients: Recipients,
    doctor_code: &DoctorCode,
) -> io::Result<()> {
    use tokio::io::AsyncReadExt;
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading.take(REQUEST_BYTES));
    let mut line = String::new();
    reading.read_line(&mut line).await?;
    let hung_up = async move {
        let mut rest = String::new();
        // A client sends one request; anything after it, or the end of the stream, cancels the work.
        let _ = reading.read_line(&mut rest).await;
    };
    match serde_json::from_str(&line) {
        Ok(Request::Backup) => tokio::select! {
            served = serve_backup(&mut writing, store, data_dir, recipients) => served,
            () = hung_up => Ok(()),
        },
        Ok(Request::Erase { who, dry_run, now }) => tokio::select! {
            served = serve_erase(&mut writing, eraser, &who, dry_run, now) => served,
            () = hung_up => Ok(()),
        },
        Ok(Request::Export {
            person,
            room,
            format,
        }) => match ExportScope::parse(person.as_deref(), room.as_deref()) {
            Ok(scope) => tokio::select! {
                served = exports::serve(&mut writing, store, scope, format) => served,
                () = hung_up => Ok(()),
            },
            Err(error) => {
                let message = error.to_string();
                send(&mut writing, &Reply::Failed { message }).await
            }
        },
        Ok(Request::Stats) => {
            let reply = match Stats::gather(store, data_dir, backup_dir).await {
                Ok(stats) => Reply::Stats { stats },
                Err(error) => Reply::Failed {
                    message: error.to_string(),
                },
            };
            send(&mut writing, &reply).await
        }
        Ok(Request::Doctor) => {
            let code = doctor_code.issue(std::time::Instant::now());
            send(&mut writing, &Reply::Doctor { code }).await
        }
        Err(error) => {
            let message = format!("the request is not understood: {error}");
            send(&mut writing, &Reply::Failed { message }).await
        }
    }
}

async fn serve_backup(
    writing: &mut (impl AsyncWriteExt + Unpin),
    store: &Store,
    data_dir: &Path,
    recipients: Recipients,
) -> io::Result<()> {
    let finishing = Finishing {
        recipients,
        ..Finishing::default()
    };
    let (progress, mut watched) = watch::channel(CopyProgress::default());
    let mut making = std::pin::pin!(StagedBackup::make(store, data_dir, finishing, progress));
    let made = loop {
        let (done, total) = match progress::next(making.as_mut(), &mut watched).await {
            Step::Progress(copied) => (copied.pages_done, copied.pages_total),
            Step::Done(made) => break made,
        };
        send(writing, &Reply::Progress { done, total }).await?;
    };
    match made {
        Ok(made) => {
            audit(store, AuditAction::BackupMade).await;
            let file = made.path().file_name().unwrap_or_default();
            let reply = Reply::Backup {
                file: file.to_string_lossy().into_owned(),
                rooms: made.manifest().rooms,
                messages: made.manifest().messages,
            };
            send(writing, &reply).await?;
            // The client takes the file and hangs up, which ends this.
            std::future::pending().await
        }
        Err(failure) => {
            let message = failure.to_string();
            send(writing, &Reply::Failed { message }).await
        }
    }
}

async fn serve_erase(
    writing: &mut (impl AsyncWriteExt + Unpin),
    eraser: &Eraser,
    who: &str,
    dry_run: bool,
    now: bool,
) -> io::Result<()> {
    let who = match who.parse() {
        Ok(who) => who,
        Err(error) => {
            let message = BadWho::to_string(&error);
            return send(writing, &Reply::Failed { message }).await;
        }
    };
    let request = EraseRequest {
        who,
        dry_run,
        now,
        by: Principal::CommandLine,
    };
    let (progress, mut watched) = watch::channel(EraseProgress::default());
    let mut erasing = std::pin::pin!(eraser.erase(&request, progress));
    let erased = loop {
        let EraseProgress { done, total } =
            match progress::next(erasing.as_mut(), &mut watched).await {
                Step::Progress(erased) => erased,
                Step::Done(erased) => break erased,
            };
        send(writing, &Reply::Progress { done, total }).await?;
    };
    let reply = match erased {
        Ok(receipt) => Reply::Receipt { receipt },
        Err(failure) => Reply::Failed {
            message: failure.to_string(),
        },
    };
    send(writing, &reply).await
}

/// Records in the audit what a command has read.
async fn audit(store: &Store, action: AuditAction) {
    if let Err(error) = store.audit(action, Principal::CommandLine, None).await {
        tracing::warn!(%error, ?action, "cannot record a command in the audit");
    }
}

async fn send(writing: &mut (impl AsyncWriteExt + Unpin), reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    writing.write_all(&line).await
}

/// A command's connection to the running server. Dropping it cancels the work.
#[derive(Debug)]
pub struct Control {
    stream: BufReader<UnixStream>,
}

impl Control {
    /// Connects to the server of a data directory, or returns `None` when none runs.
    ///
    /// # Errors
    ///
    /// When a server may run, but cannot be reached.
    pub async fn connect(data_dir: &Path) -> io::Result<Option<Self>> {
        match UnixStream::connect(data_dir.join(SOCKET_FILE)).await {
            Ok(stream) => Ok(Some(Self {
                stream: BufReader::new(stream),
            })),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends the request.
    ///
    /// # Errors
    ///
    /// When the server has gone.
    pub async fn send(&mut self, request: &Request) -> io::Result<()> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.stream.write_all(&line).await
    }

    /// The next reply.
    ///
    /// # Errors
    ///
    /// When the server has gone.
    pub async fn reply(&mut self) -> io::Result<Reply> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server ended in the middle of the work",
            ));
        }
        Ok(serde_json::from_str(&line)?)
    }
}
