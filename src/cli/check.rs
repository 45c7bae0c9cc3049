use shoptalk::config::Config;

/// Says what would be used, and what looks unintended. A configuration that is
/// wrong has been refused before.
pub(super) fn run(config: &Config) {
    print!("{}", config.describe());
    for warning in config.warnings() {
        eprintln!("warning: {warning}");
    }
}
