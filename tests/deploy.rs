//! What is in `deploy`: units (what happens when the server ends, and what it may reach), alert rules,
//! and several nodes in containers.

use std::collections::HashMap;
use std::process::Command;

/// The settings of the service's unit.
fn unit() -> HashMap<String, String> {
    settings(include_str!("../deploy/shoptalk.service"))
}

/// A unit's settings as `Section.Key`. None is set twice, except for a list, whose lines are joined.
fn settings(unit: &str) -> HashMap<String, String> {
    let mut settings = HashMap::new();
    let mut section = "";
    for line in unit.lines() {
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
        if let Some(before) = before {
            assert_eq!(key, "SystemCallFilter", "{key} is set twice");
            settings.insert(format!("{section}.{key}"), format!("{before} {value}"));
        }
    }
    settings
}

fn seconds(unit: &HashMap<String, String>, key: &str) -> u64 {
    let value = unit.get(key).unwrap_or_else(|| panic!("{key} is missing"));
    value
        .parse()
        .unwrap_or_else(|_| panic!("{key}={value} is no number of seconds"))
}

/// On a full disk each start fails, perhaps for hours, until an operator makes space.
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

/// Another start does not repair a wrong configuration, and a drain is not interrupted.
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

/// The threads that hash passwords lower their own priority, with `setpriority` and
/// `sched_setscheduler`. Both are in `@resources`, a part of `@system-service`.
#[test]
fn the_unit_allows_threads_to_lower_their_priority() {
    let unit = unit();
    let filter = &unit["Service.SystemCallFilter"];
    assert_eq!(filter, "@system-service ~@privileged");
    // A call outside the filter fails and does not kill the server.
    assert_eq!(unit["Service.SystemCallErrorNumber"], "EPERM");
}

/// With its own user namespace the server could not get `CAP_NET_BIND_SERVICE`, as docs/tls.md says.
#[test]
fn the_unit_is_hardened_and_can_get_ports_below_1024() {
    let unit = unit();
    assert_eq!(unit.get("Service.PrivateUsers"), None);
    assert_eq!(unit["Service.CapabilityBoundingSet"], "");
    let Ok(analysis) = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--threshold=15"])
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/deploy/shoptalk.service"
        ))
        .output()
    else {
        eprintln!("systemd-analyze is not installed: the exposure was not checked");
        return;
    };
    let report = String::from_utf8_lossy(&analysis.stdout);
    let errors = String::from_utf8_lossy(&analysis.stderr);
    if errors.contains("unrecognized option") {
        eprintln!("systemd-analyze is older than 250: the exposure was not checked");
        return;
    }
    assert!(analysis.status.success(), "{report}{errors}");
}

/// The server reports that it accepts connections, see tests/cli/serve.rs.
#[test]
fn the_unit_waits_until_the_server_accepts_connections() {
    let unit = unit();
    assert_eq!(unit["Service.Type"], "notify");
    // The server does not report to a watchdog: it would be killed again and again.
    assert_eq!(unit.get("Service.WatchdogSec"), None);
}

/// What the server takes is in tests/cli/passed_sockets.rs.
#[test]
fn the_socket_units_are_for_the_service_and_its_addresses() {
    let main = settings(include_str!("../deploy/shoptalk.socket"));
    let listen = format!("listen = {:?}\n", main["Socket.ListenStream"]);
    assert!(include_str!("../config/default.toml").contains(&listen));
    // It has the name of the service, and takes connections by itself.
    assert_eq!(main.get("Socket.Service"), None);
    assert_eq!(main.get("Socket.FileDescriptorName"), None);
    let redirect = settings(include_str!("../deploy/shoptalk-redirect.socket"));
    assert_eq!(redirect["Socket.Service"], "shoptalk.service");
    assert_eq!(redirect["Socket.FileDescriptorName"], "redirect");
    for unit in [main, redirect] {
        assert_eq!(unit.get("Socket.Accept"), None);
        assert_eq!(unit["Install.WantedBy"], "sockets.target");
    }
}

/// `make alerts` runs these unit tests, with promtool. That the metrics exist is in
/// tests/cli/metrics.rs.
#[test]
fn every_alert_is_raised_in_a_unit_test_of_the_rules() {
    let tests = include_str!("../deploy/alerts-test.yml");
    let mut count = 0;
    for rules in [
        include_str!("../deploy/alerts.yml"),
        include_str!("../deploy/alerts-backup.yml"),
        include_str!("../deploy/alerts-nodes.yml"),
    ] {
        for name in rules
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- alert: "))
        {
            let raised = format!("- alertname: {name}\n");
            assert!(tests.contains(&raised), "{name} is never raised");
            let silent = format!("alertname: {name}, ");
            assert!(tests.contains(&silent), "{name} is always raised");
            count += 1;
        }
    }
    assert!(count >= 9, "{count} alerts");
}

/// Three nodes behind a proxy without stickiness, with every secret in a file.
#[test]
fn the_composed_cluster_has_three_nodes_and_no_secret_in_it() {
    let compose = include_str!("../deploy/compose.yml");
    let image = format!("image: shoptalk:{}\n", env!("CARGO_PKG_VERSION"));
    assert!(compose.contains(&image), "{image}");
    for node in ["node1", "node2", "node3"] {
        let service = format!("\n  {node}:\n    <<: *node\n    volumes: [\"{node}:/data\"]\n");
        assert!(compose.contains(&service), "{service}");
    }
    assert!(compose.contains("reverse_proxy node1:8001 node2:8001 node3:8001 {"));
    assert!(
        compose.contains("lb_policy round_robin"),
        "no node is preferred"
    );
    assert!(compose.contains("health_uri /readyz"));
    assert!(compose.contains("test: [CMD, /shoptalk, health]"));
    // While the official image makes the database, its server is reached by its socket alone.
    assert!(compose.contains("test: [CMD, pg_isready, --host=127.0.0.1, "));
    // The check gives up after ten seconds with a reason, which one that is killed cannot give.
    assert!(compose.contains("    timeout: 15s\n"));
    assert!(include_str!("../deploy/Dockerfile").contains(" --timeout=15s "));
    // The contract's bound of a drain is 12 seconds.
    assert!(compose.contains("stop_grace_period: 20s"));
    // Commands after `up` need them, too.
    for name in ["CHAT", "SHOP"] {
        let set = compose
            .lines()
            .find(|line| line.contains(&format!("{name}=")));
        assert!(set.is_some_and(|line| line.ends_with(">.env")), "{set:?}");
    }
    let defaults = include_str!("../config/default.toml");
    let mut keys = 0;
    for line in compose.lines().map(str::trim) {
        if let Some((key, value)) = line.split_once(": ")
            && let Some(key) = key.strip_prefix("SHOPTALK_")
        {
            let (_, name) = key.split_once("__").expect("a section and a key");
            let name = name.strip_suffix("_FILE").unwrap_or(name).to_lowercase();
            assert!(
                defaults.contains(&format!("\n{name} = ")),
                "{name} is no key"
            );
            let is_secret = name.ends_with("url") && name != "public_url";
            assert_eq!(is_secret, value.starts_with("/run/secrets/"), "{line}");
            keys += 1;
        }
        let names_a_password = line.contains("PASSWORD") && !line.starts_with('#');
        assert!(
            !names_a_password || line.contains("_FILE: /run/secrets/"),
            "{line}"
        );
        if let Some(file) = line.strip_prefix("file: ") {
            assert!(
                compose.contains(&format!(">{file}\n")),
                "{file} is never made"
            );
        }
    }
    assert_eq!(keys, 5);
}
