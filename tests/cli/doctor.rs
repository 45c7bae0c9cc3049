use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use tokio::net::TcpListener;

use shoptalk_local_servers::{Dovecot, unless_missing};

use crate::common::{Authority, ShopServer, SmtpSink, json};
use crate::process::{Ended, Place};

/// What `shoptalk doctor` printed, without the checks of the machine that runs the tests.
fn network(stdout: &str) -> Vec<&str> {
    let machine = [
        "File system",
        "Disk sync",
        "Open files",
        "Free space",
        "Backup",
    ];
    stdout
        .lines()
        .filter(|line| !machine.iter().any(|title| line.contains(title)))
        .collect()
}

#[tokio::test]
async fn a_server_without_a_proxy_has_no_problem() {
    let place = Place::new();
    let running = place.serve().await;
    let url = format!("http://{}", running.addr);
    let ended = place.run(&["doctor", &url, "--quiet", "1"]).await;
    let lines = network(&ended.stdout);
    assert!(
        lines.iter().all(|line| line.starts_with("ok ")),
        "{}",
        ended.stdout
    );
    for title in [
        "Data directory",
        "Public URL",
        "WebSocket upgrade",
        "HTTP version",
        "WebSocket subprotocol",
        "Origin",
        "Forged address",
        "Client address",
        "Buffering",
        "Quiet socket",
        "Widget cache",
        "Body size",
        "Clock",
    ] {
        let found = lines.iter().any(|line| line.contains(title));
        assert!(found, "{title}: {}", ended.stdout);
    }
}

