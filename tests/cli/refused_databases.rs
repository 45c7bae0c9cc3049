//! A store in PostgreSQL and a bus that cannot be used are refused in words. Left out where
//! PostgreSQL or NATS is not installed.

use shoptalk_local_servers::{Nats, Postgres, Replication, unless_missing};

use super::process::{Ended, Place};
use crate::common::Authority;

const URL: &str = "SHOPTALK_STORAGE__URL";
const NATS_URL: &str = "SHOPTALK_CLUSTER__NATS_URL";
const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// A port that nobody listens on.
fn refusing_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// That both `check` and `serve` refuse this database in these words.
async fn refused(url: &str, words: &[&str]) {
    let place = Place::new().with(URL, url);
    for args in [&["check"][..], &SERVE] {
        let ended: Ended = place.run(args).await;
        ended.refused_with(1, words);
        ended.refused_with(1, &["cannot use postgres://", "(storage.url)"]);
        assert!(!ended.stderr.contains("secret-word"), "{ended:?}");
    }
}

#[tokio::test]
async fn wrong_settings_of_nodes_are_one_line_that_names_the_key() {
    let database = (URL, "postgres://shoptalk@127.0.0.1/shop");
    for (variables, words) in [
        (
            vec![(URL, "mysql://shoptalk:secret-word@db/shop")],
            ["storage.url", "postgres://"],
        ),
        (
            vec![(URL, "postgres://shoptalk@db")],
            ["storage.url", "names no database"],
        ),
        (
            vec![database, ("SHOPTALK_CLUSTER__NAME", "my shop")],
            ["cluster.name", "letters, digits"],
        ),
        (
            vec![(NATS_URL, "nats://127.0.0.1:4222")],
            ["cluster.nats_url", "storage.url"],
        ),
        (
            vec![database, (NATS_URL, "http://:secret-word@bus:4222")],
            ["cluster.nats_url", "nats://HOST:4222"],
        ),
    ] {
        let place = variables
            .into_iter()
            .fold(Place::new(), |place, (name, value)| place.with(name, value));
        for args in [&["check"][..], &SERVE] {
            let ended = place.run(args).await;
            ended.misused(&words);
            assert!(!ended.stderr.contains("secret-word"), "{ended:?}");
        }
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_refused_with_what_to_do() {
    let port = refusing_port();
    let url = format!("postgres://shoptalk:secret-word@127.0.0.1:{port}/shop");
    refused(&url, &["refused", "storage.url"]).await;
    let Some(server) = Postgres::shared() else {
        return;
    };
    refused(&server.url("nowhere"), &["nowhere", "CREATE DATABASE"]).await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_never_printed() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let database = server.create_database().expect("a database");
    server.add_user("clerk", "right-word").expect("a user");
    let url = |password: &str| {
        let start = format!("postgres://clerk{password}@127.0.0.1:{}", server.port());
        format!("{start}/{}", database.name())
    };
    refused(&url(":secret-word"), &["clerk", "PGPASSWORD"]).await;
    refused(&url(""), &["password", "PGPASSWORD"]).await;
    let place = Place::new()
        .with(URL, &url(""))
        .with("PGPASSWORD", "right-word");
    let printed = place.run(&["check"]).await.well();
    assert!(!printed.contains("right-word"), "{printed}");
}

#[tokio::test]
async fn a_database_with_other_tables_or_of_a_newer_version_is_refused() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let foreign = server.create_database().expect("a database");
    foreign
        .psql("CREATE TABLE orders (id integer)")
        .expect("it runs");
    refused(&foreign.url(), &["tables of another program"]).await;
    let newer = server.create_database().expect("a database");
    let place = Place::new().with(URL, &newer.url());
    place.serve().await.stop().await;
    newer
        .psql("UPDATE schema_version SET version = 99")
        .expect("it runs");
    refused(&newer.url(), &["schema 99", "newer version"]).await;
}

#[tokio::test]
async fn a_server_that_may_lose_messages_is_refused() {
    let Some(server) = unless_missing(Postgres::start()) else {
        return;
    };
    let database = server.create_database().expect("a database");
    let off = format!(
        "ALTER DATABASE {} SET synchronous_commit = off",
        database.name()
    );
    database.psql(&off).expect("it runs");
    refused(
        &database.url(),
        &["synchronous_commit is off", "ALTER DATABASE"],
    )
    .await;
    let standby = server
        .start_standby(Replication::Asynchronous)
        .expect("a standby");
    refused(&standby.url("postgres"), &["replica", "primary"]).await;
    drop(standby);
    server.set("fsync = off").expect("it is set");
    refused(&server.url("postgres"), &["fsync is off", "fsync = on"]).await;
}

#[tokio::test]
async fn what_a_user_lacks_and_how_tls_is_named_is_said() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let database = server.create_database().expect("a database");
    database.psql("CREATE ROLE guest LOGIN").expect("it runs");
    let url = database.url();
    let (_, host) = url.split_once('@').expect("it has a user");
    let url = format!("postgres://guest@{host}");
    let place = Place::new().with(URL, &url);
    let ended = place.run(&SERVE).await;
    ended.refused_with(1, &["permission denied", "ALTER DATABASE … OWNER TO"]);
    let place = Place::new().with(URL, &format!("{url}?sslmode=verify-ca"));
    place
        .run(&["check"])
        .await
        .misused(&["sslmode is disable, prefer, require or verify-full"]);
}

