/// Why a request or a frame was refused. HTTP and sockets use the same codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename_all = "snake_case"))]
pub enum ErrorCode {
    /// Text that is no JSON or, on a socket, has no known `type`.
    BadFrame,
    /// A rule on a field is broken.
    Invalid,
    /// No credentials, or none that count.
    Unauthorized,
    /// A wrong user name or password.
    BadCredentials,
    /// Known, but not allowed.
    Forbidden,
    /// No such thing, or not yours.
    NotFound,
    /// The route knows other methods.
    MethodNotAllowed,
    /// It contradicts what is stored.
    Conflict,
    /// It was there once.
    Gone,
    /// The body or the content is past its limit.
    TooLarge,
    /// The body is not JSON by its media type.
    UnsupportedMediaType,
    /// Too many; wait.
    RateLimited,
    /// A bug of the server.
    Internal,
    /// A queue is full; try again.
    Busy,
    /// The disk refuses or does not answer.
    StorageUnavailable,
    /// The server is shutting down.
    Draining,
}

impl ErrorCode {
    /// Every code, for tables in the docs and in tests.
    pub const ALL: [Self; 16] = [
        Self::BadFrame,
        Self::Invalid,
        Self::Unauthorized,
        Self::BadCredentials,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::Gone,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::Internal,
        Self::Busy,
        Self::StorageUnavailable,
        Self::Draining,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::Invalid => "invalid",
            Self::Unauthorized => "unauthorized",
            Self::BadCredentials => "bad_credentials",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
            Self::Busy => "busy",
            Self::StorageUnavailable => "storage_unavailable",
            Self::Draining => "draining",
        }
    }

    /// The HTTP status that carries the code.
    pub fn http_status(self) -> u16 {
        match self {
            Self::BadFrame | Self::Invalid => 400,
            Self::Unauthorized | Self::BadCredentials => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Busy | Self::StorageUnavailable | Self::Draining => 503,
        }
    }

    /// Whether the same frame may be sent again as it is.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Internal
                | Self::Busy
                | Self::StorageUnavailable
                | Self::Draining
        )
    }
}

impl serde::Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for ErrorCode {
    /// An unknown code, from a newer server, is `internal`; the frame's `retryable` is what
    /// counts then.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|code| code.as_str() == word);
        Ok(known.unwrap_or(Self::Internal))
    }
}

/// Why the server closes a socket. Up to 4499 a client may reconnect, from 4500
/// on it must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The server is shutting down.
    Draining,
    /// The reader did not keep up.
    OutboxFull,
    /// The peer answered no ping.
    NoPong,
    /// The server lost track of what this socket has seen.
    ResyncWanted,
    /// Too many frames, in spite of warnings.
    Flood,
    /// The token is wrong, or was ended while the socket was open.
    TokenRefused,
    /// What came is not this protocol.
    NotThisProtocol,
    /// No hello in time.
    NoHello,
    /// This visitor or agent has too many sockets.
    TooManySockets,
    /// The agent was disabled or has too low a role.
    NotAllowed,
    /// The token opens no such room, or no room was named.
    NoSuchRoom,
    /// A frame past 128 KiB.
    FrameTooLarge,
    /// The peer breaks the rules of WebSocket itself.
    BadFraming,
    /// A text frame that is not UTF-8.
    BadUtf8,
}

impl CloseCode {
    /// Every code, for tables in the docs and for the front ends.
    pub const ALL: [Self; 14] = [
        Self::Draining,
        Self::OutboxFull,
        Self::NoPong,
        Self::ResyncWanted,
        Self::Flood,
        Self::TokenRefused,
        Self::NotThisProtocol,
        Self::NoHello,
        Self::TooManySockets,
        Self::NotAllowed,
        Self::NoSuchRoom,
        Self::FrameTooLarge,
        Self::BadFraming,
        Self::BadUtf8,
    ];

    /// The number in the close frame.
    pub fn as_u16(self) -> u16 {
        match self {
            Self::Draining => 4001,
            Self::OutboxFull => 4008,
            Self::NoPong => 4009,
            Self::ResyncWanted => 4010,
            Self::Flood => 4013,
            Self::TokenRefused => 4500,
            Self::NotThisProtocol => 4501,
            Self::NoHello => 4502,
            Self::TooManySockets => 4504,
            Self::NotAllowed => 4505,
            Self::NoSuchRoom => 4506,
            Self::FrameTooLarge => 1009,
            Self::BadFraming => 1002,
            Self::BadUtf8 => 1007,
        }
    }

    /// Whether a client that was closed with this number may connect again. A number that is not
    /// known counts by its range.
    pub fn may_reconnect(code: u16) -> bool {
        let known = Self::ALL.into_iter().find(|known| known.as_u16() == code);
        match known {
            Some(Self::FrameTooLarge | Self::BadFraming | Self::BadUtf8) => false,
            _ => code < 4500,
        }
    }

    /// The reason in the close frame, for people who debug a client.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Draining => "the server is restarting; reconnect",
            Self::OutboxFull => "you read too slowly; reconnect and resume",
            Self::NoPong => "no answer to a ping; reconnect",
            Self::ResyncWanted => "reconnect and resume",
            Self::Flood => "too many frames; slow down and reconnect later",
            Self::TokenRefused => "the token is wrong or has ended",
            Self::NotThisProtocol => "this is not the shoptalk.v1 protocol",
            Self::NoHello => "no hello in time",
            Self::TooManySockets => "too many sockets; close one first",
            Self::NotAllowed => "not allowed",
            Self::NoSuchRoom => "this token opens no such room",
            Self::FrameTooLarge => "a frame may have 128 KiB at most",
            Self::BadFraming => "this is not WebSocket as RFC 6455 has it",
            Self::BadUtf8 => "a text frame has to be UTF-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CloseCode, ErrorCode};

    #[test]
    fn every_code_has_its_own_word() {
        let words: std::collections::HashSet<_> =
            ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), ErrorCode::ALL.len());
    }

    #[test]
    fn the_words_of_the_front_ends_are_those_of_the_wire() {
        use ts_rs::TS;
        let union = ErrorCode::inline(&ts_rs::Config::default());
        for code in ErrorCode::ALL {
            let word = format!("\"{}\"", code.as_str());
            assert!(union.contains(&word), "{word} in {union}");
        }
    }

    #[test]
    fn only_temporary_errors_are_retryable() {
        for code in ErrorCode::ALL {
            let passing = code.http_status() >= 500 || code.http_status() == 429;
            assert_eq!(code.is_retryable(), passing, "{}", code.as_str());
        }
    }

    #[test]
    fn a_client_reconnects_up_to_4499_and_after_a_lost_connection() {
        for code in [1000, 1005, 1006, 4001, 4008, 4013, 4499] {
            assert!(CloseCode::may_reconnect(code), "{code}");
        }
        for code in [1002, 1007, 1009, 4500, 4506, 4999] {
            assert!(!CloseCode::may_reconnect(code), "{code}");
        }
    }
}
