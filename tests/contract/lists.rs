//! Every list has pages: `limit` entries, and a `next` that leads on.

use crate::common::{Rest, TestServer, Value, Visitor, json, next_page, results};

/// All entries of a list in pages of two, each page checked, and how many pages there were.
async fn pages_of_two(rest: &Rest, path: &str) -> (Vec<Value>, usize) {
    let (mut all, mut pages, mut query) = (Vec::new(), 0, "?limit=2".to_owned());
    loop {
        let page = rest.get(&format!("{path}{query}")).await.is(200);
        assert!(results(&page).len() <= 2, "{path}{query}");
        all.extend(results(&page).iter().cloned());
        pages += 1;
        let Some(next) = next_page(&page) else {
            return (all, pages);
        };
        query = format!("?limit=2&cursor={next}");
    }
}

#[tokio::test]
async fn every_list_has_pages_that_hold_every_entry_once() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let (visitor, other) = (
        Visitor::arrive(&server).await,
        Visitor::arrive(&server).await,
    );
    for at in 0..5 {
        server.agent(&format!("agent{at}"), "agent").await;
        for (path, body) in [
            (
                "tags/",
                json!({"name": format!("tag {at}"), "color": "#2f6fde"}),
            ),
            (
                "replies/",
                json!({"shortcut": format!("r{at}"), "title": "", "content": "Hello", "shared": true}),
            ),
            (
                "tokens/",
                json!({"name": format!("program {at}"), "rights": ["rooms:read"], "expires_at": null}),
            ),
            (
                "push/subscriptions/",
                json!({
                    "endpoint": format!("https://push.example/ä/{at}"),
                    "keys": {
                        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
                        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
                    },
                }),
            ),
        ] {
            let path = format!("/api/admin/{path}");
            admin.rest.post(&path, body).await.is(201);
        }
        visitor.post("one more").await;
        visitor
            .rest
            .post(&visitor.path("close/"), json!({}))
            .await
            .is(200);
        let rating = json!({"score": 5});
        visitor
            .rest
            .post(&visitor.path("rating/"), rating)
            .await
            .is(201);
    }
    for blocked in [&visitor, &other] {
        blocked.post("something bad").await;
        let path = admin.path(&blocked.room_id, "");
        admin
            .rest
            .patch(&path, json!({"blocked": true}))
            .await
            .is(200);
    }
    let ratings = format!("rooms/{}/ratings/", visitor.room_id);
    for (path, count) in [
        ("agents/", 6),
        ("colleagues/", 6),
        ("tags/", 5),
        ("replies/", 5),
        ("tokens/", 5),
        ("push/subscriptions/", 5),
        ("blocks/", 2),
        (ratings.as_str(), 5),
        ("jobs/", 0),
        ("mail/bounced/", 0),
        ("mail/quarantine/", 0),
        ("rooms/", 2),
    ] {
        let path = format!("/api/admin/{path}");
        let whole = admin.rest.get(&path).await.is(200);
        assert_eq!(results(&whole).len(), count, "{path}");
        assert!(whole["next"].is_null(), "{path}");
        let (paged, pages) = pages_of_two(&admin.rest, &path).await;
        assert_eq!(&paged, results(&whole), "{path}");
        assert_eq!(pages, count.div_ceil(2).max(1), "{path}");
        for (wrong, field) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=", "limit"),
            ("limit=-1", "limit"),
            ("cursor=nonsense", "cursor"),
        ] {
            let response = admin.rest.get(&format!("{path}?{wrong}")).await;
            response.invalid(field);
        }
    }
}

#[tokio::test]
async fn a_page_has_50_entries_when_no_limit_is_given() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for at in 0..51 {
        let tag = json!({"name": format!("tag {at:02}"), "color": "#2f6fde"});
        admin.rest.post("/api/admin/tags/", tag).await.is(201);
    }
    let first = admin.rest.get("/api/admin/tags/").await.is(200);
    assert_eq!(results(&first).len(), 50);
    let next = next_page(&first).expect("there is another page");
    let path = format!("/api/admin/tags/?cursor={next}");
    let second = admin.rest.get(&path).await.is(200);
    assert_eq!(results(&second)[0]["name"], "tag 50");
    assert_eq!((results(&second).len(), next_page(&second)), (1, None));
}

/// Who clears a list reads a page, deletes what is on it, and goes on.
#[tokio::test]
async fn a_cursor_holds_when_the_entries_of_its_page_are_deleted() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for at in 0..5 {
        let tag = json!({"name": format!("tag {at}"), "color": "#2f6fde"});
        admin.rest.post("/api/admin/tags/", tag).await.is(201);
    }
    let (mut deleted, mut query) = (0, "?limit=2".to_owned());
    loop {
        let path = format!("/api/admin/tags/{query}");
        let page = admin.rest.get(&path).await.is(200);
        for tag in results(&page) {
            let id = tag["id"].as_str().expect("an id");
            let path = format!("/api/admin/tags/{id}/");
            admin.rest.delete(&path).await.is(204);
            deleted += 1;
        }
        let Some(next) = next_page(&page) else {
            break;
        };
        query = format!("?limit=2&cursor={next}");
    }
    assert_eq!(deleted, 5);
}
