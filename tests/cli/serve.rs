use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::common::{DEADLINE, PASSWORD, Response, Socket, json};
use crate::process::Place;

#[tokio::test]
async fn sigterm_and_sigint_drain_and_exit_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let running = place.serve().await;
        let opened = running
            .rest()
            .post("/api/chat/rooms/", json!({}))
            .await
            .is(201);
        let id = opened["room"]["id"].as_str().expect("an id");
        let mut socket = Socket::connect(running.addr, &format!("/ws/chat/{id}/")).await;
        socket
            .send(json!({"type": "hello", "token": opened["token"]}))
            .await;
        socket.expect("welcome").await;
        let ending = tokio::spawn(running.end(signal));
        socket.expect("going_away").await;
        assert_eq!(socket.closed().await, Some(4001));
        let (code, lines) = ending.await.expect("no panic");
        assert_eq!(code, Some(0), "{lines:?}");
    }
}

#[tokio::test]
async fn a_signal_right_after_the_line_drains_too() {
    let place = Place::new();
    for signal in [Signal::TERM, Signal::INT, Signal::TERM, Signal::INT] {
        let (code, lines) = place.serve().await.end(signal).await;
        assert_eq!(code, Some(0), "{lines:?}");
    }
}

#[tokio::test]
async fn systemd_is_notified_when_connections_are_accepted_and_when_the_drain_begins() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let systemd = tokio::net::UnixDatagram::bind(&path).expect("a socket");
    let place = Place::new().with("NOTIFY_SOCKET", path.to_str().expect("UTF-8"));
    let running = place.serve().await;
    assert_eq!(notification(&systemd).await, "READY=1");
    running.rest().get("/readyz").await.is(200);
    running.stop().await;
    assert_eq!(notification(&systemd).await, "STOPPING=1");
}

#[tokio::test]
async fn a_server_that_cannot_listen_never_reports_to_systemd_that_it_is_ready() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("bound").to_string();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let systemd = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    systemd.set_nonblocking(true).expect("it is set");
    let place = Place::new().with("NOTIFY_SOCKET", path.to_str().expect("UTF-8"));
    let ended = place.run(&["serve", "--listen", &addr]).await;
    ended.failed(&["listen", &addr]);
    // The process has ended: what it sent is there.
    let mut buffer = [0; 512];
    while let Ok(length) = systemd.recv(&mut buffer) {
        let state = String::from_utf8_lossy(&buffer[..length]);
        assert!(!state.contains("READY=1"), "{state}");
    }
}

/// The next notification to systemd, except those that ask for more time on a slow machine.
async fn notification(systemd: &tokio::net::UnixDatagram) -> String {
    let mut buffer = [0; 512];
    loop {
        let length = tokio::time::timeout(DEADLINE, systemd.recv(&mut buffer))
            .await
            .expect("it comes in time")
            .expect("it is received");
        let state = String::from_utf8_lossy(&buffer[..length]);
        if !state.contains("EXTEND_TIMEOUT_USEC") {
            return state.trim().to_owned();
        }
    }
}

#[tokio::test]
async fn a_port_in_use_is_a_runtime_failure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("bound").to_string();
    let place = Place::new();
    let ended = place.run(&["serve", "--listen", &addr]).await;
    ended.failed(&["listen", &addr, "--listen"]);
    place
        .run(&["demo", "--listen", &addr])
        .await
        .failed(&["listen", &addr, "--listen"]);
    let left = std::fs::read_dir(place.temporary())
        .expect("a directory")
        .count();
    assert_eq!(left, 0, "the demo's data have gone");
}

#[tokio::test]
async fn a_directory_is_served_by_one_process() {
    let place = Place::new();
    let first = place.serve().await;
    let second = place.run(&["serve", "--listen", "127.0.0.1:0"]).await;
    second.failed(&["data", "another"]);
    first.rest().get("/readyz").await.is(200);
    first.stop().await;
    // The lock is released with the process, however it ends.
    let killed = place.serve().await;
    assert_eq!(killed.end(Signal::KILL).await.0, None);
    place.serve().await.stop().await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_a_runtime_failure() {
    let place = Place::new();
    place.write("file", "");
    for command in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["agent", "list"],
    ] {
        let args = [command, &["--data-dir", "file/data"]].concat();
        place.run(&args).await.failed(&["file/data"]);
    }
    let args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "file"];
    place.run(&args).await.failed(&["file", "not a directory"]);
}

#[tokio::test]
async fn the_files_are_readable_by_the_owner_only() {
    let place = Place::new();
    place.add("mia", PASSWORD, &[]).await.well();
    let running = place.serve().await;
    running
        .rest()
        .post("/api/chat/rooms/", json!({}))
        .await
        .is(201);
    let mut count = 0;
    for entry in std::fs::read_dir(place.data_dir()).expect("the data") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("its mode").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        count += 1;
    }
    assert!(count >= 2, "a database and a lock");
    running.stop().await;
}

