use std::os::unix::fs::{MetadataExt, chown};

use crate::common::{PASSWORD, Response, Rest, Socket, Value, eventually, json};
use crate::process::{Place, Running};

async fn login(running: &Running, username: &str, password: &str) -> Response {
    let credentials = json!({"username": username, "password": password});
    running.rest().post("/api/admin/login/", credentials).await
}

/// A session with a socket.
struct Session {
    rest: Rest,
    socket: Socket,
}

impl Session {
    async fn start(running: &Running, username: &str, password: &str) -> Self {
        let session: Value = login(running, username, password).await.is(200);
        let token = session["token"].as_str().expect("a token");
        let mut socket = Socket::connect(running.addr, "/ws/admin/chat/").await;
        socket.send(json!({"type": "hello", "token": token})).await;
        socket.expect("welcome").await;
        let rest = running.rest().bearer(token);
        rest.get("/api/admin/me/").await.is(200);
        Self { rest, socket }
    }

    /// Both end, the socket with this code. How soon is a figure of the trials.
    async fn ends(mut self, code: u16) {
        let rest = self.rest.clone();
        eventually("the session has ended", || {
            let rest = rest.clone();
            async move { rest.get("/api/admin/me/").await.status == 401 }
        })
        .await;
        assert_eq!(self.socket.closed().await, Some(code));
    }
}

/// The line of the list that begins with this name.
async fn listed(place: &Place, name: &str) -> String {
    let list = place.run(&["agent", "list"]).await.well();
    let line = list
        .lines()
        .find(|line| line.split_whitespace().next() == Some(name));
    line.unwrap_or_else(|| panic!("{name} in {list}"))
        .to_owned()
}

#[tokio::test]
async fn the_first_agent_is_an_admin_and_others_have_the_given_role() {
    let place = Place::new();
    place.add("mia", PASSWORD, &[]).await.well();
    place.add("ben", PASSWORD, &[]).await.well();
    place
        .add("ada", PASSWORD, &["--role", "admin"])
        .await
        .well();
    place
        .add("tom", PASSWORD, &["--role", "agent"])
        .await
        .well();
    for (name, role) in [
        ("mia", "admin"),
        ("ben", "agent"),
        ("ada", "admin"),
        ("tom", "agent"),
    ] {
        let line = listed(&place, name).await;
        let mut words = line.split_whitespace();
        assert!(words.any(|word| word == role), "{line}");
        assert!(line.contains("enabled"), "{line}");
    }
    let again = place.add("mia", PASSWORD, &[]).await;
    again.failed(&["mia", "already"]);
    let list = place.run(&["agent", "list"]).await.well();
    assert!(
        !list.contains(PASSWORD) && !list.contains("argon"),
        "{list}"
    );
}

#[tokio::test]
async fn passwords_have_8_to_1024_bytes() {
    let place = Place::new();
    for password in ["", "seven77", &"x".repeat(1_025)] {
        let ended = place.add("mia", password, &[]).await;
        ended.failed(&["8", "1"]);
        assert!(
            password.is_empty() || !ended.stderr.contains(password),
            "{ended:?}"
        );
    }
    place.add("mia", "eight888", &[]).await.well();
    place.add("ben", &"x".repeat(1_024), &[]).await.well();
    // Bytes, not characters.
    place.add("ada", "ééééé", &[]).await.well();
    let args = ["agent", "passwd", "mia", "--password-stdin"];
    place.run_with_input(&args, "short\n").await.failed(&["8"]);
    // One line: the line break is not part of the password, spaces are.
    place
        .run_with_input(&args, "ends in a blank \r\nnot this")
        .await
        .well();
    let running = place.serve().await;
    login(&running, "mia", "ends in a blank ").await.is(200);
    login(&running, "mia", "ends in a blank")
        .await
        .problem(401, "bad_credentials");
    login(&running, "mia", "eight888")
        .await
        .problem(401, "bad_credentials");
    running.stop().await;
}

/// The directory is often the wrong one: an empty list would look as if all agents were gone.
#[tokio::test]
async fn only_the_first_agent_makes_a_database() {
    let place = Place::new();
    for args in [
        &["agent", "list"][..],
        &["agent", "disable", "mia"],
        &["agent", "enable", "mia"],
        &["agent", "passwd", "mia", "--password-stdin"],
    ] {
        let ended = place.run_with_input(args, PASSWORD).await;
        ended.failed(&["no database", "--data-dir"]);
    }
    assert!(!place.data_dir().exists(), "nothing was made");
    place.add("mia", PASSWORD, &[]).await.well();
    listed(&place, "mia").await;
}

