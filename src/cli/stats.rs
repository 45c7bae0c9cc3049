use shoptalk::config::Config;
use shoptalk::jobs::control::{Reply, Request};
use shoptalk::jobs::stats::Stats;
use shoptalk::persistence::Store;

use super::{Failure, block_on, check_owner, print_stdout, require_database, running_server};

/// Prints sizes, counts and dates of the database: the server's if one runs.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    let data_dir = &config.storage.data_dir;
    check_owner(data_dir)?;
    require_database(config)?;
    block_on(async {
        let stats = match running_server(config).await? {
            Some(mut control) => {
                control.send(&Request::Stats).await?;
                match control.reply().await? {
                    Reply::Stats { stats } => stats,
                    Reply::Failed { message } => return Err(Failure::Runtime(message)),
                    _ => return Err(Failure::unexpected_reply()),
                }
            }
            None => {
                let options = config.store_options(true);
                let store = tokio::task::spawn_blocking(|| Store::open(options)).await??;
                let stats = Stats::gather(&store, data_dir, &config.backup.directory).await;
                store.close().await;
                stats?
            }
        };
        Ok(print_stdout(&stats.to_string())?)
    })
}
