use std::collections::VecDeque;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{DEADLINE, new_id};

/// A WebSocket that keeps what nobody has asked for yet, in order, so that a
/// test can expect frames whose mutual order is open.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    inbox: VecDeque<Value>,
    close_code: Option<Option<u16>>,
    /// What the server chose.
    pub subprotocol: Option<String>,
    /// Whether pings are answered while reading.
    pub answers_pings: bool,
}

/// An upgrade that was refused.
#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub body: Value,
}

impl Socket {
    /// Connects, without a hello.
    pub async fn dial(addr: SocketAddr, path: &str) -> Self {
        Self::try_dial(addr, path, &[])
            .await
            .expect("the upgrade is granted")
    }

    /// Connects with further headers, and says why not.
    pub async fn try_dial(
        addr: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Refused> {
        let mut request = format!("ws://{addr}{path}")
            .into_client_request()
            .expect("a good address");
        for (name, value) in headers {
            request.headers_mut().insert(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).expect("a header's value"),
            );
        }
        let tcp = TcpStream::connect(addr).await.expect("the server listens");
        let upgrade = tokio_tungstenite::client_async(request, tcp);
        match tokio::time::timeout(DEADLINE, upgrade)
            .await
            .expect("the upgrade is answered in time")
        {
            Ok((stream, response)) => Ok(Self {
                stream,
                inbox: VecDeque::new(),
                close_code: None,
                subprotocol: response
                    .headers()
                    .get("sec-websocket-protocol")
                    .map(|value| value.to_str().expect("a name").to_owned()),
                answers_pings: true,
            }),
            Err(Error::Http(response)) => Err(Refused {
                status: response.status().as_u16(),
                body: response
                    .body()
                    .as_deref()
                    .and_then(|body| serde_json::from_slice(body).ok())
                    .unwrap_or(Value::Null),
            }),
            Err(error) => panic!("the upgrade of {path} failed: {error}"),
        }
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    /// Sends text that need not be a frame.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.send_raw(Message::text(text.into())).await;
    }

    /// Sends whatever a WebSocket can carry. A socket that the server has closed
    /// takes it in silence, as a client cannot know yet.
    pub async fn send_raw(&mut self, message: Message) {
        let _ = tokio::time::timeout(DEADLINE, self.stream.send(message))
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

    /// Posts and waits for the ack.
    pub async fn post(&mut self, content: &str) -> Value {
        let id = self.send_post(content).await;
        self.ack(&id).await
    }

    /// The ack of this id; an error instead of it fails the test.
    pub async fn ack(&mut self, id: &str) -> Value {
        let answer = self.answer(id).await;
        assert_eq!(answer["type"], "ack", "{answer}");
        answer
    }

    /// What answers the frame with this id: an `ack` or an `error`.
    pub async fn answer(&mut self, id: &str) -> Value {
        self.expect_where("an answer", |frame| {
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
            let answer = self.answer(&id).await;
            if answer["type"] == "ack" {
                return answer;
            }
            assert_eq!(answer["code"], "busy", "{answer}");
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

    /// The next `error`, which has this code and says whether to try again.
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
        if let Some(code) = self.close_code {
            return code;
        }
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.read(deadline).await {
                Read::Frame(frame) => self.inbox.push_back(frame),
                Read::Closed(code) => return code,
                Read::TooLate => panic!("the close never came; the socket got {:?}", self.inbox),
            }
        }
    }

    /// Everything that came and that nobody has asked for.
    pub fn unread(&mut self) -> Vec<Value> {
        self.inbox.drain(..).collect()
    }

    /// How many frames of this type came and were not asked for.
    pub fn count_unread(&self, kind: &str) -> usize {
        self.inbox
            .iter()
            .filter(|frame| frame["type"] == kind)
            .count()
    }

    /// Closes properly.
    pub async fn close(mut self) {
        let _ = self.stream.close(None).await;
        if self.close_code.is_none() {
            self.closed().await;
        }
    }

    async fn read(&mut self, deadline: Instant) -> Read {
        loop {
            if let Some(code) = self.close_code {
                return Read::Closed(code);
            }
            let Ok(item) = timeout_at(deadline, self.stream.next()).await else {
                return Read::TooLate;
            };
            match item {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                    if frame["type"] == "ping" && self.answers_pings {
                        self.send(json!({"type": "pong"})).await;
                    }
                    return Read::Frame(frame);
                }
                Some(Ok(Message::Close(frame))) => {
                    self.close_code = Some(frame.map(|frame| u16::from(frame.code)));
                    // One more read lets the library answer the close.
                    let _ = timeout_at(deadline, self.stream.next()).await;
                }
                Some(Ok(Message::Binary(_))) => panic!("the server sends text only"),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => self.close_code = Some(None),
            }
        }
    }
}

enum Read {
    Frame(Value),
    Closed(Option<u16>),
    TooLate,
}
