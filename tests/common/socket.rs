//! A client's socket, with an inbox and deadlines: the frame that a test waits for comes, or it
//! fails and shows what came instead. Frames are the JSON of the wire.

use std::collections::VecDeque;
use std::net::SocketAddr;

use serde_json::{Value, json};
use shoptalk_client::tungstenite::Message;
use shoptalk_client::{ConnectError, SocketOptions};
use tokio::time::{Instant, timeout_at};

use super::{DEADLINE, new_id};

/// A WebSocket that keeps frames that no test has asked for yet, in order, so that a
/// test can expect frames in any order.
pub struct Socket {
    socket: shoptalk_client::Socket,
    inbox: VecDeque<Value>,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<String>,
    /// Whether pings are answered while reading.
    pub answers_pings: bool,
}

/// An upgrade that was refused.
#[derive(Debug)]
pub struct RefusedUpgrade {
    pub status: u16,
    pub body: Value,
}

impl Socket {
    /// Connects, without a hello.
    pub async fn connect(addr: SocketAddr, path: &str) -> Self {
        Self::try_connect(addr, path, &[])
            .await
            .expect("the upgrade is granted")
    }

    /// Upgrades a connection that a test has opened, such as one with TLS.
    pub async fn over(
        stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
        url: &str,
    ) -> Self {
        let headers = SocketOptions::bare().headers;
        let upgraded = shoptalk_client::Socket::upgrade(stream, url, headers);
        let socket = tokio::time::timeout(DEADLINE, upgraded).await;
        let socket = socket.expect("in time").expect("the upgrade is granted");
        Self {
            subprotocol: socket.subprotocol().map(str::to_owned),
            socket,
            inbox: VecDeque::new(),
            answers_pings: true,
        }
    }

    /// Connects with further headers, and returns why not.
    pub async fn try_connect(
        addr: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, RefusedUpgrade> {
        let mut options = SocketOptions::bare();
        options.connect_timeout = DEADLINE;
        for (name, value) in headers {
            options = options.header(name, value);
        }
        let base = format!("http://{addr}");
        match shoptalk_client::Socket::connect(&base, path, options).await {
            Ok(socket) => Ok(Self {
                subprotocol: socket.subprotocol().map(str::to_owned),
                socket,
                inbox: VecDeque::new(),
                answers_pings: true,
            }),
            Err(ConnectError::Refused { status, body }) => Err(RefusedUpgrade {
                status,
                body: serde_json::from_str(&body).unwrap_or(Value::Null),
            }),
            Err(error) => panic!("the upgrade of {path} failed: {error}"),
        }
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Value) {
        self.send_message(Message::text(frame.to_string())).await;
    }

    /// Sends text, which may be no valid frame.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.send_message(Message::text(text.into())).await;
    }

    /// Sends any WebSocket message. An error is ignored: the server may have
    /// closed the socket already.
    pub async fn send_message(&mut self, message: Message) {
        let _ = tokio::time::timeout(DEADLINE, self.socket.send_message(message))
            .await
            .expect("the server takes what is sent");
    }

    /// Sends a post without waiting for anything. Returns its id.
    pub async fn send_post(&mut self, content: &str) -> String {
        let id = new_id();
        self.send(json!({"type": "post", "id": id, "content": content}))
            .await;
        id
    }

    /// As [`send_post`](Self::send_post), from a console into one of its rooms.
    pub async fn send_post_to(&mut self, room_id: &str, content: &str) -> String {
        let id = new_id();
        self.send(json!({"type": "post", "room_id": room_id, "id": id, "content": content}))
            .await;
        id
    }

    /// Posts and waits for the ack.
    pub async fn post(&mut self, content: &str) -> Value {
        let id = self.send_post(content).await;
        self.ack(&id).await
    }

    /// The ack of this id; an error instead of it fails the test.
    pub async fn ack(&mut self, id: &str) -> Value {
        let reply = self.reply_to(id).await;
        assert_eq!(reply["type"], "ack", "{reply}");
        reply
    }

    /// The reply to the frame with this id: an `ack` or an `error`.
    pub async fn reply_to(&mut self, id: &str) -> Value {
        self.expect_where("a reply", |frame| {
            (frame["type"] == "ack" || frame["type"] == "error") && frame["id"] == id
        })
        .await
    }