#[tokio::test]
async fn a_database_that_is_made_is_named_once_and_a_refused_agent_makes_none() {
    let place = Place::new();
    place.add("mia", "short", &[]).await.failed(&["8"]);
    place.add(" ", PASSWORD, &[]).await.misused(&["NAME"]);
    let terminal = ["agent", "add", "mia"];
    let no_terminal = place.run(&terminal).await;
    no_terminal.misused(&["--password-stdin"]);
    assert!(!place.data_dir().exists(), "nothing was made");

    let directory = std::fs::canonicalize(place.path()).expect("a directory");
    let database = directory.join("elsewhere/shoptalk.db");
    let made = format!("made a new database, {}", database.display());
    let ended = place
        .add("mia", PASSWORD, &["--data-dir", "elsewhere"])
        .await;
    assert!(ended.stderr.contains(&made), "{ended:?}");
    ended.well();
    let ended = place
        .add("ben", PASSWORD, &["--data-dir", "elsewhere"])
        .await;
    assert!(!ended.stderr.contains("new database"), "{ended:?}");
    ended.well();
    // Nobody is asked for the password of a name that is taken.
    let taken = place
        .run(&["agent", "add", "mia", "--data-dir", "elsewhere"])
        .await;
    taken.failed(&["mia", "already"]);
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_a_runtime_failure() {
    let place = Place::new();
    place.add("mia", PASSWORD, &[]).await.well();
    for command in ["disable", "enable"] {
        place
            .run(&["agent", command, "nobody"])
            .await
            .failed(&["nobody"]);
    }
    let args = ["agent", "passwd", "nobody", "--password-stdin"];
    place
        .run_with_input(&args, PASSWORD)
        .await
        .failed(&["nobody"]);
    place
        .run(&["agent", "disable", "mia"])
        .await
        .failed(&["last admin"]);
    assert!(listed(&place, "mia").await.contains("enabled"));
}

#[tokio::test]
async fn a_running_server_notices_changes_to_agents() {
    let place = Place::new();
    let running = place.serve().await;
    place.add("mia", PASSWORD, &[]).await.well();
    place.add("ben", PASSWORD, &[]).await.well();
    let mia = Session::start(&running, "mia", PASSWORD).await;

    let ben = Session::start(&running, "ben", PASSWORD).await;
    let args = ["agent", "passwd", "ben", "--password-stdin"];
    place
        .run_with_input(&args, "another password\n")
        .await
        .well();
    ben.ends(4500).await;
    login(&running, "ben", PASSWORD)
        .await
        .problem(401, "bad_credentials");

    let ben = Session::start(&running, "ben", "another password").await;
    place.run(&["agent", "disable", "ben"]).await.well();
    ben.ends(4505).await;
    login(&running, "ben", "another password")
        .await
        .problem(401, "bad_credentials");
    assert!(listed(&place, "ben").await.contains("disabled"));

    place.run(&["agent", "enable", "ben"]).await.well();
    Session::start(&running, "ben", "another password").await;

    // Nobody else was touched.
    mia.rest.get("/api/admin/me/").await.is(200);
    running.stop().await;
}

#[tokio::test]
async fn the_tools_refuse_a_directory_of_another_user() {
    let own = tempfile::tempdir().expect("a directory");
    let me = rustix::process::geteuid();
    let data = if me.is_root() {
        // Only root can give a directory away.
        chown(own.path(), Some(65_534), Some(65_534)).expect("root may");
        own.path()
    } else {
        // Other users find a directory that root owns.
        std::path::Path::new("/")
    };
    let owner = std::fs::metadata(data).expect("a directory").uid();
    assert_ne!(owner, me.as_raw(), "{} is another's", data.display());
    let place = Place::new().with("SHOPTALK_STORAGE__DATA_DIR", &data.display().to_string());
    let entries = || std::fs::read_dir(data).expect("a directory").count();
    let before = entries();
    let owner = format!("id {owner}");
    place
        .add("mia", PASSWORD, &[])
        .await
        .failed(&[&owner, "owner"]);
    for command in ["disable", "enable", "passwd"] {
        place
            .run(&["agent", command, "mia"])
            .await
            .failed(&[&owner]);
    }
    place.run(&["agent", "list"]).await.failed(&[&owner]);
    assert_eq!(entries(), before, "it is untouched");
}
