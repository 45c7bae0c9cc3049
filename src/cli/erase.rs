use shoptalk::chat::Who;
use shoptalk::config::Config;
use shoptalk::jobs::control::{Control, Reply, Request};
use shoptalk::jobs::erase::{EraseProgress, EraseRequest, Eraser, Receipt};
use shoptalk::jobs::progress::follow;
use shoptalk::jobs::schedule::BackupSettings;
use shoptalk::persistence::{Principal, Store};
use tokio::sync::watch;

use super::progress::ProgressBar;
use super::{Failure, block_on, check_owner, print_stdout, require_database, running_server};

/// The arguments of `shoptalk erase`.
#[derive(Debug, clap::Args)]
pub(super) struct EraseArgs {
    /// The person: user:…, email:… or phone:…
    who: String,
    /// Prints what would be erased, and erases nothing.
    #[arg(long)]
    dry_run: bool,
    /// Rewrites the database at once, so that no byte of it is left, and returns when that is done.
    /// The chat takes no messages while the file is rewritten; without this the server
    /// does it from 02:00 to 05:00, or when no visitor is there and nobody wrote for half an hour.
    /// Not with PostgreSQL, which overwrites the bytes in its own time.
    #[arg(long)]
    now: bool,
}

/// Erases a person: through the server if one runs, otherwise by itself. Prints the receipt.
pub(super) fn run(args: EraseArgs, config: &Config) -> Result<(), Failure> {
    let who: Who = args
        .who
        .parse()
        .map_err(|error| Failure::Usage(format!("{}: {error}", args.who)))?;
    check_owner(&config.storage.data_dir)?;
    require_database(config)?;
    let receipt = block_on_receipt(async {
        match running_server(config).await? {
            Some(control) => through_the_server(control, &args).await,
            None => without_a_server(config, who, &args).await,
        }
    })?;
    if receipt.erased.visitors == 0 {
        eprintln!(
            "nobody matches, so nothing was erased; check the spelling, or look the conversation up in the console"
        );
    }
    let text = serde_json::to_string_pretty(&receipt)?;
    Ok(print_stdout(&format!("{text}\n"))?)
}

fn block_on_receipt(
    command: impl Future<Output = Result<Receipt, Failure>>,
) -> Result<Receipt, Failure> {
    let mut receipt = None;
    block_on(async {
        receipt = Some(command.await?);
        Ok(())
    })?;
    receipt.ok_or_else(|| Failure::Runtime("the erasure has no receipt".to_owned()))
}

async fn through_the_server(mut control: Control, args: &EraseArgs) -> Result<Receipt, Failure> {
    let request = Request::Erase {
        who: args.who.clone(),
        dry_run: args.dry_run,
        now: args.now,
    };
    control.send(&request).await?;
    let mut bar = ProgressBar::new();
    loop {
        match control.reply().await? {
            Reply::Progress { done, total } => bar.show(done, total),
            Reply::Receipt { receipt } => {
                bar.clear();
                return Ok(receipt);
            }
            Reply::Failed { message } => {
                bar.clear();
                return Err(Failure::Runtime(message));
            }
            _ => {
                return Err(Failure::Runtime(
                    "the server does not understand the request: is it another version?".to_owned(),
                ));
            }
        }
    }
}

async fn without_a_server(config: &Config, who: Who, args: &EraseArgs) -> Result<Receipt, Failure> {
    let options = config.store_options(true);
    let store = tokio::task::spawn_blocking(|| Store::open(options)).await??;
    let eraser = Eraser::new(store.clone(), None, BackupSettings::from(config));
    let request = EraseRequest {
        who,
        dry_run: args.dry_run,
        now: args.now,
        by: Principal::CommandLine,
    };
    let (progress, watched) = watch::channel(EraseProgress::default());
    let mut bar = ProgressBar::new();
    let erasing = eraser.erase(&request, progress);
    let erased = follow(erasing, watched, |EraseProgress { done, total }| {
        bar.show(done, total);
    })
    .await;
    bar.clear();
    store.close().await;
    Ok(erased?)
}
