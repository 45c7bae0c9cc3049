//! Signed identities: which are accepted, and whose rooms they open.

use jsonwebtoken::Algorithm;

use crate::common::{
    IDENTITY_SECRET, OTHER_SECRET, Response, Rest, Socket, TestServer, Value, Visitor, in_seconds,
    json, jwt, new_id, results, unsigned_jwt,
};

fn identity(sub: &str) -> String {
    signed(&json!({"sub": sub, "exp": in_seconds(600)}))
}

fn signed(claims: &Value) -> String {
    jwt(Algorithm::HS256, IDENTITY_SECRET, claims)
}

async fn open(rest: &Rest, identity: &str) -> Response {
    rest.post("/api/chat/rooms/", json!({"identity": identity}))
        .await
}

#[tokio::test]
async fn a_bad_identity_is_refused_and_never_falls_back_to_anonymous() {
    let server = TestServer::start().await;
    let good = json!({"sub": "u1", "exp": in_seconds(600)});
    let long = "x".repeat(256);
    let bad = [
        ("no signature", unsigned_jwt(&good)),
        ("another key", jwt(Algorithm::HS256, OTHER_SECRET, &good)),
        (
            "another algorithm",
            jwt(Algorithm::HS384, IDENTITY_SECRET, &good),
        ),
        (
            "expired",
            signed(&json!({"sub": "u1", "exp": in_seconds(-2)})),
        ),
        ("no exp", signed(&json!({"sub": "u1"}))),
        ("no sub", signed(&json!({"exp": in_seconds(600)}))),
        (
            "an empty sub",
            signed(&json!({"sub": "", "exp": in_seconds(600)})),
        ),
        (
            "a long sub",
            signed(&json!({"sub": long, "exp": in_seconds(600)})),
        ),
        (
            "not yet",
            signed(&json!({"sub": "u1", "exp": in_seconds(600), "nbf": in_seconds(60)})),
        ),
        ("no JWT", "nonsense".to_owned()),
        ("cut", signed(&good)[..40].to_owned()),
    ];
    let visitor = Visitor::arrive(&server).await;
    for (what, identity) in bad {
        let response = open(&server.rest(), &identity).await;
        assert_eq!(response.status, 401, "{what}: {}", response.text);
        response.problem(401, "unauthorized");
        open(&visitor.rest, &identity)
            .await
            .problem(401, "unauthorized");
        server
            .rest()
            .bearer(&identity)
            .get("/api/chat/rooms/")
            .await
            .problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn unknown_claims_are_ignored() {
    let server = TestServer::start().await;
    let claims = json!({
        "sub": "u1", "exp": in_seconds(600), "nbf": in_seconds(-1), "iat": in_seconds(-1),
        "aud": "another service", "iss": "shop", "roles": ["x"],
        "name": "Signed Sam", "email": "sam@example.com", "phone": "+49 1",
    });
    let room = open(&server.rest(), &signed(&claims)).await.is(201)["room"].clone();
    assert_eq!(room["user"], "u1");
    assert_eq!(room["customer_name"], "Signed Sam");
    assert_eq!(room["customer_email"], "sam@example.com");
    assert_eq!(room["customer_phone"], "+49 1");
}

#[tokio::test]
async fn signed_details_past_their_limits_are_trimmed_and_never_401() {
    let server = TestServer::start().await;
    let token = signed(&json!({
        "sub": "u1", "exp": in_seconds(600), "name": "ä".repeat(101),
        "email": format!("sam@{}", "x".repeat(300)), "phone": "+49 1\n(home)\u{0}",
    }));
    let opened = open(&server.rest(), &token).await.is(201);
    let room = &opened["room"];
    assert_eq!(room["customer_name"], "ä".repeat(100));
    assert_eq!(room["customer_email"], format!("sam@{}", "x".repeat(250)));
    assert_eq!(room["customer_phone"], "+49 1 (home)");
    let visitor = Visitor::from_response(&server, &opened);
    let by_jwt = server.rest().bearer(&token);
    by_jwt.get(&visitor.path("")).await.is(200);
    let mut socket = Socket::connect(server.addr(), &visitor.socket_path()).await;
    socket.send(json!({"type": "hello", "token": token})).await;
    let welcome = socket.expect("welcome").await;
    assert_eq!(welcome["room"]["customer_phone"], "+49 1 (home)");
    let blank = signed(&json!({"sub": "u2", "exp": in_seconds(600), "name": "\n\n", "email": ""}));
    let room = open(&server.rest(), &blank).await.is(201)["room"].clone();
    assert!(room["customer_name"].is_null() && room["customer_email"].is_null());
}

#[tokio::test]
async fn an_identity_that_asks_for_unknown_extensions_is_refused() {
    let server = TestServer::start().await;
    let claims = json!({"sub": "u1", "exp": in_seconds(600)});
    let mut header = jsonwebtoken::Header::new(Algorithm::HS256);
    header.crit = Some(vec!["https://shop.example/must-ask".to_owned()]);
    let key = jsonwebtoken::EncodingKey::from_secret(IDENTITY_SECRET.as_bytes());
    let token = jsonwebtoken::encode(&header, &claims, &key).expect("it can be signed");
    open(&server.rest(), &token)
        .await
        .problem(401, "unauthorized");
    let list = server.rest().bearer(&token).get("/api/chat/rooms/").await;
    list.problem(401, "unauthorized");
}

/// The program in this language that `docs/protocol.md` gives for a shop's back end.
fn documented(language: &str) -> String {
    let page = include_str!("../../docs/protocol.md");
    let (_, section) = page
        .split_once("\n## The identity token\n")
        .expect("a section");
    let section = section.split("\n## ").next().expect("its text");
    let (_, program) = section
        .split_once(&format!("\n```{language}\n"))
        .unwrap_or_else(|| panic!("an example in {language}"));
    program.split("```").next().expect("its end").to_owned()
}

#[tokio::test]
async fn the_documented_programs_make_valid_identities() {
    let server = TestServer::start().await;
    for (language, interpreter, arguments) in [
        ("python", "python3", &["-"][..]),
        ("js", "node", &["--input-type=module", "-"]),
        ("php", "php", &[]),
        ("ruby", "ruby", &["-"]),
    ] {
        let program = documented(language);
        let started = std::process::Command::new(interpreter)
            .args(arguments)
            .env("SHOPTALK_IDENTITY_SECRET", IDENTITY_SECRET)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn();
        let Ok(mut started) = started else {
            eprintln!("no {interpreter} on this machine, so its example was not tried");
            continue;
        };
        let mut input = started.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut input, program.as_bytes()).expect("it reads");
        drop(input);
        let output = started.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{language}");
        let token = String::from_utf8(output.stdout).expect("text");
        let room = open(&server.rest(), token.trim()).await.success()["room"].clone();
        assert_eq!(room["user"], "4711", "{language}");
        assert_eq!(room["customer_name"], "Zoë Müller", "{language}");
        assert_eq!(room["customer_email"], "zoe@example.com", "{language}");
    }
}

#[tokio::test]
async fn every_configured_secret_is_accepted() {
    let server = TestServer::start_with(|config| {
        config
            .identity
            .secrets
            .push(shoptalk::config::Secret::new(OTHER_SECRET));
    })
    .await;
    let claims = json!({"sub": "u1", "exp": in_seconds(600)});
    open(
        &server.rest(),
        &jwt(Algorithm::HS256, IDENTITY_SECRET, &claims),
    )
    .await
    .is(201);
    open(
        &server.rest(),
        &jwt(Algorithm::HS256, OTHER_SECRET, &claims),
    )
    .await
    .is(200);
}

#[tokio::test]
async fn a_user_finds_the_same_room_on_another_device_with_a_fresh_token() {
    let server = TestServer::start().await;
    let phone = open(&server.rest(), &identity("u1")).await.is(201);
    let laptop = open(&server.rest(), &identity("u1")).await.is(200);
    assert_eq!(phone["room"]["id"], laptop["room"]["id"]);
    assert_ne!(
        phone["token"], laptop["token"],
        "every valid identity brings a fresh token"
    );
    for opened in [&phone, &laptop] {
        let visitor = Visitor::from_response(&server, opened);
        visitor.rest.get(&visitor.path("")).await.is(200);
    }
    let path = format!(
        "/api/chat/rooms/{}/",
        phone["room"]["id"].as_str().expect("an id")
    );
    let by_jwt = server.rest().bearer(&identity("u1"));
    by_jwt.get(&path).await.is(200);
    by_jwt
        .post(
            &format!("{path}messages/"),
            json!({"id": new_id(), "content": "as Bearer too"}),
        )
        .await
        .is(201);
    server
        .rest()
        .bearer(&identity("u2"))
        .get(&path)
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn an_identity_opens_a_socket_that_outlives_it() {
    let server = TestServer::start().await;
    let opened = open(&server.rest(), &identity("u1")).await.is(201);
    let visitor = Visitor::from_response(&server, &opened);
    // An identity that expires soon after the socket has connected.
    let (mut socket, ending) = 'connected: {
        for seconds in [2, 5, 20] {
            let ending = signed(&json!({"sub": "u1", "exp": in_seconds(seconds)}));
            let mut socket = Socket::connect(server.addr(), &visitor.socket_path()).await;
            socket.send(json!({"type": "hello", "token": ending})).await;
            if let Some(welcome) = socket.expect_or_close("welcome").await {
                assert_eq!(welcome["room"]["user"], "u1");
                break 'connected (socket, ending);
            }
        }
        panic!("no identity opens the socket");
    };
    crate::common::eventually("the identity has ended", async || {
        server
            .rest()
            .bearer(&ending)
            .get("/api/chat/rooms/")
            .await
            .status
            == 401
    })
    .await;
    socket.post("still here").await;
}

#[tokio::test]
async fn signing_in_moves_anonymous_rooms_and_ends_their_tokens() {
    let server = TestServer::start().await;
    let anonymous = Visitor::named(&server, "Carla").await;
    anonymous.post("before I signed in").await;
    let opened = open(&anonymous.rest, &identity("u1")).await.is(200);
    assert_eq!(opened["room"]["id"], anonymous.room_id);
    assert_eq!(opened["room"]["user"], "u1");
    anonymous
        .rest
        .get(&anonymous.path(""))
        .await
        .problem(401, "unauthorized");
    let user = Visitor::from_response(&server, &opened);
    assert_eq!(user.messages().await[0]["content"], "before I signed in");
}

#[tokio::test]
async fn session_fixation_is_not_possible() {
    let server = TestServer::start().await;
    let mallory = Visitor::arrive(&server).await;
    mallory.post("planted").await;
    // The victim's page runs with Mallory's token and signs in.
    let victim = open(&mallory.rest, &identity("victim")).await.is(200);
    let victim = Visitor::from_response(&server, &victim);
    victim.post("my secret").await;
    mallory
        .rest
        .get(&mallory.path("messages/"))
        .await
        .problem(401, "unauthorized");
    mallory
        .rest
        .post("/api/chat/rooms/", json!({}))
        .await
        .problem(401, "unauthorized");
}

#[tokio::test]
async fn a_socket_of_an_ended_token_receives_nothing_more() {
    let server = TestServer::start().await;
    let mallory = Visitor::arrive(&server).await;
    let mut spy = mallory.online().await;
    let victim = open(&mallory.rest, &identity("victim")).await.is(200);
    let victim = Visitor::from_response(&server, &victim);
    assert_eq!(spy.closed().await, Some(4500));
    victim.post("my secret").await;
    assert_eq!(spy.count_in_inbox("message"), 0);
}

#[tokio::test]
async fn two_users_never_merge() {
    let server = TestServer::start().await;
    let one = Visitor::from_response(
        &server,
        &open(&server.rest(), &identity("u1")).await.is(201),
    );
    one.post("of the first").await;
    let opened = open(&one.rest, &identity("u2")).await.is(201);
    assert_ne!(opened["room"]["id"], one.room_id);
    assert_eq!(opened["room"]["user"], "u2");
    let two = Visitor::from_response(&server, &opened);
    assert_eq!(
        one.room().await["user"],
        "u1",
        "the first one's token still works"
    );
    two.rest.get(&one.path("")).await.problem(404, "not_found");
    let list = two.rest.get("/api/chat/rooms/").await.is(200);
    assert_eq!(results(&list).len(), 1);
}

#[tokio::test]
async fn a_token_that_has_ended_is_ignored_beside_a_valid_identity() {
    let server = TestServer::start().await;
    let anonymous = Visitor::arrive(&server).await;
    open(&anonymous.rest, &identity("u1")).await.is(200);
    let other = open(&anonymous.rest, &identity("u2")).await.is(201);
    assert_ne!(other["room"]["id"], anonymous.room_id);
    open(&server.rest().bearer("never was one"), &identity("u2"))
        .await
        .is(200);
}

#[tokio::test]
async fn signed_details_are_not_overwritten_by_unsigned_ones() {
    let server = TestServer::start().await;
    let token = signed(&json!({"sub": "u1", "exp": in_seconds(600), "name": "Signed Sam"}));
    let body = json!({"identity": token, "customer_name": "Mallory", "customer_phone": "123"});
    let opened = server.rest().post("/api/chat/rooms/", body).await.is(201);
    assert_eq!(opened["room"]["customer_name"], "Signed Sam");
    assert_eq!(
        opened["room"]["customer_phone"], "123",
        "what is not signed is taken"
    );
    let user = Visitor::from_response(&server, &opened);
    let again = user
        .rest
        .post("/api/chat/rooms/", json!({"customer_name": "Mallory"}))
        .await
        .is(200);
    assert_eq!(again["room"]["customer_name"], "Signed Sam");
}

#[tokio::test]
async fn signing_in_signs_the_details_of_the_anonymous_room() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let anonymous = Visitor::named(&server, "Typed Name").await;
    anonymous.post("hello").await;
    let token = signed(&json!({"sub": "u1", "exp": in_seconds(600), "name": "Signed Sam"}));
    let opened = open(&anonymous.rest, &token).await.is(200);
    assert_eq!(opened["room"]["customer_name"], "Signed Sam");
    let summary = admin.summary(&anonymous.room_id).await;
    assert_eq!(summary["customer_name"], "Signed Sam");
    assert_eq!(summary["user"], "u1");
}

#[tokio::test]
async fn without_secrets_every_identity_is_refused() {
    let server = TestServer::start_with(|config| config.identity.secrets.clear()).await;
    open(&server.rest(), &identity("u1"))
        .await
        .problem(401, "unauthorized");
    let empty_key = jwt(
        Algorithm::HS256,
        "",
        &json!({"sub": "u1", "exp": in_seconds(600)}),
    );
    open(&server.rest(), &empty_key)
        .await
        .problem(401, "unauthorized");
}
