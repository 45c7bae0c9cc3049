use crate::common::{IDENTITY_SECRET, PASSWORD, Socket, in_seconds, json, jwt, new_id};
use crate::process::Place;

const CARDS_SECRET: &str = "the secret of the cards, 32 bytes";

#[tokio::test]
async fn the_log_never_shows_a_secret() {
    for format in ["text", "json"] {
        let place = Place::new()
            .with("SHOPTALK_LOG__FILTER", "trace")
            .with("SHOPTALK_LOG__FORMAT", format)
            .with("SHOPTALK_IDENTITY__SECRETS", IDENTITY_SECRET)
            .with("SHOPTALK_METRICS__TOKEN", "the token of the metrics")
            .with("SHOPTALK_CARDS__URL", "http://localhost:1/")
            .with("SHOPTALK_CARDS__ALLOW_PRIVATE", "true")
            .with("SHOPTALK_CARDS__SECRET", CARDS_SECRET);
        let mut running = place.serve().await;
        let rest = running.rest();
        let code = running
            .setup_code(&format!("http://{}", running.addr))
            .await;
        let made = rest
            .post(
                "/api/admin/setup/",
                json!({"code": code, "username": "ada", "password": PASSWORD}),
            )
            .await
            .is(201);
        let login = rest
            .post(
                "/api/admin/login/",
                json!({"username": "ada", "password": PASSWORD}),
            )
            .await
            .is(200);
        rest.post(
            "/api/admin/login/",
            json!({"username": "ada", "password": "a wrong password"}),
        )
        .await
        .is(401);
        rest.bearer("the token of the metrics")
            .get("/metrics")
            .await;
        let opened = rest.post("/api/chat/rooms/", json!({})).await.is(201);
        let claims = json!({"sub": "customer-1", "exp": in_seconds(300)});
        let identity = jwt(jsonwebtoken::Algorithm::HS256, IDENTITY_SECRET, &claims);
        let identified = rest
            .post("/api/chat/rooms/", json!({"identity": identity}))
            .await
            .is(201);
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();

        let id = text(&opened["room"]["id"]);
        let mut visitor = Socket::connect(running.addr, &format!("/ws/chat/{id}/")).await;
        visitor
            .send(json!({"type": "hello", "token": opened["token"]}))
            .await;
        visitor.expect("welcome").await;
        visitor.post("hello").await;
        rest.bearer(opened["token"].as_str().expect("a token"))
            .post(
                &format!("/api/chat/rooms/{id}/messages/"),
                json!({"id": new_id(), "content": "hello again"}),
            )
            .await
            .is(201);
        let mut agent = Socket::connect(running.addr, "/ws/admin/chat/").await;
        agent
            .send(json!({"type": "hello", "token": login["token"]}))
            .await;
        agent.expect("welcome").await;
        let user_id = text(&identified["room"]["id"]);
        let mut user = Socket::connect(running.addr, &format!("/ws/chat/{user_id}/")).await;
        user.send(json!({"type": "hello", "token": identity})).await;
        user.expect("welcome").await;
        rest.bearer(&text(&made["token"]))
            .get("/api/admin/me/")
            .await
            .is(200);
        let cards = rest
            .bearer(&text(&login["token"]))
            .get(&format!("/api/admin/rooms/{id}/cards/"))
            .await
            .is(200);
        let problem = text(&cards["problem"]);
        assert!(
            problem.starts_with("cannot connect to localhost:1"),
            "{problem}"
        );

        let lines = running.stop().await;
        assert!(lines.len() > 10, "it logs much: {lines:?}");
        for secret in [
            &code,
            PASSWORD,
            "a wrong password",
            IDENTITY_SECRET,
            "the token of the metrics",
            CARDS_SECRET,
            &identity,
            &text(&made["token"]),
            &text(&login["token"]),
            &text(&opened["token"]),
            &text(&identified["token"]),
        ] {
            let shown: Vec<&String> = lines
                .iter()
                .filter(|line| line.contains(secret))
                .filter(|line| !line.contains(&format!("/admin/setup#{code}")))
                .collect();
            assert!(shown.is_empty(), "{secret}: {shown:#?}");
        }
    }
}
