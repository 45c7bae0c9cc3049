use std::time::Instant;

use clap::Args;
use shoptalk::config::Config;
use shoptalk::persistence::{MigrateStep, Migrated, migrate, without_password};

use super::progress::ProgressBar;
use super::{Failure, block_on, check_owner, counted};

#[derive(Args)]
pub(super) struct MigrateArgs {
    /// The PostgreSQL database, new and empty, without a password: postgres://USER@HOST/DATABASE.
    /// The password comes from PGPASSWORD, from the file of PGPASSFILE, or from storage.url if that
    /// names the same database.
    #[arg(long, value_name = "URL")]
    to: String,
}

/// Moves the database of the data directory to PostgreSQL. The server must not be running.
pub(super) fn run(args: &MigrateArgs, config: &Config) -> Result<(), Failure> {
    let to = target(&args.to, config)?;
    let data_dir = &config.storage.data_dir;
    check_owner(data_dir)?;
    if !data_dir.join("shoptalk.db").is_file() {
        return Err(Failure::Runtime(format!(
            "there is no database in {}; name the directory with --data-dir",
            data_dir.display()
        )));
    }
    let mut options = config.store_options(true);
    options.url = None;
    let name = without_password(&to);
    block_on(async {
        let started = Instant::now();
        let (mut bar, mut rows) = (ProgressBar::new(), 0);
        let migrated = migrate(options, &to, |step| match step {
            MigrateStep::Marked => eprintln!("copying to {name}"),
            MigrateStep::Copied { done, total } => {
                rows = done;
                bar.show(done, total);
            }
            MigrateStep::Compared => bar.clear(),
            MigrateStep::Committed => {}
        })
        .await?;
        match migrated {
            Migrated::Now => eprintln!(
                "moved {} to {name} in {} s; set storage.url to the URL of --to and start the server, which makes the text index again",
                counted(rows, "row"),
                started.elapsed().as_secs()
            ),
            Migrated::Before => {
                eprintln!("{name} has it already; set storage.url to the URL of --to")
            }
        }
        Ok(())
    })
}

/// The URL to connect to. Everybody on the machine can read a command line, so no password is taken
/// from there.
fn target(to: &str, config: &Config) -> Result<String, Failure> {
    let has_password = url::Url::parse(to).is_ok_and(|url| {
        url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password")
    });
    if has_password {
        return Err(Failure::Usage(
            "--to must have no password, since others can read the command line; put it into PGPASSWORD, a file named by PGPASSFILE, or storage.url".to_owned(),
        ));
    }
    shoptalk::persistence::check_store_url(to)
        .map_err(|cause| Failure::Usage(format!("--to: {cause}")))?;
    match &config.storage.url {
        Some(configured) if without_password(configured) == without_password(to) => {
            Ok(configured.clone())
        }
        _ => Ok(to.to_owned()),
    }
}
