//! A WebSocket client that takes little processor time, so that the server's is measured.
//!
//! `shoptalk_client::Socket` decodes every frame into its types and answers with fresh
//! allocations; on the two cores that the server shares with the generator, that work would be
//! measured as the server's. This one looks for the few fields that a scenario counts.

use std::fmt;
use std::net::SocketAddr;
use std::sync::LazyLock;

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem::{self, Finder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of the read buffer at first. It grows for a long frame, and does not shrink.
const BUFFER_BYTES: usize = 2 * 1024;
/// Bytes of the read buffer after a read has filled it.
const BUSY_BUFFER_BYTES: usize = 32 * 1024;

/// The socket was closed: by the server with this code, or without any (0).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closed(pub(crate) u16);

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("the server has gone"),
            code => write!(f, "closed by the server with {code}"),
        }
    }
}

impl std::error::Error for Closed {}

/// One open WebSocket that sends and receives text frames.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What has been read and not yet handed out is `buffer[start..end]`.
    start: usize,
    end: usize,
    out: Vec<u8>,
    /// The place of the last text frame in the buffer, until the next call.
    last: (usize, usize),
    bytes_in: u64,
    reads: u64,
}

impl Wire {
    /// Connects and upgrades.
    pub(crate) async fn open(addr: SocketAddr, path: &str) -> Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let mut wire = Self {
            stream,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            out: Vec::new(),
            last: (0, 0),
            bytes_in: 0,
            reads: 0,
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        wire.stream.write_all(request.as_bytes()).await?;
        loop {
            wire.fill().await?;
            if let Some(head) = memmem::find(&wire.buffer[..wire.end], b"\r\n\r\n") {
                ensure!(
                    wire.buffer.starts_with(b"HTTP/1.1 101 "),
                    "no upgrade: {}",
                    String::from_utf8_lossy(&wire.buffer[..wire.end])
                );
                wire.start = head + 4;
                return Ok(wire);
            }
        }
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, text: &str) -> Result<()> {
        self.out.clear();
        frame_into(&mut self.out, text.as_bytes());
        Ok(self.stream.write_all(&self.out).await?)
    }

    /// Sends whole frames.
    pub(crate) async fn write(&mut self, frames: &[u8]) -> Result<()> {
        let written = self.stream.write_all(frames).await;
        // The close code is in what has not been read yet.
        written.or_else(|_| Ok(()))
    }

    /// The next text frame. Cancel safe: what was read stays in the buffer.
    pub(crate) async fn next(&mut self) -> Result<&[u8]> {
        loop {
            if let Some((from, until)) = self.parse()? {
                return Ok(&self.buffer[from..until]);
            }
            self.fill().await?;
        }
    }

    /// The next text frame, if all of it was read already.
    pub(crate) fn buffered(&mut self) -> Result<Option<&[u8]>> {
        let place = self.parse()?;
        Ok(place.map(|(from, until)| &self.buffer[from..until]))
    }

    /// The place of the next text frame, if all of it is in the buffer.
    fn parse(&mut self) -> Result<Option<(usize, usize)>> {
        while let Some((opcode, from, until)) = parse(&self.buffer[self.start..self.end]) {
            let (from, until) = (self.start + from, self.start + until);
            self.start = until;
            match opcode {
                1 => {
                    self.last = (from, until);
                    return Ok(Some((from, until)));
                }
                8 => bail!(Closed(
                    self.buffer[from..until]
                        .first_chunk()
                        .map_or(0, |code| u16::from_be_bytes(*code))
                )),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The last text frame, until the next call.
    pub(crate) fn last(&self) -> &[u8] {
        &self.buffer[self.last.0..self.last.1]
    }

    /// Bytes that were read so far.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    /// Reads that returned bytes: about as many as the server's writes.
    pub(crate) fn reads(&self) -> u64 {
        self.reads
    }

    async fn fill(&mut self) -> Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = match self.stream.read(&mut self.buffer[self.end..]).await {
            Ok(0) | Err(_) => bail!(Closed(0)),
            Ok(read) => read,
        };
        self.end += read;
        self.bytes_in += read as u64;
        self.reads += 1;
        if self.end == self.buffer.len() && self.end < BUSY_BUFFER_BYTES {
            self.buffer.resize(BUSY_BUFFER_BYTES, 0);
        }
        Ok(())
    }
}

/// Appends a client's text frame. The mask is all zeros, which any server must accept.
pub(crate) fn frame_into(out: &mut Vec<u8>, payload: &[u8]) {
    out.push(0x81);
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// The opcode and the place of the payload of the first whole frame.
fn parse(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, from) = match second & 0x7f {
        126 => (
            u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize,
            4,
        ),
        127 => (
            u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize,
            10,
        ),
        short => (short as usize, 2),
    };
    (bytes.len() >= from + length).then_some((first & 15, from, from + length))
}

/// The `type` of a frame, which is its first field.
pub(crate) fn kind(frame: &[u8]) -> &[u8] {
    let named = frame.strip_prefix(b"{\"type\":\"");
    named
        .and_then(|rest| Some(&rest[..memchr::memchr(b'"', rest)?]))
        .unwrap_or(b"")
}

/// The first number after this key.
pub(crate) fn number(frame: &[u8], key: &[u8]) -> Option<u64> {
    number_at(frame, memmem::find(frame, key)? + key.len())
}

/// The number at this place.
pub(crate) fn number_at(frame: &[u8], at: usize) -> Option<u64> {
    let digits = frame[at..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number, digit| {
        Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0'))
    })
}

static SEQ: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"seq\":"));

/// The seq that a frame carries.
pub(crate) fn seq(frame: &[u8]) -> Result<u64> {
    SEQ.find(frame)
        .and_then(|at| number_at(frame, at + SEQ.needle().len()))
        .with_context(|| format!("no seq in {}", String::from_utf8_lossy(frame)))
}

/// The text after this key, up to the next quotation mark.
pub(crate) fn text_after<'f>(frame: &'f [u8], key: &[u8]) -> Option<&'f [u8]> {
    let rest = &frame[memmem::find(frame, key)? + key.len()..];
    Some(&rest[..memchr::memchr(b'"', rest)?])
}
