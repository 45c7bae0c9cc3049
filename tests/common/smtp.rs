//! A relay for tests: it takes mail and keeps it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use super::eventually;
use super::tls::Pair;

/// A mail that the relay has taken.
#[derive(Debug, Clone)]
pub struct ReceivedMail {
    pub sender: String,
    pub recipient: String,
    /// As it was transmitted, without the final dot.
    pub raw: String,
}

impl ReceivedMail {
    /// A header's value, unfolded.
    pub fn header(&self, name: &str) -> String {
        let headers = self.raw.split("\r\n\r\n").next().expect("headers");
        let unfolded = headers.replace("\r\n ", " ").replace("\r\n\t", " ");
        let prefix = format!("{}:", name.to_lowercase());
        let line = unfolded
            .lines()
            .find(|line| line.to_lowercase().starts_with(&prefix));
        let value = line.map(|line| line[prefix.len()..].trim().to_owned());
        value.unwrap_or_else(|| panic!("no {name} in {}", self.raw))
    }

    /// The address in a header.
    pub fn address(&self, name: &str) -> String {
        let value = self.header(name);
        let address = value.rsplit('<').next().expect("an address");
        address.trim_end_matches('>').to_owned()
    }
}

/// Where the relay stops for a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpStep {
    /// It has accepted the recipient.
    Recipient,
    /// It has the whole mail and has not said so.
    Mail,
    /// It has said that it has the mail.
    Accepted,
}

/// When a relay and its client begin to encrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// With the first byte.
    AtOnce,
    /// With the client's STARTTLS.
    AfterAsking,
}

/// A relay that takes mail by TLS alone, from whoever has the access token.
#[derive(Clone)]
struct Guard {
    acceptor: TlsAcceptor,
    when: SmtpTls,
    token: String,
}

#[derive(Default)]
struct State {
    mails: Vec<ReceivedMail>,
    /// Lines with which it refuses senders, recipients and mails, while they are set.
    refuse_senders: Option<String>,
    refuse_recipients: Option<String>,
    refuse_mails: Option<String>,
    stop_at: Option<SmtpStep>,
}

/// A relay on a free port. It ends with the test's runtime.
pub struct SmtpSink {
    addr: SocketAddr,
    state: Arc<Mutex<State>>,
    stopped: Arc<Notify>,
}

impl SmtpSink {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address")).await
    }

    /// A relay with this certificate, which takes mail after a sign-in by XOAUTH2 with this token.
    pub async fn start_with_token(pair: &Pair, when: SmtpTls, token: &str) -> Self {
        let chain = CertificateDer::pem_slice_iter(pair.cert.as_bytes());
        let chain = chain.collect::<Result<_, _>>().expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the defaults")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("they fit");
        let guard = Guard {
            acceptor: Arc::new(config).into(),
            when,
            token: token.to_owned(),
        };
        Self::serve_at("127.0.0.1:0".parse().expect("an address"), Some(guard)).await
    }

    /// A relay at this address.
    pub async fn start_at(addr: SocketAddr) -> Self {
        Self::serve_at(addr, None).await
    }

    async fn serve_at(addr: SocketAddr, guard: Option<Guard>) -> Self {
        let listener = TcpListener::bind(addr).await.expect("a port");
        let sink = Self {
            addr: listener.local_addr().expect("a bound listener"),
            state: Arc::default(),
            stopped: Arc::default(),
        };
        let (state, stopped) = (sink.state.clone(), sink.stopped.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let conversation = serve(stream, guard.clone(), state.clone(), stopped.clone());
                tokio::spawn(conversation);
            }
        });
        sink
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What `mail.smtp_url` is.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.addr)
    }

    /// Refuses every sender with this line, or takes them again.
    pub fn refuse_senders(&self, line: Option<&str>) {
        self.lock().refuse_senders = line.map(str::to_owned);
    }

    /// Refuses every recipient with this line, or takes them again.
    pub fn refuse_recipients(&self, line: Option<&str>) {
        self.lock().refuse_recipients = line.map(str::to_owned);
    }

    /// Refuses every mail with this line, or takes them again.
    pub fn refuse_mails(&self, line: Option<&str>) {
        self.lock().refuse_mails = line.map(str::to_owned);
    }

    /// Says nothing more from this step on, or goes on as usual with later connections.
    pub fn stop_at(&self, step: Option<SmtpStep>) {
        self.lock().stop_at = step;
    }

    /// Waits until it has stopped at its step.
    pub async fn has_stopped(&self) {
        tokio::time::timeout(super::DEADLINE, self.stopped.notified())
            .await
            .expect("a mail comes");
    }

    /// What it has taken so far.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        self.lock().mails.clone()
    }

    /// Waits for this many mails, and returns all.
    pub async fn wait_for(&self, count: usize) -> Vec<ReceivedMail> {
        eventually("the mail comes", async || self.lock().mails.len() >= count).await;
        self.mails()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with it")
    }
}

async fn serve(
    stream: TcpStream,
    guard: Option<Guard>,
    state: Arc<Mutex<State>>,
    stopped: Arc<Notify>,
) {
    // A server that is killed leaves a broken connection behind.
    let _ = match guard {
        None => greet_and_converse(stream, None, &state, &stopped).await,
        Some(guard) => serve_guarded(stream, &guard, &state, &stopped).await,
    };
}

