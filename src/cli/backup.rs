use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use shoptalk::config::Config;
use shoptalk::encryption::is_encrypted;
use shoptalk::jobs::backup::{self, Finishing, ReadableBackup, StagedBackup};
use shoptalk::jobs::control::{Control, Reply, Request};
use shoptalk::jobs::ledger::LEDGER_FILE;
use shoptalk::jobs::progress::follow;
use shoptalk::jobs::restore::{self, RestoreRequest, Restored};
use shoptalk::persistence::{
    AuditAction, CopyProgress, ErasedAgain, POSTGRES_BACKUPS, Principal, Store, verify_backup,
};
use tokio::sync::watch;

use super::commands_to_paste::quoted;
use super::progress::ProgressBar;
use super::{Failure, NewDatabase, block_on, check_owner, counted, require_database};

/// How the files of pg_dump begin.
const DUMP_MAGIC: &[u8] = b"PGDMP";

/// Makes a backup: through the server if one runs, otherwise by itself.
pub(super) fn run(out: &Path, config: &Config) -> Result<(), Failure> {
    require_file(config)?;
    let data_dir = &config.storage.data_dir;
    check_owner(data_dir)?;
    require_database(config)?;
    let out = check_target(out, data_dir)?;
    block_on(async {
        match Control::connect(data_dir).await? {
            Some(control) => through_the_server(control, data_dir, &out).await,
            None => without_a_server(config, &out).await,
        }
    })
}

/// Refuses to copy, or to replace, what is not a file of the data directory.
fn require_file(config: &Config) -> Result<(), Failure> {
    match config.storage.url {
        None => Ok(()),
        Some(_) => Err(Failure::Runtime(format!(
            "storage.url is set, and {POSTGRES_BACKUPS}"
        ))),
    }
}

/// Checks a backup, beside whatever else the machine does: the server is often on the same one.
pub(super) fn verify(file: &Path, identity: Option<&Path>) -> Result<(), Failure> {
    refuse_dump(file)?;
    shoptalk::priority::lower();
    // Other users cannot read the decrypted copy in it. Both are removed at the end.
    let scratch = tempfile::Builder::new()
        .prefix("shoptalk-verify-")
        .tempdir()?;
    let plain = ReadableBackup::open(file, identity, scratch.path())?;
    let manifest = verify_backup(plain.path())?;
    eprintln!(
        "{} is sound: {}, {}, made {} by shoptalk {}",
        file.display(),
        counted(manifest.rooms, "room"),
        counted(manifest.messages, "message"),
        manifest.made_at,
        manifest.version
    );
    Ok(())
}

/// Replaces the database with a backup.
pub(super) fn restore(
    file: &Path,
    identity: Option<&Path>,
    config: &Config,
) -> Result<(), Failure> {
    refuse_dump(file)?;
    require_file(config)?;
    let data_dir = &config.storage.data_dir;
    check_owner(data_dir)?;
    let new = NewDatabase::expected(config);
    let restored = restore::restore(RestoreRequest {
        file,
        identity,
        data_dir,
        backup_dir: &config.backup.directory,
    })?;
    if let Some(new) = new {
        new.report();
    }
    report_restore(&restored);
    Ok(())
}

/// Refuses a file that pg_dump has written.
fn refuse_dump(file: &Path) -> Result<(), Failure> {
    let mut begin = Vec::new();
    File::open(file)
        .and_then(|file| file.take(DUMP_MAGIC.len() as u64).read_to_end(&mut begin))
        .map_err(|error| Failure::Runtime(format!("cannot read {}: {error}", file.display())))?;
    if begin != DUMP_MAGIC {
        return Ok(());
    }
    Err(Failure::Runtime(format!(
        "{} was made by pg_dump: restore it with pg_restore; to check it, restore it into another database",
        file.display()
    )))
}

