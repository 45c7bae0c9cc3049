use rustix::process::Signal;

use crate::common::{json, results};
use crate::process::Place;

#[tokio::test]
async fn a_demo_has_an_agent_and_conversations_and_leaves_nothing() {
    for (listen, signal) in [("127.0.0.1:0", Signal::TERM), ("127.0.0.2:0", Signal::INT)] {
        // What is set up for real stays out of it.
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
        assert!(results(&list).len() >= 3, "{list}");
        for status in ["waiting", "active", "closed"] {
            assert!(
                results(&list)
                    .iter()
                    .any(|summary| summary["status"] == status),
                "{status}: {list}"
            );
        }
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
