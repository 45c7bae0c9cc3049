use std::path::Path;

use shoptalk::config::Config;
use shoptalk::jobs::import::import;
use shoptalk::jobs::ledger::LedgerContents;
use shoptalk::persistence::{Store, TransferCounts};

use super::progress::ProgressBar;
use super::{Failure, block_on, check_owner};

/// Imports what an export has written. With SQLite the server must not be running.
pub(super) fn run(file: &Path, config: &Config) -> Result<(), Failure> {
    let data_dir = &config.storage.data_dir;
    check_owner(data_dir)?;
    // Before a data directory is made for it.
    std::fs::File::open(file)
        .map_err(|error| Failure::Runtime(format!("cannot read {}: {error}", file.display())))?;
    let listed = LedgerContents::read_all(data_dir, &config.backup.directory, file);
    let erased = listed
        .map_err(|error| Failure::Runtime(error.to_string()))?
        .erased;
    block_on(async {
        let options = config.store_options(true);
        let store = tokio::task::spawn_blocking(|| Store::open(options)).await??;
        let mut bar = ProgressBar::new();
        let imported = import(&store, file, &erased.into(), |progress| {
            bar.show(progress.done, progress.total);
        })
        .await;
        bar.clear();
        store.close().await;
        report(imported?);
        Ok(())
    })
}

fn report(counts: TransferCounts) {
    eprintln!(
        "imported {} rooms with {} messages, {} visitors and {} agents",
        counts.rooms, counts.messages, counts.visitors, counts.agents
    );
    if counts.present_rooms > 0 {
        eprintln!(
            "{} rooms were there already and stay as they are",
            counts.present_rooms
        );
    }
    if counts.present_agents > 0 {
        eprintln!(
            "{} agents were there already, or their names are taken",
            counts.present_agents
        );
    }
    if counts.erased_rooms + counts.erased_visitors > 0 {
        eprintln!(
            "{} rooms and {} visitors were left out because they were erased",
            counts.erased_rooms, counts.erased_visitors
        );
    }
    if counts.redacted > 0 {
        eprintln!(
            "the texts of {} messages were left out because they were removed",
            counts.redacted
        );
    }
    if counts.agents > 0 {
        eprintln!(
            "imported agents have no password; give each one with: shoptalk agent passwd NAME"
        );
    }
}
