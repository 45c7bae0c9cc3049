//! Agents: signing in and out, the first admin, and who may manage whom.

use reqwest::Method;

use crate::common::{
    Agent, PASSWORD, Response, TestServer, Visitor, eventually, json, keys, results,
};

const AGENT_FIELDS: [&str; 7] = [
    "created_at",
    "disabled",
    "display_name",
    "id",
    "on_duty",
    "role",
    "username",
];

#[tokio::test]
async fn there_is_no_default_credential_and_the_setup_link_works_once() {
    let server = TestServer::start().await;
    for (username, password) in [("admin", "admin123"), ("admin", "admin"), ("", "")] {
        server
            .rest()
            .post(
                "/api/admin/login/",
                json!({"username": username, "password": password}),
            )
            .await
            .problem(401, "bad_credentials");
    }
    let setup = async |code: &str, username: &str| {
        server
            .rest()
            .post(
                "/api/admin/setup/",
                json!({"code": code, "username": username, "password": PASSWORD}),
            )
            .await
    };
    let code = server.setup_code().expect("a setup link").to_owned();
    let wrong = setup("a wrong code", "eve").await;
    wrong.problem(410, "gone");
    let made = setup(&code, "ada").await;
    assert!(made.header("set-cookie").contains("HttpOnly"));
    let made = made.is(201);
    assert_eq!(keys(&made["agent"]), AGENT_FIELDS);
    assert_eq!(made["agent"]["role"], "admin");
    assert_eq!(made["agent"]["username"], "ada");
    setup(&code, "eve").await.problem(410, "gone");
    setup("a wrong code", "eve").await.problem(410, "gone");
}

#[tokio::test]
async fn a_race_for_the_setup_link_has_one_winner() {
    let server = TestServer::start().await;
    let code = server.setup_code().expect("a setup link");
    let racers = (0..8).map(|number| {
        let rest = server.rest();
        let body =
            json!({"code": code, "username": format!("racer{number}"), "password": PASSWORD});
        async move { rest.post("/api/admin/setup/", body).await.status }
    });
    let mut statuses = futures_util::future::join_all(racers).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 410, 410, 410, 410, 410, 410, 410]);
}

#[tokio::test]
async fn a_setup_that_breaks_a_rule_leaves_the_link_valid() {
    let server = TestServer::start().await;
    let code = server.setup_code().expect("a setup link").to_owned();
    // The console finds out in this way whether the link is valid before anybody fills in the form.
    let rest = server.rest();
    let nothing = |code: &str| json!({"code": code, "username": "", "password": ""});
    rest.post("/api/admin/setup/", nothing(&code))
        .await
        .invalid("password");
    rest.post("/api/admin/setup/", nothing("a wrong code"))
        .await
        .problem(410, "gone");
    for password in ["short", &"x".repeat(1_025)] {
        server
            .rest()
            .post(
                "/api/admin/setup/",
                json!({"code": code, "username": "ada", "password": password}),
            )
            .await
            .invalid("password");
    }
    server.admin().await;
}

#[tokio::test]
async fn the_setup_link_is_new_at_each_start_and_gone_once_there_is_an_agent() {
    let mut server = TestServer::start().await;
    let first = server.setup_code().expect("a link").to_owned();
    server.restart().await;
    assert_ne!(server.setup_code().expect("a link"), first);
    server.admin().await;
    server.restart().await;
    assert_eq!(server.setup_code(), None);
}

#[tokio::test]
async fn signing_in_gives_a_token_and_a_strict_cookie() {
    let server = TestServer::start().await;
    server.admin().await;
    let login = server
        .rest()
        .post(
            "/api/admin/login/",
            json!({"username": "ada", "password": PASSWORD}),
        )
        .await;
    let session = login.is(200);
    assert_eq!(keys(&session["agent"]), AGENT_FIELDS);
    let cookie = login.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(attribute), "{attribute} in {cookie}");
    }
    assert!(
        !cookie.contains("Secure"),
        "plain http keeps no secure cookie: {cookie}"
    );
    let me = Agent::signed_in(&server, &session)
        .rest
        .get("/api/admin/me/")
        .await
        .is(200);
    assert_eq!(me["agent"]["username"], "ada");
    assert_eq!(me["agent"]["display_name"], "Ada Admin");
}