/// Only something in between cuts quiet sockets.
#[tokio::test]
async fn no_socket_is_kept_quiet_if_nothing_is_in_between() {
    let place = Place::new();
    let running = place.serve().await;
    let url = format!("http://{}", running.addr);
    let ended = place.run(&["doctor", &url]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let lines = network(&ended.stdout);
    let line = lines.iter().find(|line| line.contains("Quiet socket:"));
    let line = line.unwrap_or_else(|| panic!("{}{}", ended.stdout, ended.stderr));
    assert!(line.starts_with("skipped "), "{line}");
}

/// The certificate is the one that the doctor's own connection gets, whoever shows it.
#[tokio::test]
async fn a_certificate_that_ends_soon_is_a_problem() {
    let authority = Authority::new();
    let place = Place::new();
    let trusted = place.path().join("authority.pem");
    std::fs::write(&trusted, authority.pem()).expect("written");
    let place = place
        .with("SSL_CERT_FILE", trusted.to_str().expect("UTF-8"))
        .with("SHOPTALK_SERVER__TLS_CERT", "cert.pem")
        .with("SHOPTALK_SERVER__TLS_KEY", "key.pem");
    for (days, level, words) in [(5, "PROBLEM ", "expires in "), (90, "ok ", "is valid for ")] {
        authority.issue(&["localhost"], days).write(place.path());
        let running = place.serve().await;
        let url = format!("https://localhost:{}", running.addr.port());
        let ended = place.run(&["doctor", &url, "--quiet", "0"]).await;
        let lines = network(&ended.stdout);
        let line = lines.iter().find(|line| line.contains("Certificate:"));
        let line = line.unwrap_or_else(|| panic!("{}{}", ended.stdout, ended.stderr));
        assert!(line.starts_with(level) && line.contains(words), "{line}");
        running.stop().await;
    }
}

/// From a laptop, only what can be seen from there is judged.
#[tokio::test]
async fn without_the_data_directory_only_the_url_is_checked() {
    let server = Place::new();
    let running = server.serve().await;
    let url = format!("http://{}", running.addr);
    let laptop = Place::new();
    let ended = laptop.run(&["doctor", &url]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("ok       WebSocket upgrade"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("no server is running on"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains("Disk sync"), "{}", ended.stdout);
    assert!(!laptop.data_dir().exists());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_finding() {
    let place = Place::new();
    std::fs::create_dir(place.data_dir()).expect("a directory");
    let ended = place.run(&["doctor", "http://127.0.0.1:1"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("PROBLEM  Server"), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("Is the server running"),
        "{}",
        ended.stdout
    );
    assert!(ended.stderr.contains("problem"), "{}", ended.stderr);
}

/// With cards from this URL.
fn with_cards(place: Place, url: &str) -> Place {
    place
        .with("SHOPTALK_CARDS__URL", url)
        .with("SHOPTALK_CARDS__ALLOW_PRIVATE", "true")
}

/// In the replies of the shop's server, and in the query of its URL. No random name has them: those
/// are shorter.
const CUSTOMER: &str = "Ann Lee";
const KEY: &str = "hunter2";

/// No secret may be in the output.
fn expect_no_secret(ended: &Ended, secret: &str) {
    for word in [secret, CUSTOMER, KEY] {
        for output in [&ended.stdout, &ended.stderr] {
            assert!(!output.contains(word), "{word}: {output}");
        }
    }
}

/// What the doctor prints of the shop's cards; empty if nothing. No secret may be in its output.
async fn about_cards(place: &Place, secret: &str) -> String {
    about(place, secret, " Cards: ").await
}

/// The line of the doctor with this title.
async fn about(place: &Place, secret: &str, title: &str) -> String {
    let url = "http://127.0.0.1:1";
    let ended = place.run(&["doctor", url, "--quiet", "0"]).await;
    expect_no_secret(&ended, secret);
    let mut lines = ended.stdout.lines();
    let line = lines.find(|line| line.contains(title));
    line.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_shop_s_server_is_asked_for_cards_as_the_server_does() {
    let shop = ShopServer::start().await;
    let config = shop.config();
    let secret = config.secret.expose();
    let place = with_cards(Place::new(), &format!("{}?key={KEY}", config.url))
        .with("SHOPTALK_CARDS__SECRET", secret);
    let well = about_cards(&place, secret).await;
    let server = config.url.origin().ascii_serialization();
    // On a slow machine it took too long, which is a problem; any other one does not begin with this.
    assert!(well.contains(&format!(" Cards: {server} ")), "{well}");
    for (reply, words) in [
        (StatusCode::UNAUTHORIZED.into_response(), "401 Unauthorized"),
        (
            StatusCode::NOT_FOUND.into_response(),
            "check that cards.url is where",
        ),
        (StatusCode::BAD_GATEWAY.into_response(), "start the program"),
        (
            StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            "500 Internal Server Error instead of 200; look into its log",
        ),
        (Redirect::to("/").into_response(), "redirects are not"),
        (
            format!("<p>{CUSTOMER}").into_response(),
            "is not {\"cards\": [",
        ),
        (
            Json(json!({"cards": CUSTOMER})).into_response(),
            "expected a sequence",
        ),
        (
            Json(json!({"cards": [{"title": CUSTOMER.repeat(40)}]})).into_response(),
            "its title must have at most 100 characters",
        ),
        (
            CUSTOMER.repeat(30_000).into_response(),
            "larger than 65536 bytes",
        ),
    ] {
        shop.reply_next(reply);
        let problem = about_cards(&place, secret).await;
        assert!(problem.starts_with("PROBLEM  Cards: "), "{problem}");
        assert!(problem.contains(words), "{problem}");
    }
    let questions = shop.questions();
    // The first time it was also asked with a wrong signature.
    assert_eq!(questions.len(), 11, "{questions:?}");

    let other = "another secret of 32 bytes or more";
    let place = place.with("SHOPTALK_CARDS__SECRET", other);
    let refused = about_cards(&place, other).await;
    let words = "403 Forbidden instead of 200; check that both sides have the same cards.secret";
    assert!(refused.contains(words), "{refused}");

    let checked = place.run(&["check"]).await;
    expect_no_secret(&checked, other);
    let shown = checked.well();
    let words = format!("{server} (path and query redacted)");
    assert!(shown.contains(&words), "{shown}");
}

#[tokio::test]
async fn a_shop_s_server_that_does_not_check_signatures_is_a_problem() {
    let shop = ShopServer::start().await;
    let config = shop.config();
    let secret = config.secret.expose();
    let place =
        with_cards(Place::new(), config.url.as_str()).with("SHOPTALK_CARDS__SECRET", secret);
    let refused = about(&place, secret, " Cards signature: ").await;
    assert!(refused.starts_with("ok "), "{refused}");
    assert!(refused.ends_with("with 403 Forbidden"), "{refused}");
    shop.trust_everybody();
    let shown = about(&place, secret, " Cards signature: ").await;
    assert!(shown.starts_with("PROBLEM "), "{shown}");
    let words = "has to check the header Shoptalk-Signature and to reply 403";
    assert!(shown.contains(words), "{shown}");
}

#[tokio::test]
async fn a_shop_s_server_that_is_not_reached_in_time_or_at_all_is_a_problem() {
    let secret = "a secret of the shop with 32 bytes";
    let at = |url: &str| with_cards(Place::new(), url).with("SHOPTALK_CARDS__SECRET", secret);
    let nobody = about_cards(&at("http://127.0.0.1:1/"), secret).await;
    assert!(
        nobody.starts_with("PROBLEM  Cards: cannot connect to 127.0.0.1:1: "),
        "{nobody}"
    );
    // The system accepts connections to it, and nobody reads them.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = silent.local_addr().expect("an address");
    let late = about_cards(&at(&format!("http://{addr}/")), secret).await;
    assert!(late.contains("did not reply within 3 s; look"), "{late}");
    let private = at("https://localhost/").with("SHOPTALK_CARDS__ALLOW_PRIVATE", "false");
    let private = about_cards(&private, secret).await;
    assert!(
        private.contains("set cards.allow_private to true"),
        "{private}"
    );
    assert_eq!(about_cards(&Place::new(), secret).await, "");
}

#[tokio::test]
async fn a_certificate_of_the_shop_s_server_that_nobody_trusts_is_a_problem() {
    let authority = Authority::new();
    let shop = Place::new()
        .with("SHOPTALK_SERVER__TLS_CERT", "cert.pem")
        .with("SHOPTALK_SERVER__TLS_KEY", "key.pem");
    authority.issue(&["localhost"], 90).write(shop.path());
    shop.write("authority.pem", &authority.pem());
    // Any server with a certificate will do: one of the chat has no cards.
    let running = shop.serve().await;
    let secret = "a secret of the shop with 32 bytes";
    let url = format!("https://localhost:{}/cards", running.addr.port());
    let place = with_cards(Place::new(), &url).with("SHOPTALK_CARDS__SECRET", secret);
    let refused = about_cards(&place, secret).await;
    let words = format!(
        "PROBLEM  Cards: TLS with localhost:{} failed: ",
        running.addr.port()
    );
    assert!(refused.starts_with(&words), "{refused}");
    let words = "UnknownIssuer; check that https is spoken there, the certificate";
    assert!(refused.contains(words), "{refused}");
    let trusted = shop.path().join("authority.pem");
    let place = place.with("SSL_CERT_FILE", trusted.to_str().expect("UTF-8"));
    let trusting = about_cards(&place, secret).await;
    assert!(
        trusting.contains("replied with 404 Not Found"),
        "{trusting}"
    );
    let http = ShopServer::start().await.config().url;
    let https = http.as_str().replacen("http", "https", 1);
    let place = place.with("SHOPTALK_CARDS__URL", &https);
    let plain = about_cards(&place, secret).await;
    assert!(plain.contains("check that https is spoken"), "{plain}");
}

#[tokio::test]
async fn bad_usage_is_refused() {
    let place = Place::new();
    for args in [
        &["doctor", "nonsense"][..],
        &["doctor", "ftp://chat.example.com"],
        &["doctor", "http://127.0.0.1:1", "--quiet", "601"],
    ] {
        let ended = place.run(args).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
    }
}

/// With mail that goes out and comes in at these URLs.
fn with_mail(smtp_url: &str, imap_url: &str) -> Place {
    Place::new()
        .with("SHOPTALK_MAIL__SMTP_URL", smtp_url)
        .with("SHOPTALK_MAIL__IMAP_URL", imap_url)
        .with("SHOPTALK_MAIL__FROM", "The Shop <chat@shop.example>")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_servers_are_tried_and_get_no_mail() {
    let Some(dovecot) = unless_missing(Dovecot::start()) else {
        return;
    };
    let sink = SmtpSink::start().await;
    let place = with_mail(&sink.url(), &dovecot.url());
    let relay = about(&place, KEY, " Mail relay: ").await;
    assert!(relay.starts_with("ok "), "{relay}");
    assert!(
        relay.contains("takes mail from chat@shop.example"),
        "{relay}"
    );
    let mailbox = about(&place, KEY, " Mailbox: ").await;
    assert!(mailbox.starts_with("ok "), "{mailbox}");
    assert!(mailbox.contains("shows the mailbox INBOX"), "{mailbox}");

    sink.refuse_senders(Some("553 5.7.1 not yours"));
    let refused = about(&place, KEY, " Mail relay: ").await;
    assert!(refused.starts_with("PROBLEM "), "{refused}");
    for words in ["not yours", "change mail.from"] {
        assert!(refused.contains(words), "{refused}");
    }
    assert_eq!(sink.mails().len(), 0);

    let wrong_password = dovecot.url().replace(":secret@", &format!(":{KEY}@"));
    assert_ne!(wrong_password, dovecot.url());
    let wrong_path = dovecot.url().replace("/INBOX", "/Nowhere");
    let nobody = format!("smtp://chat:{KEY}@127.0.0.1:1");
    for (url, words) in [
        (
            wrong_password,
            "check the user and the password in mail.imap_url",
        ),
        (wrong_path, "does not open the mailbox Nowhere: "),
        (
            "imap://a:b@127.0.0.1:1".to_owned(),
            "the port of mail.imap_url",
        ),
    ] {
        let place = with_mail(&nobody, &url);
        let problem = about(&place, KEY, " Mailbox: ").await;
        assert!(problem.starts_with("PROBLEM "), "{problem}");
        assert!(problem.contains(words), "{problem}");
        let problem = about(&place, KEY, " Mail relay: ").await;
        assert!(problem.contains("the port of mail.smtp_url"), "{problem}");
    }
}
