use std::path::Path;

use shoptalk::config::Config;
use shoptalk::jobs::import::import;
use shoptalk::jobs::ledger::LedgerContents;
use shoptalk::persistence::{Store, TransferCounts};

use super::progress::ProgressBar;
use super::{Failure, NewDatabase, block_on, check_owner, counted};

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
    let new = NewDatabase::expected(config);
    block_on(async {
        let options = config.store_options(true);
        let store = tokio::task::spawn_blocking(|| Store::open(options)).await??;
        if let Some(new) = new {
            new.report();
        }
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
        "imported {} with {}, {} and {}",
        counted(counts.rooms, "room"),
        counted(counts.messages, "message"),
        counted(counts.visitors, "visitor"),
        counted(counts.agents, "agent")
    );
    match counts.present_rooms {
        0 => {}
        1 => eprintln!("1 room was there already and stays as it is"),
        rooms => eprintln!("{rooms} rooms were there already and stay as they are"),
    }
    match counts.present_agents {
        0 => {}
        1 => eprintln!("1 agent was there already, or the name is taken"),
        agents => eprintln!("{agents} agents were there already, or their names are taken"),
    }
    if counts.erased_rooms + counts.erased_visitors > 0 {
        eprintln!(
            "left out because they were erased: {} and {}",
            counted(counts.erased_rooms, "room"),
            counted(counts.erased_visitors, "visitor")
        );
    }
    if counts.redacted > 0 {
        eprintln!(
            "the text of {} was left out because it was removed",
            counted(counts.redacted, "message")
        );
    }
    if counts.agents > 0 {
        eprintln!(
            "imported agents have no password; give each one with: shoptalk agent passwd NAME"
        );
    }
}
