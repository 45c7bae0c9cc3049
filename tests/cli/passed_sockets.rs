//! Socket activation: systemd listens, and the server takes its sockets.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;

use rustix::process::Signal;

use super::process::Place;
use crate::common::{Authority, RawSocket, Rest, Socket, json};

const UNIT: &str = "shoptalk.socket";
const READY: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A socket that listens, and a way to pass it more than once.
fn listener() -> (TcpListener, impl Fn() -> TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let again = listener.try_clone().expect("a descriptor");
    (listener, move || again.try_clone().expect("a descriptor"))
}

#[tokio::test]
async fn no_connection_is_refused_while_the_server_restarts() {
    let (listener, pass) = listener();
    let addr = listener.local_addr().expect("bound");
    let place = Place::new();
    let mut first = place.serve_on(pass(), UNIT).await;
    assert_eq!(first.addr, addr);
    first.line("the socket that was passed").await;
    let opened = Rest::new(addr).post("/api/chat/rooms/", json!({})).await;
    let opened = opened.is(201);
    let id = opened["room"]["id"].as_str().expect("an id");
    let mut socket = Socket::connect(addr, &format!("/ws/chat/{id}/")).await;
    socket
        .send(json!({"type": "hello", "token": opened["token"]}))
        .await;
    socket.expect("welcome").await;

    let ending = tokio::spawn(first.end(Signal::TERM));
    socket.expect("going_away").await;
    let mut waiting = Vec::new();
    let mut connect = async || {
        for _ in 0..20 {
            let mut connection = RawSocket::connect(addr).await;
            connection.send(READY).await;
            waiting.push(connection);
        }
    };
    // The first server still drains, as long as this socket is open.
    connect().await;
    assert_eq!(socket.closed().await, Some(4001));
    let (code, lines) = ending.await.expect("no panic");
    assert_eq!(code, Some(0), "{lines:?}");
    // No server is there.
    connect().await;
    let second = place.serve_on(pass(), UNIT).await;
    for mut connection in waiting {
        let response = String::from_utf8(connection.read_to_end().await).expect("text");
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
    second.stop().await;
}

/// One that systemd has bound needs no capability for port 80.
#[tokio::test]
async fn the_socket_named_redirect_redirects_to_https() {
    let authority = Authority::new();
    let place = Place::new()
        .with("SHOPTALK_SERVER__TLS_CERT", "cert.pem")
        .with("SHOPTALK_SERVER__TLS_KEY", "key.pem")
        .with("SHOPTALK_SERVER__PUBLIC_URL", "https://chat.example.com");
    authority
        .issue(&["chat.example.com"], 90)
        .write(place.path());
    let (listener, pass) = listener();
    let addr = listener.local_addr().expect("bound");
    let running = place.serve_on(pass(), "redirect").await;
    assert_eq!(running.scheme, "https");
    assert_ne!(running.addr, addr);
    let response = Rest::new(addr).get("/admin/chat").await;
    assert_eq!(response.status, 308);
    let location = response.header("location");
    assert_eq!(location, "https://chat.example.com/admin/chat");
    running.stop().await;
}

#[tokio::test]
async fn sockets_that_cannot_be_used_are_a_configuration_error() {
    let (listener, pass) = listener();
    let connected = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
    let datagrams = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let place = Place::new();
    let words = ["socket that was passed", "ListenStream=", "Accept=no"];
    for unusable in [OwnedFd::from(connected), datagrams.into()] {
        let ended = place.run_with_socket(&["serve"], unusable, &[UNIT]);
        ended.await.misused(&words);
    }
    let ended = place.run_with_socket(&["serve"], pass(), &[UNIT, UNIT]);
    let words = [
        "two sockets",
        "server.listen",
        "FileDescriptorName=redirect",
    ];
    ended.await.misused(&words);
    let ended = place.run_with_socket(&["serve"], pass(), &["redirect"]);
    let words = ["redirect", "TLS is off", "server.tls_cert"];
    ended.await.misused(&words);
    assert!(!place.data_dir().exists(), "nothing was made");
}
