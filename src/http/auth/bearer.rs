//! The `Authorization` header.

use axum::http::{HeaderMap, header};

use super::AuthError;

/// The token in `Authorization: Bearer …`, if there is such a header.
///
/// Two such headers are refused: a proxy may have checked one and the server would use the other.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(AuthError::Malformed);
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.trim().split_once(' '))
        .ok_or(AuthError::Malformed)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(Some(token))
    } else {
        Err(AuthError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_bearer_tokens_are_read() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            bearer(&headers).map(|token| token.map(str::to_owned))
        };
        assert_eq!(bearer(&HeaderMap::new()), Ok(None));
        assert_eq!(read("Bearer stv_x"), Ok(Some("stv_x".into())));
        assert_eq!(read("bearer  stv_x"), Ok(Some("stv_x".into())));
        for wrong in ["", "Bearer", "Bearer ", "Basic YTpi", "stv_x"] {
            assert_eq!(read(wrong), Err(AuthError::Malformed), "{wrong:?}");
        }
        let mut two = HeaderMap::new();
        for _ in 0..2 {
            two.append(
                header::AUTHORIZATION,
                HeaderValue::from_static("Bearer stv_x"),
            );
        }
        assert_eq!(bearer(&two), Err(AuthError::Malformed));
    }
}
