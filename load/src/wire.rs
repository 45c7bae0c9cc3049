//! A WebSocket client that costs next to nothing, so that what is measured is the server.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Room for what one read brings; grows for a long page and stays so.
const BUFFER_BYTES: usize = 2 * 1024;

/// One open socket. Text frames in and out, nothing else.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What has been read and not yet handed out is `buffer[start..end]`.
    start: usize,
    end: usize,
    out: Vec<u8>,
    last_frame_bytes: u64,
    bytes_in: u64,
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
            last_frame_bytes: 0,
            bytes_in: 0,
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

    /// The next text frame. Cancel safe: what was read stays.
    pub(crate) async fn next(&mut self) -> Result<&[u8]> {
        loop {
            if let Some((opcode, from, until)) = parse(&self.buffer[self.start..self.end]) {
                let (from, until) = (self.start + from, self.start + until);
                self.start = until;
                match opcode {
                    1 => {
                        self.last_frame_bytes = (until - from) as u64;
                        return Ok(&self.buffer[from..until]);
                    }
                    8 => bail!(
                        "closed by the server with {}",
                        self.buffer[from..until]
                            .first_chunk()
                            .map_or(0, |code| u16::from_be_bytes(*code))
                    ),
                    _ => continue,
                }
            }
            self.fill().await?;
        }
    }

    /// How long the last text frame was.
    pub(crate) fn last_frame_bytes(&self) -> u64 {
        self.last_frame_bytes
    }

    /// How much has come in so far.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in
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
        let read = self.stream.read(&mut self.buffer[self.end..]).await?;
        ensure!(read > 0, "the server has gone");
        self.end += read;
        self.bytes_in += read as u64;
        Ok(())
    }
}

/// A client's text frame. The mask is all zeros, which any server must take.
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

/// What a frame says it is.
pub(crate) fn kind(frame: &[u8]) -> &[u8] {
    text_after(frame, b"\"type\":\"").unwrap_or(b"")
}

/// The first number after this key.
pub(crate) fn number(frame: &[u8], key: &[u8]) -> Option<u64> {
    let at = memmem::find(frame, key)? + key.len();
    let digits = frame[at..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number, digit| {
        Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0'))
    })
}

/// The seq that a frame carries.
pub(crate) fn seq(frame: &[u8]) -> Result<u64> {
    number(frame, b"\"seq\":")
        .with_context(|| format!("no seq in {}", String::from_utf8_lossy(frame)))
}

/// The text after this key, up to the next quotation mark.
pub(crate) fn text_after<'f>(frame: &'f [u8], key: &[u8]) -> Option<&'f [u8]> {
    let rest = &frame[memmem::find(frame, key)? + key.len()..];
    Some(&rest[..memchr::memchr(b'"', rest)?])
}
