//! The servers end with the process that started them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shoptalk_local_servers::{Error, Nats, Postgres, unless_missing};

const DEADLINE: Duration = Duration::from_secs(180);

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "it never came true: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_listening(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn is_empty(directory: &Path) -> bool {
    let mut entries = std::fs::read_dir(directory).expect("a readable directory");
    entries.next().is_none()
}

/// The program of this crate, with its directories in `temporary`, and the ports of its servers.
fn start(temporary: &Path) -> (Child, Vec<u16>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_shoptalk-local-servers"))
        .env("TMPDIR", temporary)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let ports = lines
        .take(2)
        .map(|line| {
            let url = line.expect("a line");
            let address = url.rsplit(':').next().expect("a port");
            let port = address.split('/').next().expect("a port");
            port.parse().unwrap_or_else(|_| panic!("no port: {url}"))
        })
        .collect();
    (child, ports)
}

/// A directory that PostgreSQL's user may enter.
fn open_directory() -> (tempfile::TempDir, PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_owned();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("own");
    (directory, path)
}

#[test]
fn a_killed_process_leaves_no_server_and_no_directory() {
    let both = (|| Ok((Postgres::start()?, Nats::start()?)))();
    if unless_missing(both).is_none() {
        return;
    }
    let (_directory, temporary) = open_directory();
    let (mut child, ports) = start(&temporary);
    assert!(ports.iter().all(|port| is_listening(*port)) && !is_empty(&temporary));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    for port in ports {
        eventually("the port refuses", || !is_listening(port));
    }
    eventually("the directories are removed", || is_empty(&temporary));
}

#[test]
fn a_dropped_server_is_gone_at_once() -> Result<(), Error> {
    let Some(server) = unless_missing(Postgres::start()) else {
        return Ok(());
    };
    let port = server.port();
    let data = server.psql("postgres", "SHOW data_directory")?;
    assert!(is_listening(port) && Path::new(&data).exists());
    drop(server);
    assert!(!is_listening(port) && !Path::new(&data).exists());
    Ok(())
}

#[test]
fn a_server_outlives_the_thread_that_started_it() -> Result<(), Error> {
    let started = std::thread::spawn(Postgres::start)
        .join()
        .expect("no panic");
    let Some(server) = unless_missing(started) else {
        return Ok(());
    };
    assert_eq!(server.psql("postgres", "SELECT 1")?, "1");
    Ok(())
}
