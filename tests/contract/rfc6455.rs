//! WebSocket by RFC 6455: valid frames are handled, invalid ones
//! close the connection with the right code, and other connections are not affected.

use crate::common::{RawSocket, TestServer, Visitor, json, left_out_on_several_nodes, new_id};

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The expected outcome of a case.
#[derive(Clone, Copy)]
enum Then {
    /// The socket goes on: a post after it is acked.
    GoesOn,
    /// It goes on, and this pong comes first.
    Pong(&'static [u8]),
    /// It ends with this code; 1005 is a close frame without one.
    Ends(u16),
}
use Then::{Ends, GoesOn, Pong};

/// A client's frame, masked with `mask`.
fn masked(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![first];
    bytes.extend(length(payload.len(), 0x80));
    bytes.extend(mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    masked(first, payload, [0x37, 0xfa, 0x21, 0x3d])
}

/// The length's bytes in their shortest form.
fn length(length: usize, mask_bit: u8) -> Vec<u8> {
    match length {
        0..126 => vec![mask_bit | length as u8],
        126..65_536 => {
            let [high, low] = (length as u16).to_be_bytes();
            vec![mask_bit | 126, high, low]
        }
        _ => {
            let mut bytes = vec![mask_bit | 127];
            bytes.extend((length as u64).to_be_bytes());
            bytes
        }
    }
}

/// A frame whose length is written in a longer form than needed.
fn long_form(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | 127];
    bytes.extend((payload.len() as u64).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason);
    frame(FIN | CLOSE, &payload)
}

fn typing() -> &'static [u8] {
    br#"{"type":"typing"}"#
}

/// A text of exactly this many bytes that is no known frame, but JSON.
fn padded(bytes: usize) -> Vec<u8> {
    let mut text = br#"{"type":"typing","x":""#.to_vec();
    text.resize(bytes - 2, b'x');
    text.extend(b"\"}");
    text
}

