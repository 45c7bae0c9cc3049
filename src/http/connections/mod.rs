//! TCP connections: the accept loop and its bounds.
//!
//! Bounded are the number of connections, in total and per address; how long a peer may take
//! nothing of what is written to it; and how many bytes of responses are held for such peers. A
//! connection counts until it is closed, also after it was upgraded to a WebSocket.
//!
//! At a bound, a new connection replaces the one whose peer stopped reading first. While all peers
//! read, the new one is refused. So peers that do not read cannot keep others out.
//!
//! `serve` is the accept loop. `admission` has [`Connections`], which admits or refuses a new one by
//! `table`, what is open, and `bounds`, the configured numbers. An admitted connection has a `slot`,
//! and its `stream` notices when the peer stops reading. With TLS, a `handshake` comes first, and
//! `transport` is either of both.

mod admission;
mod bounds;
mod handshake;
mod serve;
mod slot;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod transport;

pub(crate) use self::admission::Connections;
pub(crate) use self::serve::{Service, serve};
