use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::DEADLINE;

/// A TCP connection to the server, for bytes that no regular client sends.
pub struct RawSocket {
    stream: TcpStream,
}

impl RawSocket {
    pub async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("the server listens");
        // Without Nagle's algorithm, separate writes arrive separately.
        stream.set_nodelay(true).expect("a socket");
        Self { stream }
    }

    /// A client that does not read, with a receive buffer as small as possible.
    pub async fn non_reading(addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 * 1024).expect("a size");
        let stream = socket.connect(addr).await.expect("the server listens");
        Self { stream }
    }

    /// Sends bytes. An error is ignored: the server may have closed the connection already.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Asks for an upgrade with these further header lines, each ended by CRLF,
    /// and returns the head of the response.
    pub async fn upgrade(&mut self, path: &str, headers: &str) -> String {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        self.send(head.as_bytes()).await;
        self.read_head().await
    }

    /// Reads up to the empty line that ends a response's head.
    pub async fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        let read = async {
            while !head.ends_with(b"\r\n\r\n") {
                match self.stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
        };
        tokio::time::timeout(DEADLINE, read)
            .await
            .expect("the response comes in time");
        String::from_utf8(head).expect("a head is text")
    }

    /// Sends one frame of a client, masked with zeros: `first` is FIN and the opcode.
    pub async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            0..126 => frame.push(0x80 | u8::try_from(payload.len()).expect("it is short")),
            len @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(len).expect("it fits").to_be_bytes());
            }
            len => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.send(&frame).await;
    }

    /// The next `N` bytes; `None` when the server closes the connection before.
    pub async fn read_exact<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let read = tokio::time::timeout(DEADLINE, self.stream.read_exact(&mut bytes));
        read.await
            .expect("the server sends something or ends the connection")
            .ok()?;
        Some(bytes)
    }

    /// Reads until the server ends the connection, and fails when it never does.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = tokio::time::timeout(DEADLINE, self.stream.read_to_end(&mut bytes))
            .await
            .expect("the server ends the connection");
        bytes
    }
}
