use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::http::header::RETRY_AFTER;
use hyper::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use uuid::Uuid;
use web_push_native::p256::SecretKey;
use web_push_native::{Auth, decrypt, encrypt};

use super::key::PushKey;
use super::message::PushMessage;
use super::reply::Reply;
use super::{BadSubscription, check_subscription};
use crate::chat::Language;

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// The browser of RFC 8291, section 5 and appendix A.
fn browser() -> (SecretKey, Auth) {
    let key = SecretKey::from_slice(&bytes("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"));
    let auth: [u8; 16] = bytes("BTBZMqHH6r4Tts7J_aSIgg").try_into().expect("16");
    (key.expect("a key"), Auth::from(auth))
}

#[test]
fn the_example_of_rfc_8291_is_read_and_what_is_encrypted_for_its_browser_too() {
    let message = bytes(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml\
         mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT\
         pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
    );
    let text = b"When I grow up, I want to be a watermelon".to_vec();
    let (key, auth) = browser();
    assert_eq!(decrypt(message, &key, &auth).expect("decrypted"), text);
    let ours = encrypt(text.clone(), &key.public_key(), &auth).expect("encrypted");
    assert_eq!(decrypt(ours, &key, &auth).expect("decrypted"), text);
}

#[test]
fn a_key_is_the_same_after_it_was_stored_and_signs_for_one_push_service() {
    let stored = PushKey::generate();
    let key = PushKey::from_stored(&stored).expect("usable");
    let again = PushKey::from_stored(&stored).expect("usable");
    assert_eq!(key.public(), again.public());
    assert_eq!(bytes(key.public()).len(), 65);
    let header = key
        .authorization(
            "https://push.example.com",
            Some("mailto:a@example.com"),
            1_000,
        )
        .expect("signed");
    let token = header.strip_prefix("vapid t=").expect("vapid");
    let (token, shown) = token.split_once(", k=").expect("a key");
    assert_eq!(shown, key.public());
    let claims = token.split('.').nth(1).expect("claims");
    let claims: serde_json::Value = serde_json::from_slice(&bytes(claims)).expect("JSON");
    assert_eq!(
        claims,
        serde_json::json!({
            "aud": "https://push.example.com",
            "exp": 1_000 + 12 * 60 * 60,
            "sub": "mailto:a@example.com",
        })
    );
    assert!(PushKey::from_stored(&[0; 32]).is_err(), "no private key");
    assert!(PushKey::from_stored(b"short").is_err());
}

#[test]
fn what_a_reply_means() {
    let reply = |status: u16, after: Option<&'static str>| {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
        }
        Reply::of(StatusCode::from_u16(status).expect("a status"), &headers)
    };
    for status in [200, 201, 202, 204] {
        assert_eq!(reply(status, None), Reply::Accepted);
    }
    for status in [404, 410] {
        assert_eq!(reply(status, None), Reply::Gone);
    }
    for status in [301, 307, 400, 401, 403, 413] {
        let refused = reply(status, None);
        let shown = status.to_string();
        assert!(
            matches!(&refused, Reply::Refused(why) if why.contains(&shown)),
            "{refused:?}"
        );
    }
    for status in [408, 429, 500, 503] {
        let wait = |reply| match reply {
            Reply::TryAgain { after, .. } => after,
            other => panic!("{status}: {other:?}"),
        };
        assert_eq!(wait(reply(status, Some("7"))), Some(Duration::from_secs(7)));
        assert_eq!(wait(reply(status, Some("Mon, 02 Nov"))), None);
        assert_eq!(wait(reply(status, None)), None);
    }
}

const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn fields(endpoint: &str, p256dh: &str, auth: &str) -> Vec<&'static str> {
    match check_subscription(endpoint, p256dh, auth, false) {
        Ok(_) => Vec::new(),
        Err(bad) => bad
            .iter()
            .map(|BadSubscription { field, .. }| *field)
            .collect(),
    }
}

