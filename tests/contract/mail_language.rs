//! Mail to customers is in the language of their chat.

use crate::common::{SmtpSink, TestServer, Visitor, eventually, json};
use crate::mail::{customer, start};

/// The customer's widget speaks a language from now on.
async fn speak(server: &TestServer, visitor: &Visitor, locale: &str, stored: &str) {
    let (socket, _) = visitor.connect_with(json!({"locale": locale})).await;
    eventually("it is stored", async || {
        let languages = server.rows("SELECT language FROM visitors WHERE language IS NOT NULL");
        languages.iter().any(|row| row[0] == stored)
    })
    .await;
    drop(socket);
}

async fn subject_for(sink: &SmtpSink, address: &str) -> String {
    let sent = || sink.mails().into_iter().find(|it| it.recipient == address);
    eventually("the mail comes", async || sent().is_some()).await;
    sent().expect("it has come").header("Subject")
}

#[tokio::test]
async fn unread_answers_are_in_the_language_of_the_chat_or_in_english() {
    let (sink, server) = start().await;
    let admin = server.admin().await;
    for (address, locale, stored, subject) in [
        (
            "de@example.com",
            "de-AT",
            "de",
            "Ihre Unterhaltung mit The Shop",
        ),
        (
            "fr@example.com",
            "FR",
            "fr",
            "Votre conversation avec The Shop",
        ),
        (
            "it@example.com",
            "it",
            "en",
            "Your conversation with The Shop",
        ),
    ] {
        let visitor = customer(&server, address).await;
        speak(&server, &visitor, locale, stored).await;
        admin.post(&visitor.room_id, "Yes, it is.").await;
        assert_eq!(subject_for(&sink, address).await, subject);
    }
    let silent = customer(&server, "nobody@example.com").await;
    admin.post(&silent.room_id, "Yes, it is.").await;
    let subject = subject_for(&sink, "nobody@example.com").await;
    assert_eq!(subject, "Your conversation with The Shop");
}

#[tokio::test]
async fn a_transcript_is_in_the_language_that_the_chat_speaks_by_then() {
    let (sink, server) = start().await;
    let visitor = customer(&server, "ann@example.com").await;
    speak(&server, &visitor, "fr", "fr").await;
    let admin = server.admin().await;
    admin.post(&visitor.room_id, "Yes, it is.").await;
    let subject = subject_for(&sink, "ann@example.com").await;
    assert_eq!(subject, "Votre conversation avec The Shop");
    // A hello without a language changes nothing.
    drop(visitor.online().await);
    speak(&server, &visitor, "de", "de").await;
    let other = json!({"email": "other@example.com"});
    let asked = visitor.rest.post(&visitor.path("transcript/"), other).await;
    assert_eq!(asked.status, 202);
    let subject = subject_for(&sink, "other@example.com").await;
    assert_eq!(subject, "Ihre Unterhaltung mit The Shop");
}
