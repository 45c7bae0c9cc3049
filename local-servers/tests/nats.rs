use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use shoptalk_local_servers::{Error, Nats, unless_missing};

/// Sends PING and returns the server's reply.
fn ping(port: u16) -> std::io::Result<String> {
    ping_as(port, r#"{"verbose":false}"#)
}

fn ping_as(port: u16, login: &str) -> std::io::Result<String> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let info = lines.next().transpose()?.unwrap_or_default();
    assert!(info.starts_with("INFO {"), "{info}");
    (&stream).write_all(format!("CONNECT {login}\r\nPING\r\n").as_bytes())?;
    Ok(lines.next().transpose()?.unwrap_or_default())
}

#[test]
fn a_killed_server_starts_again_on_its_port() -> Result<(), Error> {
    let Some(server) = unless_missing(Nats::start()) else {
        return Ok(());
    };
    let port = server.port();
    assert_eq!(server.url(), format!("nats://127.0.0.1:{port}"));
    assert_eq!(ping(port).expect("it replies"), "PONG");
    server.kill();
    assert!(ping(port).is_err(), "it is gone");
    server.start_again()?;
    assert_eq!(ping(port).expect("it replies"), "PONG");
    Ok(())
}

#[test]
fn a_login_can_be_demanded() -> Result<(), Error> {
    let arguments = ["--user", "shop", "--pass", "secret"];
    let Some(server) = unless_missing(Nats::start_with(arguments)) else {
        return Ok(());
    };
    let reply = |login| ping_as(server.port(), login).expect("it replies");
    let login = r#"{"verbose":false,"user":"shop","pass":"secret"}"#;
    assert_eq!(reply(login), "PONG");
    assert_eq!(reply("{}"), "-ERR 'Authorization Violation'");
    Ok(())
}