fn cases() -> Vec<(&'static str, Vec<u8>, Then)> {
    // The bytes of a message cut into frames of one byte each.
    let crumbs = |text: &[u8], end: bool| {
        let mut bytes = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            let opcode = if at == 0 { TEXT } else { CONTINUATION };
            let fin = if end && at + 1 == text.len() { FIN } else { 0 };
            bytes.extend(frame(fin | opcode, &[*byte]));
        }
        bytes
    };
    let bad = |name, first, payload: &[u8]| (name, frame(first, payload), Ends(1002));
    let join = |parts: &[Vec<u8>]| parts.concat();
    vec![
        // Framing
        ("an empty text", frame(FIN | TEXT, b""), GoesOn),
        ("a text of 125 bytes", frame(FIN | TEXT, &padded(125)), GoesOn),
        ("a text of 126 bytes", frame(FIN | TEXT, &padded(126)), GoesOn),
        ("a text of 127 bytes", frame(FIN | TEXT, &padded(127)), GoesOn),
        ("a text of 65,535 bytes", frame(FIN | TEXT, &padded(65_535)), GoesOn),
        ("a text of 65,536 bytes", frame(FIN | TEXT, &padded(65_536)), GoesOn),
        ("a text of 128 KiB", frame(FIN | TEXT, &padded(131_072)), GoesOn),
        ("a text past 128 KiB", frame(FIN | TEXT, &padded(131_073)), Ends(1009)),
        ("a length of 2^62", {
            let mut bytes = vec![FIN | TEXT, 0x80 | 127, 0x40];
            bytes.extend([0; 7 + 4 + 64]);
            bytes
        }, Ends(1009)),
        ("a length with its top bit set", {
            let mut bytes = vec![FIN | TEXT, 0x80 | 127];
            bytes.extend([0xff; 8]);
            bytes.extend([0; 4 + 64]);
            bytes
        }, Ends(1009)),
        ("a length in a longer form than needed", long_form(FIN | TEXT, typing()), GoesOn),
        ("a mask of zeros", masked(FIN | TEXT, typing(), [0; 4]), GoesOn),
        ("a frame without a mask", {
            let mut bytes = vec![FIN | TEXT];
            bytes.extend(length(typing().len(), 0));
            bytes.extend(typing());
            bytes
        }, Ends(1002)),
        bad("the first reserved bit", FIN | 0x40 | TEXT, typing()),
        bad("the second reserved bit", FIN | 0x20 | TEXT, typing()),
        bad("the third reserved bit", FIN | 0x10 | TEXT, typing()),
        bad("a reserved bit on a ping", FIN | 0x40 | PING, b""),
        bad("opcode 3", FIN | 3, b"x"),
        bad("opcode 4", FIN | 4, b""),
        bad("opcode 7", FIN | 7, b"x"),
        bad("opcode 11", FIN | 11, b""),
        bad("opcode 15", FIN | 15, b"x"),
        // Pings and pongs
        ("a ping", frame(FIN | PING, b""), Pong(b"")),
        ("a ping with words", frame(FIN | PING, b"are you there?"), Pong(b"are you there?")),
        ("a ping of 125 bytes", frame(FIN | PING, &[0xfe; 125]), Pong(&[0xfe; 125])),
        bad("a ping of 126 bytes", FIN | PING, &[b'x'; 126]),
        bad("a ping in fragments", PING, b"x"),
        bad("a pong in fragments", PONG, b"x"),
        ("a pong that nobody asked for", frame(FIN | PONG, b"hello"), GoesOn),
        // Fragments
        ("a message in two fragments", join(&[
            frame(TEXT, &typing()[..5]), frame(FIN | CONTINUATION, &typing()[5..]),
        ]), GoesOn),
        ("a message in fragments of a byte", crumbs(typing(), true), GoesOn),
        ("empty fragments between", join(&[
            frame(TEXT, b""), frame(CONTINUATION, typing()), frame(FIN | CONTINUATION, b""),
        ]), GoesOn),
        ("a ping between fragments", join(&[
            frame(TEXT, &typing()[..5]), frame(FIN | PING, b"in between"),
            frame(FIN | CONTINUATION, &typing()[5..]),
        ]), Pong(b"in between")),
        bad("a continuation of nothing", FIN | CONTINUATION, b"x"),
        bad("a fragment of nothing", CONTINUATION, b"x"),
        ("a new message within a message", join(&[
            frame(TEXT, b"{"), frame(FIN | TEXT, typing()),
        ]), Ends(1002)),
        ("fragments past 128 KiB", join(&[
            frame(TEXT, &padded(65_536)), frame(CONTINUATION, &[b' '; 65_536]),
            frame(FIN | CONTINUATION, b" "),
        ]), Ends(1009)),
        ("fragments without an end", {
            let mut bytes = frame(TEXT, b"{");
            for _ in 0..40 {
                bytes.extend(frame(CONTINUATION, &[b' '; 8_192]));
            }
            bytes
        }, Ends(1009)),
        // UTF-8
        ("all of Unicode's borders", frame(FIN | TEXT,
            "{\"type\":\"typing\",\"x\":\"\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}\"}".as_bytes(),
        ), GoesOn),
        ("a character across fragments", join(&[
            frame(TEXT, b"{\"type\":\"typing\",\"x\":\"\xf0\x9f"), frame(FIN | CONTINUATION, b"\xab\x96\"}"),
        ]), GoesOn),
        ("an overlong slash", frame(FIN | TEXT, b"\"\xc0\xaf\""), Ends(1007)),
        ("a surrogate", frame(FIN | TEXT, b"\"\xed\xa0\x80\""), Ends(1007)),
        ("past the last code point", frame(FIN | TEXT, b"\"\xf4\x90\x80\x80\""), Ends(1007)),
        ("a cut character", frame(FIN | TEXT, b"\"\xe2\x82"), Ends(1007)),
        ("a continuation byte alone", frame(FIN | TEXT, b"\"\x80\""), Ends(1007)),
        // Closing
        ("a close without a code", frame(FIN | CLOSE, b""), Ends(1005)),
        ("a close with 1000", close(1000, b""), Ends(1000)),
        ("a close with a reason", close(1000, b"bye"), Ends(1000)),
        ("a close with the longest reason", close(1000, &[b'x'; 123]), Ends(1000)),
        ("a close of the program's own", close(4999, b"mine"), Ends(4999)),
        ("a close of one byte", frame(FIN | CLOSE, b"\x03"), Ends(1002)),
        ("a close with a reason too long", close(1000, &[b'x'; 124]), Ends(1002)),
        ("a close with a reason in no UTF-8", close(1000, b"\xff"), Ends(1007)),
        ("a close with 0", close(0, b""), Ends(1002)),
        ("a close with 999", close(999, b""), Ends(1002)),
        ("a close with 1004", close(1004, b""), Ends(1002)),
        ("a close with 1005", close(1005, b""), Ends(1002)),
        ("a close with 1006", close(1006, b""), Ends(1002)),
        ("a close with 1015", close(1015, b""), Ends(1002)),
        ("a close with 65535", close(65_535, b""), Ends(1002)),
        ("words after a close", join(&[close(1000, b""), frame(FIN | TEXT, typing())]), Ends(1000)),
        ("two closes", join(&[close(1000, b""), close(1001, b"")]), Ends(1000)),
        ("a close within a message", join(&[frame(TEXT, b"{"), close(1000, b"")]), Ends(1000)),
    ]
}

