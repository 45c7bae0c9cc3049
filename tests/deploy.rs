//! `deploy/shoptalk.service`: what systemd does when the server ends.

use std::collections::HashMap;

/// The unit's settings as `Section.Key`. None is set twice.
fn unit() -> HashMap<String, String> {
    let mut settings = HashMap::new();
    let mut section = "";
    for line in include_str!("../deploy/shoptalk.service").lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.strip_suffix(']').expect("a section's end");
            continue;
        }
        let (key, value) = line.split_once('=').expect("a key and a value");
        let before = settings.insert(format!("{section}.{key}"), value.to_owned());
        assert!(before.is_none(), "{key} is set twice");
    }
    settings
}

fn seconds(unit: &HashMap<String, String>, key: &str) -> u64 {
    let value = unit.get(key).unwrap_or_else(|| panic!("{key} is missing"));
    value
        .parse()
        .unwrap_or_else(|_| panic!("{key}={value} is no number of seconds"))
}

/// On a full disk each start fails at once, for hours; then somebody makes room.
#[test]
fn the_unit_always_restarts_a_failed_server() {
    let unit = unit();
    assert_eq!(unit["Service.Restart"], "on-failure");
    // Systemd counts starts, and gives up for good past the limit; 0 is no limit. In another
    // section than this one the key is ignored.
    assert_eq!(seconds(&unit, "Unit.StartLimitIntervalSec"), 0);
    let first = seconds(&unit, "Service.RestartSec");
    assert!(
        (1..=5).contains(&first),
        "neither a busy loop nor a long break"
    );
    // Known since systemd 254 only; both or neither.
    let longest = seconds(&unit, "Service.RestartMaxDelaySec");
    assert!((first..=120).contains(&longest));
    assert!((1..=10).contains(&seconds(&unit, "Service.RestartSteps")));
}

/// A wrong configuration is not mended by another start, and nothing is cut off in a drain.
#[test]
fn the_unit_does_not_restart_on_bad_configuration() {
    let unit = unit();
    assert_eq!(unit["Service.RestartPreventExitStatus"], "2");
    assert_eq!(unit["Service.KillSignal"], "SIGTERM");
    assert!(
        seconds(&unit, "Service.TimeoutStopSec") > 12,
        "the contract's bound"
    );
}