#[tokio::test]
async fn the_first_admin_comes_from_the_link_and_there_is_no_default_password() {
    let place = Place::new();
    let mut running = place.serve().await;
    let rest = running.rest();
    for (username, password) in [
        ("admin", "admin123"),
        ("admin", "admin"),
        ("admin", "password"),
    ] {
        rest.post(
            "/api/admin/login/",
            json!({"username": username, "password": password}),
        )
        .await
        .problem(401, "bad_credentials");
    }
    let origin = format!("http://{}", running.addr);
    let old = running.setup_code(&origin).await;
    running.stop().await;

    let mut running = place.serve().await;
    let rest = running.rest();
    let origin = format!("http://{}", running.addr);
    let code = running.setup_code(&origin).await;
    assert_ne!(code, old, "new at each start");
    let setup = |code: &str, username: &str| json!({"code": code, "username": username, "password": PASSWORD});
    let with_old = rest.post("/api/admin/setup/", setup(&old, "eve")).await;
    with_old.problem(410, "gone");
    let made = rest
        .post("/api/admin/setup/", setup(&code, "ada"))
        .await
        .is(201);
    assert_eq!(made["agent"]["role"], "admin");
    rest.post("/api/admin/setup/", setup(&code, "eve"))
        .await
        .problem(410, "gone");
    running.stop().await;

    let lines = place.serve().await.stop().await;
    assert!(
        !lines.iter().any(|line| line.contains("/admin/setup")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn the_link_begins_with_the_public_url() {
    let place = Place::new().with("SHOPTALK_SERVER__PUBLIC_URL", "https://chat.example");
    let mut running = place.serve().await;
    running.setup_code("https://chat.example").await;
    running.stop().await;
}

/// What a server prints beside the setup link works in another directory without its environment.
pub(crate) async fn the_command_beside_the_link_works(place: &Place, flags: &[&str]) {
    let args = [&["serve", "--listen", "127.0.0.1:0"], flags].concat();
    let mut running = place.start(&args).await;
    let version = env!("CARGO_PKG_VERSION");
    running
        .line(&format!("shoptalk {version} starts on "))
        .await;
    let line = running.line(" agent add NAME").await;
    let (_, command) = line.split_once("with: ").expect("a command");
    let command = command.replace("NAME", "mia --password-stdin");
    let elsewhere = tempfile::tempdir().expect("a directory");
    let added = std::process::Command::new("/bin/sh")
        .args(["-c", &format!("echo {PASSWORD} | {command}")])
        .env_clear()
        .current_dir(elsewhere.path())
        .output()
        .expect("it runs");
    assert!(added.status.success(), "{command}: {added:?}");
    let credentials = json!({"username": "mia", "password": PASSWORD});
    let login = running.rest().post("/api/admin/login/", credentials).await;
    login.is(200);
    running.stop().await;
    let others = std::fs::read_dir(elsewhere.path()).expect("a directory");
    assert_eq!(others.count(), 0, "no other database was made");
}

#[tokio::test]
async fn the_command_beside_the_link_finds_the_same_database_from_anywhere() {
    let of_the_environment = || Place::new().with("SHOPTALK_STORAGE__DATA_DIR", "a");
    for (place, flags, directory) in [
        (Place::new(), &[][..], "data"),
        (Place::new(), &["--data-dir", "Mia's shop"], "Mia's shop"),
        (of_the_environment(), &[], "a"),
        (Place::new(), &["--config", "shop.toml"], "b"),
    ] {
        place.write("shop.toml", "[storage]\ndata_dir = \"b\"\n");
        the_command_beside_the_link_works(&place, flags).await;
        let database = place.path().join(directory).join("shoptalk.db");
        assert!(database.is_file(), "{database:?}");
    }
}

#[tokio::test]
async fn the_log_names_an_origin_whose_pages_were_refused() {
    let place = Place::new();
    let mut running = place.serve().await;
    let preflight = running
        .rest()
        .request(reqwest::Method::OPTIONS, "/api/chat/rooms/")
        .header("origin", "https://shop.example");
    Response::to(preflight).await.is(403);
    let line = running.line("https://shop.example").await;
    assert!(line.contains("server.allowed_origins"), "{line}");
    running.stop().await;
}

#[tokio::test]
async fn agent_add_replaces_the_setup_link() {
    let place = Place::new();
    let mut running = place.serve().await;
    let origin = format!("http://{}", running.addr);
    let code = running.setup_code(&origin).await;
    place.add("mia", PASSWORD, &[]).await.well();
    running
        .rest()
        .post(
            "/api/admin/setup/",
            json!({"code": code, "username": "eve", "password": PASSWORD}),
        )
        .await
        .problem(410, "gone");
    running.stop().await;
}
