//! TLS from the command line: the ready line, SIGHUP, and certificates that cannot be used.

use rustix::process::Signal;

use super::process::Place;
use crate::common::{Authority, Pair, eventually};

const NAME: &str = "chat.example.com";

/// A place whose configuration names `cert.pem` and `key.pem`.
fn place(pair: &Pair) -> Place {
    let place = Place::new()
        .with("SHOPTALK_SERVER__TLS_CERT", "cert.pem")
        .with("SHOPTALK_SERVER__TLS_KEY", "key.pem");
    pair.write(place.path());
    place
}

#[tokio::test]
async fn the_ready_line_has_https_and_sighup_reads_the_certificate_again() {
    let authority = Authority::new();
    let place = place(&authority.issue(&[NAME], 90));
    let mut running = place.serve().await;
    assert_eq!(running.scheme, "https");
    let client = authority.client(&[]);
    let before = client.certificate(running.addr, NAME).await;
    authority.issue(&[NAME], 90).write(place.path());
    running.signal(Signal::HUP);
    let changed = async || client.certificate(running.addr, NAME).await != before;
    eventually("the new certificate is shown", changed).await;
    running.signal(Signal::HUP);
    running.line("have not changed").await;
    running.stop().await;
}

#[tokio::test]
async fn without_tls_sighup_does_no_harm() {
    let place = Place::new();
    let mut running = place.serve().await;
    assert_eq!(running.scheme, "http");
    running.signal(Signal::HUP);
    running.line("TLS is off").await;
    running.stop().await;
}

#[tokio::test]
async fn a_bad_pair_is_a_configuration_error() {
    let authority = Authority::new();
    let good = authority.issue(&[NAME], 90);
    for (pair, words) in [
        (
            Pair {
                cert: good.cert.clone(),
                key: authority.issue(&[NAME], 90).key,
            },
            ["server.tls_cert", "cert.pem", "does not belong"],
        ),
        (
            Pair {
                cert: String::new(),
                key: good.key.clone(),
            },
            ["server.tls_cert", "cert.pem", "no certificate"],
        ),
        (
            Pair {
                cert: good.cert.clone(),
                key: "-----BEGIN ENCRYPTED PRIVATE KEY-----\n".to_owned(),
            },
            ["server.tls_key", "key.pem", "openssl pkey"],
        ),
    ] {
        let place = place(&pair);
        for command in ["check", "serve"] {
            place.run(&[command]).await.misused(&words);
        }
        assert!(!place.data_dir().exists(), "nothing was made");
    }
    let place = place(&good);
    std::fs::remove_file(place.path().join("key.pem")).expect("it is there");
    let words = ["server.tls_key", "key.pem", "cannot read"];
    place.run(&["serve"]).await.misused(&words);
}

/// An expired certificate does not keep the server from starting, so it can be renewed meanwhile.
#[tokio::test]
async fn an_expired_certificate_is_served_with_a_warning() {
    let authority = Authority::new();
    let place = place(&authority.issue(&[NAME], -1));
    let checked = place.run(&["check"]).await;
    assert!(checked.stderr.contains("has expired on"), "{checked:?}");
    checked.well();
    let mut running = place.serve().await;
    running.line("has expired on").await;
    let before = authority.client(&[]).connect(running.addr, NAME).await;
    assert!(before.is_err(), "browsers refuse it");
    authority.issue(&[NAME], 90).write(place.path());
    running.signal(Signal::HUP);
    let accepted = async || {
        authority
            .client(&[])
            .connect(running.addr, NAME)
            .await
            .is_ok()
    };
    eventually("the renewed one is shown", accepted).await;
    running.stop().await;
}

#[tokio::test]
async fn check_warns_of_what_browsers_will_refuse() {
    let authority = Authority::new();
    let place = place(&authority.issue(&[NAME], 13))
        .with("SHOPTALK_SERVER__PUBLIC_URL", "https://shop.example.com");
    let checked = place.run(&["check"]).await;
    assert!(checked.stderr.contains("expires on"), "{checked:?}");
    let other_name = "is for chat.example.com, but browsers use shop.example.com";
    assert!(checked.stderr.contains(other_name), "{checked:?}");
    let stdout = checked.well();
    assert!(stdout.contains("server.tls_cert "), "{stdout}");
}