async fn serve_guarded(
    mut stream: TcpStream,
    guard: &Guard,
    state: &Mutex<State>,
    stopped: &Notify,
) -> std::io::Result<()> {
    if guard.when == SmtpTls::AtOnce {
        let stream = guard.acceptor.accept(stream).await?;
        return greet_and_converse(stream, Some(guard), state, stopped).await;
    }
    stream.write_all(b"220 sink.example ESMTP\r\n").await?;
    let mut plain = BufReader::new(stream);
    for (expected, response) in [
        ("EHLO", "250-sink.example\r\n250 STARTTLS"),
        ("STARTTLS", "220 begin"),
    ] {
        let mut line = String::new();
        plain.read_line(&mut line).await?;
        if !line.starts_with(expected) {
            return reply(&mut plain, "530 5.7.0 TLS first").await;
        }
        reply(&mut plain, response).await?;
    }
    let stream = guard.acceptor.accept(plain.into_inner()).await?;
    converse(BufReader::new(stream), Some(guard), state, stopped).await
}

async fn greet_and_converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    guard: Option<&Guard>,
    state: &Mutex<State>,
    stopped: &Notify,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    reply(&mut stream, "220 sink.example ESMTP").await?;
    converse(stream, guard, state, stopped).await
}

/// Whether this is the guard's token, as XOAUTH2 transmits it.
fn is_token(guard: &Guard, response: &str) -> bool {
    let decoded = STANDARD.decode(response).unwrap_or_default();
    let bearer = format!("\x01auth=Bearer {}\x01\x01", guard.token);
    decoded.starts_with(b"user=") && decoded.ends_with(bearer.as_bytes())
}

async fn converse(
    mut stream: BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    guard: Option<&Guard>,
    state: &Mutex<State>,
    stopped: &Notify,
) -> std::io::Result<()> {
    let locked = || state.lock().expect("no test panics with it");
    let (mut sender, mut recipient) = (String::new(), String::new());
    let mut signed_in = guard.is_none();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let address = || {
            let address = line.split_once('<').map_or("", |(_, rest)| rest);
            address.split('>').next().unwrap_or("").to_owned()
        };
        let upper = line.to_ascii_uppercase();
        if upper.starts_with("EHLO") || upper.starts_with("HELO") {
            let capabilities = match guard {
                None => "250 sink.example",
                Some(_) => "250-sink.example\r\n250 AUTH XOAUTH2",
            };
            reply(&mut stream, capabilities).await?;
        } else if let (Some(guard), Some(response)) = (guard, line.strip_prefix("AUTH XOAUTH2 ")) {
            signed_in = is_token(guard, response);
            let outcome = match signed_in {
                true => "235 2.7.0 welcome",
                false => "535 5.7.8 no such token",
            };
            reply(&mut stream, outcome).await?;
        } else if !signed_in {
            reply(&mut stream, "530 5.7.0 sign in first").await?;
        } else if upper.starts_with("MAIL FROM") {
            sender = address();
            let refusal = locked().refuse_senders.clone();
            let outcome = refusal.as_deref().unwrap_or("250 sender ok");
            reply(&mut stream, outcome).await?;
        } else if upper.starts_with("RCPT TO") {
            let refusal = locked().refuse_recipients.clone();
            if refusal.is_none() {
                recipient = address();
            }
            reply(
                &mut stream,
                refusal.as_deref().unwrap_or("250 recipient ok"),
            )
            .await?;
            if locked().stop_at == Some(SmtpStep::Recipient) {
                return silence(&mut stream, stopped).await;
            }
        } else if upper == "DATA" {
            reply(&mut stream, "354 go on").await?;
            let raw = data(&mut stream).await?;
            let refusal = locked().refuse_mails.clone();
            if let Some(refusal) = refusal {
                reply(&mut stream, &refusal).await?;
                continue;
            }
            let stop_at = {
                let mut state = locked();
                state.mails.push(ReceivedMail {
                    sender: sender.clone(),
                    recipient: recipient.clone(),
                    raw,
                });
                state.stop_at
            };
            if stop_at == Some(SmtpStep::Mail) {
                return silence(&mut stream, stopped).await;
            }
            reply(&mut stream, "250 taken").await?;
            if stop_at == Some(SmtpStep::Accepted) {
                return silence(&mut stream, stopped).await;
            }
        } else if upper == "QUIT" {
            return reply(&mut stream, "221 bye").await;
        } else {
            reply(&mut stream, "502 unknown").await?;
        }
    }
}

/// Says nothing until the other end is gone.
async fn silence(stream: &mut (impl AsyncRead + Unpin), stopped: &Notify) -> std::io::Result<()> {
    stopped.notify_one();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.map(|_| ())
}

async fn data(stream: &mut BufReader<impl AsyncRead + Unpin>) -> std::io::Result<String> {
    let mut raw = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(raw);
        }
        raw.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

async fn reply(stream: &mut (impl AsyncWrite + Unpin), line: &str) -> std::io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await
}
