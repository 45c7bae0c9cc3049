//! A bus that wants TLS and a login.

use shoptalk_local_servers::{Nats, Postgres, unless_missing};

use crate::common::{Authority, Pair, eventually};
use crate::process::Place;

/// A bus with a certificate for localhost, and its URL. `None` where it is not installed.
fn bus(pair: &Pair, directory: &std::path::Path) -> Option<(Nats, String)> {
    let (cert, key) = pair.write(directory);
    let path = |path: std::path::PathBuf| path.display().to_string();
    let (cert, key) = (path(cert), path(key));
    let arguments = [
        "--user",
        "shop",
        "--pass",
        "a word",
        "--tls",
        "--tlscert",
        &cert,
        "--tlskey",
        &key,
    ];
    let bus = unless_missing(Nats::start_with(arguments))?;
    let url = format!("tls://shop:a%20word@localhost:{}", bus.port());
    Some((bus, url))
}

/// A place whose server trusts this authority, and no other, and uses this bus.
fn place(authority: &Authority, database: &str, bus: &str) -> Place {
    let place = Place::new();
    place.write("authority.pem", &authority.pem());
    let trusted = place.path().join("authority.pem").display().to_string();
    place
        .with("SSL_CERT_FILE", &trusted)
        .with("SHOPTALK_STORAGE__URL", database)
        .with("SHOPTALK_CLUSTER__NATS_URL", bus)
}

#[tokio::test]
async fn a_bus_is_used_by_tls_if_its_certificate_is_trusted() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let (ours, theirs) = (Authority::new(), Authority::new());
    let Some((_bus, url)) = bus(&ours.issue(&["localhost"], 30), directory.path()) else {
        return;
    };
    let database = server.create_database().expect("a database");
    let place_of_ours = place(&ours, &database.url(), &url);
    let trusting = place_of_ours.serve().await;
    let rest = trusting.rest();
    eventually("the bus is up", async || {
        rest.metric("shoptalk_bus_up").await == 1.0
    })
    .await;
    let printed = place_of_ours.run(&["check"]).await.well();
    assert!(
        printed.contains("reachable, with TLS, with a login"),
        "{printed}"
    );
    trusting.stop().await;

    let place_of_theirs = place(&theirs, &database.url(), &url);
    let checked = place_of_theirs.run(&["check"]).await;
    assert!(checked.stderr.contains("certificate"), "{checked:?}");
    assert!(!checked.stderr.contains("a%20word"), "{checked:?}");
    let mut wary = place_of_theirs.serve().await;
    let line = wary.line("cannot use the bus").await;
    assert!(line.contains("shoptalk check"), "{line}");
    assert_eq!(wary.rest().metric("shoptalk_bus_up").await, 0.0);
    wary.rest().get("/readyz").await.is(200);
    wary.stop().await;
}