#[tokio::test]
async fn under_https_the_cookie_is_bound_to_the_host() {
    let server = TestServer::start_with(|config| {
        config.server.public_url = Some("https://chat.example.com".parse().expect("a URL"));
    })
    .await;
    server.admin().await;
    let login = server
        .rest()
        .post(
            "/api/admin/login/",
            json!({"username": "ada", "password": PASSWORD}),
        )
        .await;
    let cookie = login.header("set-cookie");
    assert!(cookie.starts_with("__Host-"), "{cookie}");
    assert!(
        cookie.contains("Secure") && cookie.contains("Path=/"),
        "{cookie}"
    );
    assert!(!cookie.to_lowercase().contains("domain="), "{cookie}");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_get_equal_responses() {
    let server = TestServer::start().await;
    server.admin().await;
    let login = async |username: &str| {
        server
            .rest()
            .post(
                "/api/admin/login/",
                json!({"username": username, "password": "not the password"}),
            )
            .await
            .problem(401, "bad_credentials")
    };
    assert_eq!(login("ada").await, login("nobody").await);
}

#[tokio::test]
async fn the_admin_api_requires_an_agent_session() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    for rest in [
        server.rest(),
        server.rest().bearer("nonsense"),
        visitor.rest.clone(),
    ] {
        for path in ["/api/admin/me/", "/api/admin/rooms/", "/api/admin/agents/"] {
            rest.get(path).await.problem(401, "unauthorized");
        }
    }
}

#[tokio::test]
async fn the_cookie_is_accepted_from_the_own_origin_only() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let login = server
        .rest()
        .post(
            "/api/admin/login/",
            json!({"username": "ada", "password": PASSWORD}),
        )
        .await;
    let cookie = login
        .header("set-cookie")
        .split(';')
        .next()
        .expect("name and value")
        .to_owned();
    let patch = |origin: Option<&str>| {
        let mut request = server
            .rest()
            .request(Method::PATCH, "/api/admin/me/")
            .header("cookie", &cookie)
            .json(&json!({"display_name": "By Cookie"}));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        Response::to(request)
    };
    let get = server
        .rest()
        .request(Method::GET, "/api/admin/me/")
        .header("cookie", &cookie);
    assert_eq!(Response::to(get).await.is(200)["agent"]["id"], admin.id);
    patch(None).await.problem(403, "forbidden");
    patch(Some("https://evil.example"))
        .await
        .problem(403, "forbidden");
    patch(Some("null")).await.problem(403, "forbidden");
    let changed = patch(Some(&server.own_origin())).await.is(200);
    assert_eq!(changed["agent"]["display_name"], "By Cookie");
}

#[tokio::test]
async fn an_agent_changes_name_and_password() {
    let server = TestServer::start().await;
    let bob = server.agent("bob", "agent").await;
    let other_session = Agent::signed_in(&server, &server.sign_in("bob", PASSWORD).await);
    let me = async |body| bob.rest.patch("/api/admin/me/", body).await;
    assert_eq!(
        me(json!({"display_name": "Robert"})).await.is(200)["agent"]["display_name"],
        "Robert"
    );
    me(json!({"password": "another password", "current_password": "wrong one"}))
        .await
        .problem(403, "forbidden");
    me(json!({"password": "another password"}))
        .await
        .invalid("current_password");
    me(json!({"password": "short", "current_password": PASSWORD}))
        .await
        .invalid("password");
    me(json!({"password": "another password", "current_password": PASSWORD}))
        .await
        .is(200);
    eventually("the other session has ended", async || {
        other_session.rest.get("/api/admin/me/").await.status == 401
    })
    .await;
    server.sign_in("bob", "another password").await;
    server
        .rest()
        .post(
            "/api/admin/login/",
            json!({"username": "bob", "password": PASSWORD}),
        )
        .await
        .problem(401, "bad_credentials");
}

#[tokio::test]
async fn signing_out_ends_one_session_or_all() {
    let server = TestServer::start().await;
    let first = server.agent("bob", "agent").await;
    let again = async || Agent::signed_in(&server, &server.sign_in("bob", PASSWORD).await);
    let (second, third) = (again().await, again().await);
    let mut first_socket = first.online().await;
    let mut second_socket = second.online().await;

    let gone = first.rest.post("/api/admin/logout/", json!({})).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    first
        .rest
        .get("/api/admin/me/")
        .await
        .problem(401, "unauthorized");
    assert_eq!(first_socket.closed().await, Some(4500));
    second.rest.get("/api/admin/me/").await.is(200);

    second
        .rest
        .post("/api/admin/logout/", json!({"everywhere": true}))
        .await
        .is(204);
    for session in [&second, &third] {
        session
            .rest
            .get("/api/admin/me/")
            .await
            .problem(401, "unauthorized");
    }
    assert_eq!(second_socket.closed().await, Some(4500));
}

