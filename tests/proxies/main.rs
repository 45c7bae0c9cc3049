//! `shoptalk doctor` against real proxies: with the configurations of `deploy/proxies` it finds
//! nothing, and with each broken setting exactly what is broken.
//!
//! Needs nginx, Caddy, Apache, HAProxy and openssl (`make doctor-trials` says what is missing), so
//! it is not part of `make test`. Every proxy listens on a port of its own on loopback, with its
//! files in a temporary directory.

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod proxy;

use std::path::Path;

use common::TestServer;

use self::cases::{BROKEN, Broken};
use self::proxy::{Kind, Tls, free_port};

/// Short, so that the trials take seconds; broken proxies are set to cut sockets sooner.
const QUIET_SECONDS: &str = "4";

/// Runs the doctor through a proxy and returns the titles of the problems, and what it printed.
async fn diagnose(
    kind: Kind,
    change: &[(&str, &str)],
    tls: &Tls,
    broken: Option<&Broken>,
) -> (Vec<String>, String) {
    let port = free_port();
    let trusts_proxy = broken.is_none_or(|broken| broken.trusts_proxy);
    let public_port = if broken.is_some_and(|broken| broken.wrong_public_url) {
        1
    } else {
        port
    };
    let server = TestServer::start_with(|config| {
        let url = format!("https://localhost:{public_port}");
        config.server.public_url = Some(url.parse().expect("a URL"));
        if trusts_proxy {
            config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        }
    })
    .await;
    let proxy = proxy::start(kind, server.addr(), port, tls, change).await;
    let trusts_ca = broken.is_none_or(|broken| broken.trusts_ca);
    let doctor = run_doctor(port, server.data_dir(), trusts_ca.then_some(tls.ca())).await;
    drop(proxy);
    let problems = doctor
        .lines()
        .filter_map(|line| line.strip_prefix("PROBLEM  "))
        .filter_map(|line| line.split_once(": "))
        .map(|(title, _)| title.to_owned())
        // Problems of the machine that runs the trials do not count.
        .filter(|title| {
            ![
                "Data directory",
                "File system",
                "Disk sync",
                "Open files",
                "Free space",
                "Backup",
            ]
            .contains(&title.as_str())
        })
        .collect();
    (problems, doctor)
}

async fn run_doctor(port: u16, data_dir: &Path, ca: Option<&Path>) -> String {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_shoptalk"));
    command
        .args([
            "doctor",
            &format!("https://localhost:{port}"),
            "--quiet",
            QUIET_SECONDS,
        ])
        .arg("--data-dir")
        .arg(data_dir)
        .env_clear();
    if let Some(ca) = ca {
        command.env("SSL_CERT_FILE", ca);
    }
    let output = command.output().await.expect("the doctor runs");
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[tokio::test]
#[ignore = "needs four proxies; make doctor-trials"]
async fn the_shipped_configurations_have_no_problem() {
    let tls = Tls::new();
    for kind in Kind::ALL {
        let (problems, printed) = diagnose(kind, &[], &tls, None).await;
        assert_eq!(problems, [""; 0], "{kind:?}:\n{printed}");
        for passed in [
            "WebSocket upgrade",
            "Forged address",
            "Client address",
            "Quiet socket",
            "Body size",
            "Certificate",
        ] {
            assert!(
                printed.contains(&format!("ok       {passed}")),
                "{kind:?}:\n{printed}"
            );
        }
        println!("{kind:?}: no alarm");
    }
}

#[tokio::test]
#[ignore = "needs four proxies; make doctor-trials"]
async fn each_broken_setting_is_found() {
    let tls = Tls::new();
    let mut wrong = Vec::new();
    for broken in BROKEN {
        let (problems, printed) = diagnose(broken.kind, broken.change, &tls, Some(broken)).await;
        let case = format!(
            "{:?}, {}: {}",
            broken.kind,
            broken.name,
            problems.join(", ")
        );
        println!("{case}");
        if problems != broken.found {
            wrong.push(format!("{case}, expected {:?}:\n{printed}", broken.found));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
