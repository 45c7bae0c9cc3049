use shoptalk::config::Config;

use super::{Failure, log_filter, print_stdout};

/// Prints the effective configuration, and warnings about what is probably not intended. Invalid
/// values were refused when it was loaded; only the log filter is parsed here.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    log_filter(&config.log)?;
    print_stdout(&config.describe())?;
    for warning in config.warnings() {
        eprintln!("warning: {warning}");
    }
    Ok(())
}
