use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use shoptalk::config::Config;
use shoptalk::jobs::control::{Control, Reply, Request};
use shoptalk::jobs::export::{Export, ExportFormat};
use shoptalk::jobs::output::OutputFile;
use shoptalk::persistence::{AuditAction, ExportScope, Principal, Store};

use super::progress::ProgressBar;
use super::{Failure, block_on, check_owner, counted, require_database, running_server};

#[derive(Args)]
pub(super) struct ExportArgs {
    /// Exports the conversations of one person: user:…, email:… or phone:…
    #[arg(long, value_name = "WHO", conflicts_with = "room")]
    person: Option<String>,
    /// Exports one room.
    #[arg(long, value_name = "ID")]
    room: Option<String>,
    /// The format: jsonl, which import reads, or csv for spreadsheets [default: jsonl]
    #[arg(long, value_name = "FORMAT")]
    format: Option<ExportFormat>,
    /// The file to write, which must not exist [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Exports conversations: through the server if one runs, otherwise by itself.
pub(super) fn run(args: &ExportArgs, config: &Config) -> Result<(), Failure> {
    let scope = ExportScope::parse(args.person.as_deref(), args.room.as_deref())
        .map_err(|error| Failure::Usage(error.to_string()))?;
    check_owner(&config.storage.data_dir)?;
    require_database(config)?;
    let mut sink = Sink::open(args.out.as_deref())?;
    block_on(async {
        let (rooms, messages) = match running_server(config).await? {
            Some(control) => through_the_server(control, args, &mut sink).await?,
            None => without_a_server(config, scope, args, &mut sink).await?,
        };
        sink.finish()?;
        eprintln!(
            "exported {} with {}",
            counted(rooms, "room"),
            counted(messages, "message")
        );
        Ok(())
    })
}

async fn through_the_server(
    mut control: Control,
    args: &ExportArgs,
    sink: &mut Sink,
) -> Result<(u64, u64), Failure> {
    let request = Request::Export {
        person: args.person.clone(),
        room: args.room.clone(),
        format: args.format.unwrap_or_default(),
    };
    control.send(&request).await?;
    let mut bar = ProgressBar::new();
    loop {
        match control.reply().await? {
            Reply::Progress { done, total } => bar.show(done, total),
            Reply::Part { text } => sink.write(&text)?,
            Reply::Exported { rooms, messages } => {
                bar.clear();
                return Ok((rooms, messages));
            }
            Reply::Failed { message } => {
                bar.clear();
                return Err(Failure::Runtime(message));
            }
            _ => return Err(Failure::unexpected_reply()),
        }
    }
}

async fn without_a_server(
    config: &Config,
    scope: ExportScope,
    args: &ExportArgs,
    sink: &mut Sink,
) -> Result<(u64, u64), Failure> {
    let options = config.store_options(true);
    let store = tokio::task::spawn_blocking(|| Store::open(options)).await??;
    let exported = export(&store, scope, args.format.unwrap_or_default(), sink).await;
    store.close().await;
    exported
}

async fn export(
    store: &Store,
    scope: ExportScope,
    format: ExportFormat,
    sink: &mut Sink,
) -> Result<(u64, u64), Failure> {
    let mut bar = ProgressBar::new();
    let mut export = Export::begin(store, scope, format).await?;
    while let Some(text) = export.next().await? {
        sink.write(&text)?;
        bar.show(export.done(), export.total());
    }
    bar.clear();
    store
        .audit(AuditAction::Exported, Principal::CommandLine, None)
        .await?;
    Ok((export.rooms(), export.done()))
}

/// Where an export goes.
enum Sink {
    Stdout(io::Stdout),
    File(PathBuf, Option<OutputFile>),
}

impl Sink {
    fn open(out: Option<&Path>) -> Result<Self, Failure> {
        let Some(out) = out else {
            return Ok(Self::Stdout(io::stdout()));
        };
        let file = OutputFile::create(out).map_err(|error| Self::failed(out, &error))?;
        Ok(Self::File(out.to_owned(), Some(file)))
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Stdout(stdout) => stdout
                .write_all(text.as_bytes())
                .map_err(|error| Self::failed(Path::new("standard output"), &error)),
            Self::File(path, file) => file
                .as_mut()
                .map_or(Ok(()), |file| File::write_all(file.file(), text.as_bytes()))
                .map_err(|error| Self::failed(path, &error)),
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Self::Stdout(stdout) => stdout
                .flush()
                .map_err(|error| Self::failed(Path::new("standard output"), &error)),
            Self::File(path, file) => file
                .take()
                .map_or(Ok(()), OutputFile::finish)
                .map_err(|error| Self::failed(path, &error)),
        }
    }

    fn failed(path: &Path, error: &io::Error) -> Failure {
        let path = path.display();
        Failure::Runtime(if error.kind() == io::ErrorKind::AlreadyExists {
            format!(
                "{path} exists already, and an export does not overwrite a file; choose another name"
            )
        } else {
            format!("cannot write to {path}: {error}")
        })
    }
}