    /// Posts the frame again for as long as it is answered with `busy`, as a client does.
    pub async fn post_until_taken(&mut self, frame: Value) -> Value {
        let id = frame["id"].as_str().expect("an id").to_owned();
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            self.send(frame.clone()).await;
            let reply = self.reply_to(&id).await;
            if reply["type"] == "ack" {
                return reply;
            }
            assert_eq!(reply["code"], "busy", "{reply}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the server stays busy")
    }

    /// Posts that many messages, 16 at a time, and waits for all acks.
    pub async fn post_many(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let batch = left.min(16);
            for _ in 0..batch {
                self.send_post("one of many").await;
            }
            for _ in 0..batch {
                let ack = self.expect("ack").await;
                assert_eq!(ack["duplicate"], false, "{ack}");
            }
            self.inbox.retain(|frame| frame["type"] != "message");
            left -= batch;
        }
    }

    /// The next frame of this type; others that come before it are kept.
    pub async fn expect(&mut self, kind: &str) -> Value {
        self.expect_where(kind, |frame| frame["type"] == kind).await
    }

    /// The next frame of this type, or nothing when the socket closes instead.
    pub async fn expect_or_close(&mut self, kind: &str) -> Option<Value> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.read(deadline).await {
                Read::Frame(frame) if frame["type"] == kind => return Some(frame),
                Read::Frame(frame) => self.inbox.push_back(frame),
                Read::Closed(_) => return None,
                Read::TooLate => panic!("{kind} never came; the socket got {:?}", self.inbox),
            }
        }
    }

    /// The next `error` frame. Its code has to be this one.
    pub async fn expect_error(&mut self, code: &str) -> Value {
        let error = self.expect("error").await;
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].is_string(), "{error}");
        assert!(error["retryable"].is_boolean(), "{error}");
        error
    }

    /// The next frame that fits; others that come before it are kept.
    pub async fn expect_where(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.inbox.iter().position(&fits) {
            return self.inbox.remove(at).expect("it was just found");
        }
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.read(deadline).await {
                Read::Frame(frame) if fits(&frame) => return frame,
                Read::Frame(frame) => self.inbox.push_back(frame),
                Read::Closed(code) => panic!(
                    "the socket closed with {code:?} instead of {what}; it got {:?}",
                    self.inbox
                ),
                Read::TooLate => panic!("{what} never came; the socket got {:?}", self.inbox),
            }
        }
    }

    /// Reads until that many messages are there in `message` and `messages`
    /// frames, and returns them as they came.
    pub async fn messages(&mut self, count: usize) -> Vec<Value> {
        let mut messages = Vec::new();
        while messages.len() < count {
            let frame = self
                .expect_where("messages", |frame| {
                    frame["type"] == "message" || frame["type"] == "messages"
                })
                .await;
            match frame.get("messages") {
                Some(page) => messages.extend(page.as_array().expect("a page").iter().cloned()),
                None => messages.push(frame["message"].clone()),
            }
        }
        messages
    }

    /// Waits for the server's close and returns its code; frames before it are kept.
    pub async fn closed(&mut self) -> Option<u16> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.read(deadline).await {
                Read::Frame(frame) => self.inbox.push_back(frame),
                Read::Closed(code) => return code,
                Read::TooLate => panic!("the close never came; the socket got {:?}", self.inbox),
            }
        }
    }

    /// Removes and returns all frames that came and were not asked for.
    pub fn take_inbox(&mut self) -> Vec<Value> {
        self.inbox.drain(..).collect()
    }

    /// How many frames of this type came and were not asked for.
    pub fn count_in_inbox(&self, kind: &str) -> usize {
        self.inbox
            .iter()
            .filter(|frame| frame["type"] == kind)
            .count()
    }

    /// Closes properly.
    pub async fn close(self) {
        self.socket.close().await;
    }

    async fn read(&mut self, deadline: Instant) -> Read {
        let Ok(received) = timeout_at(deadline, self.socket.receive::<Value>()).await else {
            return Read::TooLate;
        };
        match received {
            Ok(frame) => {
                if frame["type"] == "ping" && self.answers_pings {
                    self.send(json!({"type": "pong"})).await;
                }
                Read::Frame(frame)
            }
            Err(closed @ shoptalk_client::Closed::BadFrame(_)) => panic!("{closed}"),
            Err(closed) => Read::Closed(closed.code()),
        }
    }
}

enum Read {
    Frame(Value),
    Closed(Option<u16>),
    TooLate,
}
