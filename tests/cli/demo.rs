use rustix::process::Signal;

use crate::common::{json, results};
use crate::process::Place;

#[tokio::test]
async fn a_demo_has_sample_data_and_leaves_no_files() {
    for (listen, signal) in [("127.0.0.1:0", Signal::TERM), ("127.0.0.2:0", Signal::INT)] {
        // The configuration of a real installation is ignored.
        let place = Place::new().with("SHOPTALK_STORAGE__DATA_DIR", "real");
        let mut running = place.start(&["demo", "--listen", listen]).await;
        assert_eq!(running.addr.ip().to_string(), listen.trim_end_matches(":0"));
        running.line("admin123").await;
        let data = || {
            std::fs::read_dir(place.temporary())
                .expect("a directory")
                .count()
        };
        assert_eq!(data(), 1, "the throwaway data");

        let credentials = json!({"username": "admin", "password": "admin123"});
        let session = running
            .rest()
            .post("/api/admin/login/", credentials)
            .await
            .is(200);
        assert_eq!(session["agent"]["role"], "admin");
        let rest = running
            .rest()
            .bearer(session["token"].as_str().expect("a token"));
        let list = rest.get("/api/admin/rooms/").await.is(200);
        assert!(results(&list).len() >= 15, "{list}");
        let days: std::collections::BTreeSet<_> = results(&list)
            .iter()
            .map(|summary| summary["last_message_at"].as_str().expect("a time")[..10].to_owned())
            .collect();
        assert!(days.len() > 4, "they happened over a week: {days:?}");
        for status in ["waiting", "active", "closed"] {
            assert!(
                results(&list)
                    .iter()
                    .any(|summary| summary["status"] == status),
                "{status}: {list}"
            );
        }
        let cards = async |name: &str| {
            let list = results(&list).iter();
            let mut named = list.filter(|summary| summary["customer_name"] == name);
            let id = named.next().expect("a conversation")["id"].clone();
            let path = format!("/api/admin/rooms/{}/cards/", id.as_str().expect("an id"));
            rest.get(&path).await.is(200)
        };
        let seen = cards("Aisha Bello").await;
        assert_eq!(seen["cards"][0]["title"], "Order 10511", "{seen}");
        assert_eq!(cards("Jonas Lindqvist").await["cards"], json!([]));
        let page = rest.get("/").await;
        assert_eq!(page.status, 200, "the sample storefront: {}", page.text);

        let (code, lines) = running.end(signal).await;
        assert_eq!(code, Some(0), "{lines:?}");
        assert_eq!(data(), 0, "the data go when it ends");
        assert!(!place.path().join("real").exists() && !place.data_dir().exists());
        assert!(
            !lines.iter().any(|line| line.contains("/admin/setup")),
            "{lines:?}"
        );
    }
}

#[cfg(feature = "front-ends")]
#[tokio::test]
async fn the_shop_embeds_the_widget_without_inline_code() {
    use crate::common::{Response, Rest};

    let place = Place::new();
    let mut running = place.start(&["demo", "--listen", "127.0.0.1:0"]).await;
    let shop = running.rest().get("/").await;
    assert!(shop.text.contains("src=\"/widget.js\""), "{}", shop.text);
    assert!(shop.text.contains("admin123"));
    let policy = shop.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");

    // The other shop is another origin, with the strictest policy that a page can have.
    let line = running.line("strict policy").await;
    let (_, elsewhere) = line.split_once("http://").expect("an address");
    let elsewhere = elsewhere.trim_end_matches('/').parse().expect("a port");
    assert_ne!(elsewhere, running.addr);
    let page = Rest::new(elsewhere).get("/").await;
    let server = format!("http://{}", running.addr);
    let sockets = format!("ws://{}", running.addr);
    let policy = format!(
        "default-src 'none'; script-src {server}; connect-src {server} {sockets}; \
         style-src 'self'; img-src 'self'"
    );
    assert_eq!(page.header("content-security-policy"), policy);
    assert!(page.text.contains(&policy), "the page shows it");
    let tag = format!("src=\"{server}/widget.js\"");
    assert!(page.text.contains(&tag), "{}", page.text);
    for inline in ["<style", " style=", "<script>", " onclick="] {
        assert!(!page.text.contains(inline) && !shop.text.contains(inline));
    }
    let from_there = running
        .rest()
        .request(reqwest::Method::POST, "/api/chat/rooms/")
        .header("origin", format!("http://{elsewhere}"))
        .json(&json!({}));
    Response::to(from_there).await.is(201);
    running.stop().await;
}