#[test]
fn a_subscription_is_a_public_https_url_and_two_keys() {
    let good = "https://push.example.com/a?b=c";
    assert_eq!(fields(good, P256DH, AUTH), Vec::<&str>::new());
    assert_eq!(
        fields(good, P256DH, &format!("{AUTH}==")),
        Vec::<&str>::new()
    );
    let long = format!("https://push.example.com/{}", "a".repeat(2_000));
    for endpoint in [
        "",
        "push",
        "http://push.example.com/a",
        "ftp://push.example.com/a",
        "https://u:p@push.example.com/a",
        "https://push.example.com/a#b",
        "https://localhost/a",
        "https://a.localhost./a",
        "https://127.0.0.1/a",
        "https://2130706433/a",
        "https://10.1.2.3/a",
        "https://[::1]/a",
        "https://[::ffff:192.168.0.1]/a",
        "https://169.254.169.254/latest",
        &long,
    ] {
        assert_eq!(fields(endpoint, P256DH, AUTH), ["endpoint"], "{endpoint}");
        let allowed = check_subscription(endpoint, P256DH, AUTH, true).is_ok();
        let private = [
            "localhost",
            "127.0.0.1",
            "2130706433",
            "10.1",
            "[::",
            "169.254",
        ];
        let expected =
            private.iter().any(|part| endpoint.contains(part)) || endpoint.starts_with("http://");
        assert_eq!(allowed, expected, "{endpoint}");
    }
    let off_the_curve = URL_SAFE_NO_PAD.encode([4; 65]);
    for p256dh in ["", "!", AUTH, &off_the_curve] {
        assert_eq!(fields(good, p256dh, AUTH), ["keys.p256dh"], "{p256dh}");
    }
    for auth in ["", "!", P256DH] {
        assert_eq!(fields(good, P256DH, auth), ["keys.auth"], "{auth}");
    }
    assert_eq!(fields("", "", ""), ["endpoint", "keys.p256dh", "keys.auth"]);
}

#[test]
fn a_notification_has_the_first_words_and_a_topic_that_hides_the_room() {
    let room = Uuid::now_v7();
    let payload = |message: &PushMessage| json!(message.payload(Language::German));
    let message = PushMessage::waiting(room, Some("Ann"), "Hello,\n\n  is it\tin stock?");
    let expected = json!({"room_id": room, "title": "Ann", "body": "Hello, is it in stock?"});
    assert_eq!(payload(&message), expected);
    let long = PushMessage::waiting(room, Some("Ann"), &"ä".repeat(8_000));
    let body = payload(&long)["body"]
        .as_str()
        .map(str::to_owned)
        .expect("a text");
    assert_eq!(body.chars().count(), 140);
    assert!(body.ends_with('…'));
    // The largest one fits the 4,096 bytes that every push service takes.
    let wide = PushMessage::waiting(room, Some(&"🧵".repeat(100)), &"🧵".repeat(8_000));
    assert!(payload(&wide).to_string().len() < 3_000);
    // What nobody wrote is in the device's language.
    let nameless = PushMessage::waiting(room, None, "Hello");
    assert_eq!(payload(&nameless)["title"], "Besucher");
    let trial = payload(&PushMessage::trial());
    let body = "Dieses Gerät klingelt, wenn ein Kunde wartet.";
    assert_eq!(
        trial,
        json!({"room_id": null, "title": "Shoptalk", "body": body})
    );

    assert_eq!(message.topic(), long.topic(), "one replaces the other");
    assert_eq!(message.topic().len(), 32);
    assert!(bytes(&message.topic()).len() == 24);
    let other = PushMessage::waiting(Uuid::now_v7(), Some("Ann"), "Hello");
    assert_ne!(message.topic(), other.topic());
    assert!(!message.topic().contains(&URL_SAFE_NO_PAD.encode(room)));
}
