use shoptalk::config::Config;

use super::services::Service;
use super::{Failure, block_on, check_tls, log_filter, print_stdout};

/// Prints the effective configuration, and warnings about what is probably not intended. Invalid
/// values were refused when it was loaded; only the log filter, the certificate, the database in
/// PostgreSQL and the bus are checked here.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    log_filter(&config.log)?;
    let tls_warnings = check_tls(config)?;
    print_stdout(&config.describe())?;
    for warning in config.warnings().iter().chain(&tls_warnings) {
        warn(warning);
    }
    block_on(async {
        let Some(database) = Service::database(config).await else {
            return Ok(());
        };
        let mut text = vec![String::new()];
        text.extend(database.found.map_err(Failure::Runtime)?);
        let mut warnings = database.warnings;
        match Service::bus(config).await {
            None => text.push("There is no bus: nodes look at the database every 100 ms.".into()),
            Some(bus) => {
                warnings.extend(bus.warnings);
                match bus.found {
                    Ok(lines) => text.extend(lines),
                    // Everything goes on without it.
                    Err(why) => warnings.push(why),
                }
            }
        }
        text.push(String::new());
        print_stdout(&text.join("\n"))?;
        for warning in &warnings {
            warn(warning);
        }
        Ok(())
    })
}

fn warn(warning: &str) {
    eprintln!("warning: {warning}");
}