#[tokio::test]
async fn only_admins_manage_agents() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let bob_path = format!("/api/admin/agents/{}/", bob.id);

    let list = admin.rest.get("/api/admin/agents/").await.is(200);
    let mut names: Vec<_> = results(&list)
        .iter()
        .map(|agent| {
            assert_eq!(keys(agent), AGENT_FIELDS);
            agent["username"].as_str().expect("a name").to_owned()
        })
        .collect();
    names.sort();
    assert_eq!(names, ["ada", "bob"]);

    let carol = json!({"username": "carol", "password": PASSWORD});
    bob.rest
        .get("/api/admin/agents/")
        .await
        .problem(403, "forbidden");
    bob.rest
        .post("/api/admin/agents/", carol.clone())
        .await
        .problem(403, "forbidden");
    bob.rest
        .patch(&bob_path, json!({"role": "admin"}))
        .await
        .problem(403, "forbidden");

    let made = admin.rest.post("/api/admin/agents/", carol).await.success();
    assert_eq!(
        made["agent"]["role"], "agent",
        "nobody is an admin by accident"
    );
    for taken in ["carol", "CAROL"] {
        let body = json!({"username": taken, "password": PASSWORD});
        admin
            .rest
            .post("/api/admin/agents/", body)
            .await
            .problem(409, "conflict");
    }
    let body = json!({"username": "dan", "password": "short"});
    admin
        .rest
        .post("/api/admin/agents/", body)
        .await
        .invalid("password");
    let body = json!({"username": "dan", "password": PASSWORD, "role": "king"});
    admin
        .rest
        .post("/api/admin/agents/", body)
        .await
        .problem(400, "invalid");

    let unknown = format!("/api/admin/agents/{}/", uuid::Uuid::now_v7());
    admin
        .rest
        .patch(&unknown, json!({"display_name": "X"}))
        .await
        .problem(404, "not_found");
    let changed = admin
        .rest
        .patch(&bob_path, json!({"role": "admin"}))
        .await
        .is(200);
    assert_eq!(changed["agent"]["role"], "admin");
    eventually("bob is an admin now", async || {
        bob.rest.get("/api/admin/agents/").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn the_last_admin_cannot_be_removed() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let own_path = format!("/api/admin/agents/{}/", admin.id);
    for patch in [json!({"role": "agent"}), json!({"disabled": true})] {
        admin
            .rest
            .patch(&own_path, patch)
            .await
            .problem(409, "conflict");
    }
    let eve = server.agent("eve", "admin").await;
    let eve_path = format!("/api/admin/agents/{}/", eve.id);
    admin
        .rest
        .patch(&eve_path, json!({"disabled": true}))
        .await
        .is(200);
    admin
        .rest
        .patch(&own_path, json!({"role": "agent"}))
        .await
        .problem(409, "conflict");
    admin
        .rest
        .patch(&eve_path, json!({"disabled": false}))
        .await
        .is(200);
    admin
        .rest
        .patch(&own_path, json!({"role": "agent"}))
        .await
        .is(200);
}

#[tokio::test]
async fn a_disabled_agent_is_signed_out_and_cannot_sign_in() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let mut socket = bob.online().await;
    let path = format!("/api/admin/agents/{}/", bob.id);
    let disabled = admin
        .rest
        .patch(&path, json!({"disabled": true}))
        .await
        .is(200);
    assert_eq!(disabled["agent"]["disabled"], true);
    assert_eq!(socket.closed().await, Some(4505));
    bob.rest
        .get("/api/admin/me/")
        .await
        .problem(401, "unauthorized");
    server
        .rest()
        .post(
            "/api/admin/login/",
            json!({"username": "bob", "password": PASSWORD}),
        )
        .await
        .problem(401, "bad_credentials");
}

#[tokio::test]
async fn a_changed_password_ends_the_sessions_and_sockets() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let mut socket = bob.online().await;
    let path = format!("/api/admin/agents/{}/", bob.id);
    admin
        .rest
        .patch(&path, json!({"password": "chosen by the admin"}))
        .await
        .is(200);
    assert_eq!(socket.closed().await, Some(4500));
    bob.rest
        .get("/api/admin/me/")
        .await
        .problem(401, "unauthorized");
    server.sign_in("bob", "chosen by the admin").await;
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_no_secret_is_stored() {
    let mut server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let token = server.admin().await.token.clone();
    server.restart().await;
    server
        .rest()
        .bearer(&token)
        .get("/api/admin/me/")
        .await
        .is(200);
    server.stop().await;
    let stored = server.everything_stored();
    assert!(!stored.is_empty(), "the data was found");
    for (place, bytes) in stored {
        for secret in [token.as_str(), visitor.token.as_str(), PASSWORD] {
            // A dump has binary columns in hexadecimal.
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            for form in [secret, &hex] {
                let found = bytes
                    .windows(form.len())
                    .any(|window| window == form.as_bytes());
                assert!(!found, "a secret in {place}");
            }
        }
    }
}