fn report_restore(restored: &Restored) {
    let report = &restored.report;
    let manifest = &report.manifest;
    eprintln!(
        "restored {} and {} as of {}; every agent has to sign in again",
        counted(manifest.rooms, "room"),
        counted(manifest.messages, "message"),
        manifest.made_at
    );
    let again = report.erased_again;
    if again != ErasedAgain::default() {
        eprintln!(
            "of these, erased again because they were erased since: {}, {} and the text of {}",
            counted(again.visitors, "visitor"),
            counted(again.rooms, "room"),
            counted(again.redacted, "message")
        );
    }
    if let Some(aside) = &report.set_aside {
        eprintln!("the former files are in {}", aside.display());
    }
    if !report.kept_from_present {
        eprintln!(
            "no readable former database was found, so passwords, disabled agents and visitors' sign-outs are as they were at {}",
            manifest.made_at
        );
    }
    match restored.ledger_until {
        _ if report.erasures_from_present => {}
        Some(newest) => eprintln!(
            "what was erased is known from {LEDGER_FILE} alone, whose newest entry is of {newest}; repeat later erasures with: shoptalk erase"
        ),
        None => eprintln!(
            "neither the former database nor {LEDGER_FILE} beside the backups says what was erased since {}; repeat it with: shoptalk erase",
            manifest.made_at
        ),
    }
}

/// Refuses a target that cannot be used, before the copy is made. Returns it as an absolute path.
fn check_target(out: &Path, data_dir: &Path) -> Result<PathBuf, Failure> {
    let out = std::path::absolute(out)?;
    if out.symlink_metadata().is_ok() {
        return Err(Failure::Runtime(format!(
            "{} exists already, and a backup does not overwrite a file; choose another name",
            out.display()
        )));
    }
    let parent = out.parent().unwrap_or(Path::new("/"));
    let parent = parent.canonicalize().map_err(|error| {
        Failure::Runtime(format!("cannot write to {}: {error}", parent.display()))
    })?;
    if parent.starts_with(data_dir.canonicalize()?) {
        return Err(Failure::Runtime(format!(
            "{} is inside the data directory, whose loss a backup has to survive; choose a place outside it",
            out.display()
        )));
    }
    Ok(out)
}

async fn through_the_server(
    mut control: Control,
    data_dir: &Path,
    out: &Path,
) -> Result<(), Failure> {
    control.send(&Request::Backup).await?;
    let mut bar = ProgressBar::new();
    loop {
        match control.reply().await? {
            Reply::Progress { done, total } => bar.show(done, total),
            Reply::Backup {
                file,
                rooms,
                messages,
            } => {
                bar.clear();
                let staged = data_dir.join(file);
                move_out(staged, out.to_owned()).await?;
                report(out, rooms, messages)?;
                return Ok(());
            }
            Reply::Failed { message } => {
                bar.clear();
                return Err(Failure::Runtime(message));
            }
            _ => return Err(Failure::unexpected_reply()),
        }
    }
}

async fn without_a_server(config: &Config, out: &Path) -> Result<(), Failure> {
    let options = config.store_options(true);
    let store = tokio::task::spawn_blocking(|| Store::open(options)).await??;
    backup::remove_unfinished(&config.storage.data_dir)?;
    let (progress, watched) = watch::channel(CopyProgress::default());
    let mut bar = ProgressBar::new();
    let finishing = Finishing {
        recipients: config.backup.recipients.clone(),
        ..Finishing::default()
    };
    let making = StagedBackup::make(&store, &config.storage.data_dir, finishing, progress);
    let made = follow(making, watched, |copied| {
        bar.show(copied.pages_done, copied.pages_total);
    })
    .await;
    bar.clear();
    if made.is_ok() {
        store
            .audit(AuditAction::BackupMade, Principal::CommandLine, None)
            .await?;
    }
    store.close().await;
    let made = made?;
    move_out(made.path().to_owned(), out.to_owned()).await?;
    report(out, made.manifest().rooms, made.manifest().messages)
}

async fn move_out(staged: PathBuf, out: PathBuf) -> Result<(), Failure> {
    let moved = tokio::task::spawn_blocking({
        let out = out.clone();
        move || backup::move_out(&staged, &out)
    });
    moved
        .await?
        .map_err(|error| Failure::Runtime(format!("cannot write {}: {error}", out.display())))
}

fn report(out: &Path, rooms: u64, messages: u64) -> Result<(), Failure> {
    // The server may have other recipients than this configuration.
    let (kind, identity) = match is_encrypted(out)? {
        true => (", encrypted,", " --identity FILE"),
        false => ("", ""),
    };
    eprintln!(
        "wrote {}{kind} with {} and {}; check it with: shoptalk verify {}{identity}",
        out.display(),
        counted(rooms, "room"),
        counted(messages, "message"),
        quoted(out)
    );
    Ok(())
}
