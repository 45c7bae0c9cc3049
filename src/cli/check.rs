use shoptalk::config::Config;

use super::{Failure, check_tls, log_filter, print_stdout};

/// Prints the effective configuration, and warnings about what is probably not intended. Invalid
/// values were refused when it was loaded; only the log filter and the certificate are checked here.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    log_filter(&config.log)?;
    let tls_warnings = check_tls(config)?;
    print_stdout(&config.describe())?;
    for warning in config.warnings().iter().chain(&tls_warnings) {
        eprintln!("warning: {warning}");
    }
    Ok(())
}
