use shoptalk::config::Config;

use super::{Failure, log_filter, print_out};

/// Says what would be used, and what looks unintended. Everything else that is wrong
/// with a configuration has been refused before.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    log_filter(&config.log)?;
    print_out(&config.describe())?;
    for warning in config.warnings() {
        eprintln!("warning: {warning}");
    }
    Ok(())
}
