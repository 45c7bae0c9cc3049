//! What a measured server sends to: a push service and a mail relay, which take everything and
//! count it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

type Connection = BufReader<TcpStream>;

/// A browser's public key and secret: those of the example in RFC 8291, Appendix A.
const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
/// The time between two looks at a count that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// A service on loopback that counts what it has taken.
pub(crate) struct Receiver {
    addr: SocketAddr,
    taken: Arc<AtomicU64>,
}

/// What it does with a connection.
#[derive(Clone, Copy)]
enum Kind {
    PushService,
    Relay,
}

impl Receiver {
    /// A push service of browsers.
    pub(crate) async fn push_service() -> Result<Self> {
        Self::start(Kind::PushService).await
    }

    /// A relay for mail.
    pub(crate) async fn relay() -> Result<Self> {
        Self::start(Kind::Relay).await
    }

    async fn start(kind: Kind) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let taken = Arc::new(AtomicU64::new(0));
        let counted = taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (connection, counted) = (BufReader::new(stream), counted.clone());
                // What a broken connection should have brought is missing from the count.
                tokio::spawn(async move {
                    match kind {
                        Kind::PushService => take_pushes(connection, &counted).await,
                        Kind::Relay => take_mail(connection, &counted).await,
                    }
                });
            }
        });
        Ok(Self { addr, taken })
    }

    /// As `mail.smtp_url` has it.
    pub(crate) fn smtp_url(&self) -> String {
        format!("smtp://{}", self.addr)
    }

    /// A browser that has subscribed here, as an agent's console sends it to the server.
    pub(crate) fn subscription(&self) -> Value {
        let endpoint = format!("http://{}/push/load", self.addr);
        json!({"endpoint": endpoint, "keys": {"p256dh": P256DH, "auth": AUTH}})
    }

    /// What it has taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Waits until it has taken this many, at most this long.
    pub(crate) async fn wait_for(&self, count: u64, longest: Duration) -> Result<()> {
        let give_up_at = Instant::now() + longest;
        while self.taken() < count {
            ensure!(
                Instant::now() < give_up_at,
                "{} of {count} have come after {longest:?}",
                self.taken()
            );
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

/// Requests of HTTP/1.1, each with a body of a known length.
async fn take_pushes(mut connection: Connection, taken: &AtomicU64) -> Result<()> {
    loop {
        let mut length = 0;
        loop {
            let line = read_line(&mut connection).await?;
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await?;
        taken.fetch_add(1, Ordering::Relaxed);
        let reply = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
        connection.write_all(reply).await?;
    }
}

async fn take_mail(mut connection: Connection, taken: &AtomicU64) -> Result<()> {
    connection.write_all(b"220 relay\r\n").await?;
    loop {
        let reply: &[u8] = match read_line(&mut connection).await?.as_str() {
            "data" => {
                connection.write_all(b"354 go on\r\n").await?;
                while read_line(&mut connection).await? != "." {}
                taken.fetch_add(1, Ordering::Relaxed);
                b"250 taken\r\n"
            }
            "quit" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        connection.write_all(reply).await?;
    }
}

/// A line in lower case, without its end.
async fn read_line(connection: &mut Connection) -> Result<String> {
    let mut line = String::new();
    let bytes = connection.read_line(&mut line).await?;
    ensure!(bytes > 0, "the connection has ended");
    Ok(line.trim_end().to_ascii_lowercase())
}