/// One frame of the server: its opcode and payload.
async fn next(raw: &mut RawSocket) -> Option<(u8, Vec<u8>)> {
    let [first, second] = raw.read_exact().await?;
    let length = match second {
        126 => u64::from(u16::from_be_bytes(raw.read_exact().await?)),
        127 => u64::from_be_bytes(raw.read_exact().await?),
        short => u64::from(short),
    };
    let mut payload = Vec::new();
    for _ in 0..length {
        let [byte] = raw.read_exact().await?;
        payload.push(byte);
    }
    Some((first & 15, payload))
}

/// Whether a post on the socket is still acked.
async fn goes_on(raw: &mut RawSocket) -> Result<(), String> {
    let id = new_id();
    let post = json!({"type": "post", "id": id, "content": "still here"});
    raw.send(&frame(FIN | TEXT, post.to_string().as_bytes()))
        .await;
    while let Some((opcode, payload)) = next(raw).await {
        let text = String::from_utf8_lossy(&payload);
        if opcode == CLOSE {
            return Err(format!("closed: {payload:?}"));
        }
        if text.contains("\"ack\"") && text.contains(&id) {
            return Ok(());
        }
    }
    Err("the connection ended".to_owned())
}

async fn outcome(raw: &mut RawSocket, then: Then) -> Result<(), String> {
    match then {
        GoesOn => goes_on(raw).await,
        Pong(words) => loop {
            match next(raw).await {
                Some((PONG, payload)) if payload == words => break goes_on(raw).await,
                Some((CLOSE, payload)) => break Err(format!("closed: {payload:?}")),
                Some(_) => {}
                None => break Err("no pong".to_owned()),
            }
        },
        Ends(expected) => {
            // An end without a close frame has none.
            let mut code = 0;
            while let Some((opcode, payload)) = next(raw).await {
                if opcode == CLOSE {
                    code = payload
                        .first_chunk()
                        .map_or(1005, |code| u16::from_be_bytes(*code));
                    break;
                }
            }
            if code == expected {
                Ok(())
            } else {
                Err(format!("ended with {code}, not {expected}"))
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_frame_sequence_is_accepted_or_closed() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let agent = server.agent("mia", "agent").await;
    let mut beside = visitor.online().await;
    let mut wrong = Vec::new();
    for (name, bytes, then) in cases() {
        // In one write, and byte by byte.
        for piece in [bytes.len().max(1), 1, 7] {
            if bytes.len() > 4_000 && piece < 4_000 {
                continue;
            }
            let mut raw = RawSocket::connect(server.addr()).await;
            let head = raw.upgrade(&visitor.socket_path(), "").await;
            assert!(head.starts_with("HTTP/1.1 101"), "{head}");
            let hello = json!({"type": "hello", "token": visitor.token, "tail": 0});
            raw.send(&frame(FIN | TEXT, hello.to_string().as_bytes()))
                .await;
            for piece in bytes.chunks(piece) {
                raw.send(piece).await;
            }
            if let Err(error) = outcome(&mut raw, then).await {
                wrong.push(format!("{name}, by {piece} bytes: {error}"));
            }
        }
    }
    // The agents' socket behaves alike.
    for (name, bytes, then) in cases() {
        if let Ends(_) = then {
            let mut raw = RawSocket::connect(server.addr()).await;
            raw.upgrade("/ws/admin/chat/", "").await;
            let hello = json!({"type": "hello", "token": agent.token});
            raw.send(&frame(FIN | TEXT, hello.to_string().as_bytes()))
                .await;
            raw.send(&bytes).await;
            if let Err(error) = outcome(&mut raw, then).await {
                wrong.push(format!("{name}, at the console: {error}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    beside.post("unimpressed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_upgrade_is_refused() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let get = format!("GET {} HTTP/1.1\r\nHost: shop\r\n", visitor.socket_path());
    let post = get.replacen("GET", "POST", 1);
    let old = get.replacen("HTTP/1.1", "HTTP/1.0", 1);
    let mut wrong = Vec::new();
    for (name, head, expected) in [
        (
            "as it should be",
            format!("{get}{upgrade}{version}{key}"),
            101,
        ),
        (
            "in capitals",
            format!("{get}{upgrade}{version}{key}").replace("websocket", "WEBSOCKET"),
            101,
        ),
        (
            "beside keep-alive",
            format!("{get}Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n{version}{key}"),
            101,
        ),
        ("without a key", format!("{get}{upgrade}{version}"), 400),
        ("without a version", format!("{get}{upgrade}{key}"), 400),
        (
            "of another version",
            format!("{get}{upgrade}Sec-WebSocket-Version: 8\r\n{key}"),
            400,
        ),
        (
            "to something else",
            format!("{get}Connection: Upgrade\r\nUpgrade: h2c\r\n{version}{key}"),
            400,
        ),
        (
            "without Connection",
            format!("{get}Upgrade: websocket\r\n{version}{key}"),
            400,
        ),
        (
            "by POST",
            format!("{post}{upgrade}{version}{key}Content-Length: 0\r\n"),
            405,
        ),
        (
            "over HTTP/1.0",
            format!("{old}{upgrade}{version}{key}"),
            400,
        ),
        (
            "with two lengths",
            format!("{post}Content-Length: 1\r\nContent-Length: 2\r\n"),
            400,
        ),
        (
            "with a length and chunks",
            format!("{post}Content-Length: 4\r\nTransfer-Encoding: chunked, x\r\n"),
            400,
        ),
        (
            "with a header past all measure",
            format!("{get}X: {}\r\n{upgrade}{version}{key}", "x".repeat(400_000)),
            431,
        ),
    ] {
        // Before several nodes there is a balancer, which may lose the reply to what it cannot pass on.
        if expected == 431 && left_out_on_several_nodes("a reply to half a request may be lost") {
            continue;
        }
        let mut raw = RawSocket::connect(server.addr()).await;
        raw.send(format!("{head}\r\n").as_bytes()).await;
        let response = raw.read_head().await;
        let status: u16 = response
            .get(9..12)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        if status != expected {
            wrong.push(format!("an upgrade {name}: {response}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    visitor.online().await.post("unimpressed").await;
}

#[tokio::test]
async fn another_websocket_version_is_refused_with_13() {
    let server = TestServer::start().await;
    for (path, version) in [
        ("/ws/chat/x/", "8"),
        ("/ws/admin/chat/", "14"),
        ("/ws/chat/x/", ""),
    ] {
        let mut raw = RawSocket::connect(server.addr()).await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: {version}\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        raw.send(request.as_bytes()).await;
        let head = raw.read_head().await.to_lowercase();
        assert!(head.starts_with("http/1.1 400 "), "{head}");
        assert!(head.contains("\r\nsec-websocket-version: 13\r\n"), "{head}");
        assert!(head.contains("application/problem+json"), "{head}");
    }
}