/// A file in the data directory of a server, which its user alone can read.
fn write_beside_data(server: &Postgres, name: &str, text: &str) {
    let sql = format!(
        "COPY (SELECT unnest(string_to_array('{}', E'\\n'))) TO PROGRAM 'umask 077; cat > {name}'",
        text.trim_end()
    );
    server.psql("postgres", &sql).expect("it is written");
}

#[tokio::test]
async fn a_database_with_a_certificate_that_is_not_trusted_is_refused_with_what_to_do() {
    let Some(server) = unless_missing(Postgres::start()) else {
        return;
    };
    let (ours, theirs) = (Authority::new(), Authority::new());
    let pair = ours.issue(&["127.0.0.1"], 30);
    write_beside_data(&server, "server.crt", &pair.cert);
    write_beside_data(&server, "server.key", &pair.key);
    server.set("ssl = on").expect("it is set");
    let trusting = |authority: &Authority, url: &str| {
        let place = Place::new();
        place.write("authority.pem", &authority.pem());
        let trusted = place.path().join("authority.pem").display().to_string();
        place.with("SSL_CERT_FILE", &trusted).with(URL, url)
    };
    let url = server.url("postgres");
    let full = format!("{url}?sslmode=verify-full");
    for url in [&url, &full] {
        let ended = trusting(&theirs, url).run(&["check"]).await;
        ended.refused_with(1, &["certificate", "make this system trust its authority"]);
    }
    let printed = trusting(&ours, &full).run(&["check"]).await.well();
    assert!(printed.contains("uses TLS"), "{printed}");
}

#[tokio::test]
async fn check_says_which_database_and_bus_there_are() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let database = server.create_database().expect("a database");
    let place = Place::new().with(URL, &database.url());
    let printed = place.run(&["check"]).await.well();
    for words in [
        &format!("the database {} at postgres://", database.name()),
        "read committed; fsync is on and synchronous_commit is on",
        "It is empty: the first start makes the tables.",
        "There is no bus",
    ] {
        assert!(printed.contains(words), "{words} in {printed}");
    }
    assert_eq!(
        database
            .psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            .expect("a count"),
        "0"
    );
    let Some(bus) = unless_missing(Nats::start()) else {
        return;
    };
    let place = place.with(NATS_URL, &bus.url());
    place.add("mia", "correct horse battery", &[]).await.well();
    place.serve().await.stop().await;
    let printed = place.run(&["check"]).await.well();
    for words in ["Its schema is version", "The bus is NATS", "reachable"] {
        assert!(printed.contains(words), "{words} in {printed}");
    }
}

#[tokio::test]
async fn a_bus_that_refuses_the_login_is_a_warning_and_the_server_goes_on() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let Some(bus) = unless_missing(Nats::start_with(["--user", "shop", "--pass", "word"])) else {
        return;
    };
    let database = server.create_database().expect("a database");
    let url = bus.url().replacen("nats://", "nats://shop:wrong-word@", 1);
    let place = Place::new().with(URL, &database.url()).with(NATS_URL, &url);
    let ended = place.run(&["check"]).await;
    for words in [
        "warning: cannot use the bus",
        "check the login in the URL",
        "polling",
    ] {
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
    assert!(!ended.stderr.contains("wrong-word"), "{ended:?}");
    ended.well();
    let mut running = place.serve().await;
    let line = running.line("cannot use the bus").await;
    assert!(line.contains("cluster.nats_url"), "{line}");
    assert!(!line.contains("wrong-word"), "{line}");
    running.rest().get("/readyz").await.is(200);
    running.stop().await;
}
