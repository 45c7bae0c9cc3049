//! Renewal information (RFC 9773): an authority says when it wants a certificate to be renewed.
//! Debian's `pebble` does not, so these tests put a proxy before it that does.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use instant_acme::CertificateIdentifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::acme::{LOOPBACK, NAME, Pebble};
use crate::common::{TlsClient, eventually, json};

/// Where it answers about a certificate.
const PATH: &str = "/renewal-info";
const MONTH_S: u32 = 30 * 24 * 60 * 60;

/// Pebble with renewal information. Requests go through it one by one on connections of their own,
/// as HTTP/1.0, so that no body comes in chunks.
#[derive(Clone)]
struct Suggesting {
    addr: SocketAddr,
    pebble: SocketAddr,
    client: TlsClient,
    state: Arc<Mutex<State>>,
}

struct State {
    window: (DateTime<Utc>, DateTime<Utc>),
    /// The certificates about which somebody has asked.
    asked: Vec<String>,
    /// The certificates that orders were to replace.
    replaced: Vec<String>,
}

impl Suggesting {
    async fn before(pebble: &Pebble, window: (Duration, Duration)) -> Self {
        let pair = pebble.own.issue(&["localhost"], 2);
        let certificate = CertificateDer::from_pem_slice(pair.cert.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the defaults")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.expect("PEM")], key.expect("PEM"))
            .expect("they fit");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((LOOPBACK, 0)).await.expect("a port");
        let suggesting = Self {
            addr: listener.local_addr().expect("bound"),
            pebble: pebble.api,
            client: pebble.own.client(&[]),
            state: Arc::new(Mutex::new(State {
                window: from_now(window),
                asked: Vec::new(),
                replaced: Vec::new(),
            })),
        };
        let own = suggesting.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (own, acceptor) = (own.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await?;
                    own.relay(BufReader::new(stream)).await
                });
            }
        });
        suggesting
    }

    /// Suggests another window from now on, as offsets from the present time.
    fn suggest(&self, window: (Duration, Duration)) {
        self.with(|state| state.window = from_now(window));
    }

    fn asked(&self) -> Vec<String> {
        self.with(|state| state.asked.clone())
    }

    fn replaced(&self) -> Vec<String> {
        self.with(|state| state.replaced.clone())
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One request and its response.
    async fn relay(
        &self,
        mut stream: BufReader<impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>,
    ) -> std::io::Result<()> {
        let mut lines: Vec<String> = Vec::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            let header = line.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if !header.starts_with("connection:") {
                lines.push(line);
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let body = String::from_utf8(body).expect("text");
        // Nothing more came: a connection that was opened for later.
        let Some(request_line) = lines.first_mut() else {
            return Ok(());
        };
        let path = request_line.split(' ').nth(1).unwrap_or("").to_owned();
        let response = match path.strip_prefix(PATH) {
            Some(certificate) => self.renewal_info(certificate.trim_start_matches('/')),
            None => {
                *request_line = request_line.replace("HTTP/1.1", "HTTP/1.0");
                let request = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
                let response = self.client.request(self.pebble, "localhost", &request);
                self.complete(&path, &body, &response.await)
            }
        };
        stream.write_all(response.as_bytes()).await?;
        stream.shutdown().await
    }

    fn renewal_info(&self, certificate: &str) -> String {
        let (start, end) = self.with(|state| {
            state.asked.push(certificate.to_owned());
            state.window
        });
        let window = json!({"start": start.to_rfc3339(), "end": end.to_rfc3339()});
        let body = json!({"suggestedWindow": window}).to_string();
        with_length("HTTP/1.1 200 OK\r\nRetry-After: 21600", &body)
    }

    /// Adds to a response of Pebble's what an authority with renewal information has there.
    fn complete(&self, path: &str, request: &str, response: &str) -> String {
        let (head, body) = response.split_once("\r\n\r\n").expect("a body");
        let head = head.replacen("HTTP/1.0", "HTTP/1.1", 1);
        let added = match (path, replaced_by(request)) {
            ("/dir", _) => {
                let url = format!("https://localhost:{}{PATH}", self.addr.port());
                Some(("renewalInfo", url))
            }
            (_, Some(replaced)) => {
                self.with(|state| state.replaced.push(replaced.clone()));
                Some(("replaces", replaced))
            }
            _ => None,
        };
        let Some((field, value)) = added else {
            return with_length(&head, body);
        };
        let mut body: Value = serde_json::from_str(body).expect("JSON");
        body[field] = Value::String(value);
        with_length(&head, &body.to_string())
    }
}

fn from_now((start, end): (Duration, Duration)) -> (DateTime<Utc>, DateTime<Utc>) {
    (Utc::now() + start, Utc::now() + end)
}

fn with_length(head: &str, body: &str) -> String {
    let kept = head.split("\r\n").filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("content-length:") && !line.starts_with("connection:")
    });
    let head = kept.collect::<Vec<_>>().join("\r\n");
    let length = body.len();
    format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// The certificate that an order replaces, from its signed request.
fn replaced_by(request: &str) -> Option<String> {
    let signed: Value = serde_json::from_str(request).ok()?;
    let payload = URL_SAFE_NO_PAD.decode(signed["payload"].as_str()?).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    payload["replaces"].as_str().map(str::to_owned)
}

fn id(certificate: &[u8]) -> String {
    let der = CertificateDer::from(certificate);
    let id = CertificateIdentifier::try_from(&der);
    id.expect("it names its issuer").to_string()
}

#[tokio::test]
async fn the_window_that_the_authority_suggests_decides_when_to_renew() {
    let Some(pebble) = Pebble::start(MONTH_S).await else {
        return;
    };
    let later = (Duration::days(10), Duration::days(11));
    let authority = Suggesting::before(&pebble, later).await;
    let place = pebble.server_at(authority.addr);
    let listen = pebble.https.to_string();
    let mut running = place.start(&["serve", "--listen", &listen]).await;
    running.line("got a certificate").await;
    let customer = pebble.customer().await;
    let first = customer.certificate(running.addr, NAME).await;
    eventually("it asks when to renew", async || {
        authority.asked() == [id(&first)]
    })
    .await;
    running.stop().await;

    // A suggestion is followed an hour after the last renewal at the earliest. By its age, the
    // certificate would be renewed after half a month.
    let file = place.data_dir().join("tls/attempts.json");
    let text = std::fs::read_to_string(&file).expect("it is written");
    let mut attempts: Value = serde_json::from_str(&text).expect("JSON");
    let issued_at = attempts["issued_at"].as_i64().expect("a time");
    attempts["issued_at"] = json!(issued_at - 2 * 60 * 60);
    std::fs::write(&file, attempts.to_string()).expect("written");
    authority.suggest((Duration::hours(-2), Duration::hours(-1)));
    let running = place.start(&["serve", "--listen", &listen]).await;
    eventually("the certificate is renewed", async || {
        customer.certificate(running.addr, NAME).await != first
    })
    .await;
    let second = customer.certificate(running.addr, NAME).await;
    assert_eq!(authority.replaced(), [id(&first)]);
    eventually("it asks about the new one", async || {
        authority.asked() == [id(&first), id(&first), id(&second)]
    })
    .await;
    running.stop().await;
    // The suggestion is in the past for the new certificate too, and waits for its hour.
    assert_eq!(authority.replaced().len(), 1);
}
