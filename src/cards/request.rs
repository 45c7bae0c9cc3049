use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::http::Request;
use hyper::http::header::{ACCEPT, CONTENT_TYPE};
use serde::Serialize;
use sha2::Sha256;

use super::CardsError;
use crate::chat::{RoomId, RoomRecord, Timestamp};
use crate::config::CardsConfig;

/// The header with the time and the signature.
const SIGNATURE: &str = "Shoptalk-Signature";

/// What the shop's server is told about the customer whose cards it is asked for.
#[derive(Debug, Clone, Serialize)]
pub struct Question {
    pub(super) room_id: RoomId,
    /// The signed identity's `sub`; null for an anonymous customer.
    pub(super) user: Option<String>,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    /// Which of the last three the shop has signed. The others are what anybody may have typed.
    pub(super) signed: Vec<&'static str>,
}

impl Question {
    /// A test question that names no customer: an anonymous one of whom nothing is known, in a
    /// conversation that does not exist. By its room the shop's server can tell a try of the doctor.
    #[must_use]
    pub fn without_customer() -> Self {
        Self {
            room_id: RoomId::nil(),
            user: None,
            name: None,
            email: None,
            phone: None,
            signed: Vec::new(),
        }
    }
}

impl From<RoomRecord> for Question {
    fn from(RoomRecord { room, signed, .. }: RoomRecord) -> Self {
        let details = [
            ("name", signed.name),
            ("email", signed.email),
            ("phone", signed.phone),
        ];
        let signed = details.into_iter().filter(|(_, is_signed)| *is_signed);
        Self {
            room_id: room.id,
            user: room.user,
            name: room.customer_name,
            email: room.customer_email,
            phone: room.customer_phone,
            signed: signed.map(|(detail, _)| detail).collect(),
        }
    }
}

/// The question as JSON, signed together with the time: the shop's server checks that `v1` is the
/// HMAC-SHA256 of `t`, a dot and the body, and that `t` is not long ago.
pub(super) fn signed(
    config: &CardsConfig,
    question: &Question,
    now: Timestamp,
) -> Result<Request<Full<Bytes>>, CardsError> {
    let body = serde_json::to_vec(question).expect("a question is JSON");
    let seconds = now.as_millis() / 1_000;
    let code = signature(config.secret.expose(), seconds, &body);
    Request::post(config.url.as_str())
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/json")
        .header(SIGNATURE, format!("t={seconds},v1={code}"))
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| CardsError::Request(error.to_string()))
}

fn signature(secret: &str, seconds: i64, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    let mut mac = mac.expect("a key may have any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    let code = mac.finalize().into_bytes();
    code.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::config::Secret;

    #[tokio::test]
    async fn the_question_is_signed_together_with_the_time() {
        let config = CardsConfig {
            url: "https://shop.example/cards?shop=1".parse().expect("a URL"),
            secret: Secret::new("a secret of the shop with 32 bytes"),
            allow_private: false,
        };
        let question = Question {
            room_id: Uuid::nil(),
            user: Some("c-42".into()),
            name: Some("Ann".into()),
            email: None,
            phone: None,
            signed: vec!["name"],
        };
        let now = Timestamp(1_800_000_000_999);
        let request = signed(&config, &question, now).expect("a request");
        assert_eq!(request.uri(), "https://shop.example/cards?shop=1");
        // python3: hmac.new(secret, b"1800000000." + body, "sha256").hexdigest()
        assert_eq!(
            request.headers()[SIGNATURE],
            "t=1800000000,v1=9787e6125afc584acd808878638bac20d57ed76ed3803d9ce98d8991126114b4"
        );
        let body = request.into_body().collect().await.expect("a body");
        let body: Value = serde_json::from_slice(&body.to_bytes()).expect("JSON");
        assert_eq!(
            body,
            json!({
                "room_id": Uuid::nil(), "user": "c-42", "name": "Ann", "email": null,
                "phone": null, "signed": ["name"],
            })
        );
    }
}
