//! The settings of the shop, and what visitors hear of its hours.

use crate::common::{DEADLINE, TestServer, Value, Visitor, json, keys, left_out_on_several_nodes};

const PATH: &str = "/api/admin/settings/";

#[tokio::test]
async fn settings_begin_with_their_defaults_and_change_by_a_merge_patch() {
    let server = TestServer::start().await;
    let rest = &server.admin().await.rest;
    let settings = rest.get(PATH).await.is(200);
    assert_eq!(
        settings,
        json!({
            "version": 0,
            "shop": {"name": "", "time_zone": "UTC", "hours": [], "exceptions": [],
                "closed_until": null},
            "widget": {"texts": {}, "accent": "", "side": "right",
                "prechat": {"name": "optional", "email": "optional", "phone": "optional"}},
            "alerts": {"escalate_ms": 180_000, "mail_ms": 600_000},
            "mail": {"after_ms": 600_000},
            "fixed": [],
        })
    );
    let hours = json!([{"day": "mon", "from": "22:00", "to": "02:00"}]);
    let patch = json!({
        "version": 0,
        "shop": {"name": "Corner", "time_zone": "Europe/Berlin", "hours": hours},
        "widget": {"texts": {"de": {"title": "Fragen?"}}},
    });
    let changed = rest.patch(PATH, patch).await.is(200);
    assert_eq!(changed["version"], 1);
    assert_eq!(changed["shop"]["hours"], hours);
    assert_eq!(
        changed["widget"]["texts"],
        json!({"de": {"title": "Fragen?", "greeting": "", "away_text": ""}})
    );
    assert_eq!(rest.get(PATH).await.is(200), changed);
    // What was got can be sent back, and changes nothing.
    assert_eq!(rest.patch(PATH, changed.clone()).await.is(200), changed);
    let patch = json!({"version": 1, "shop": {"name": null}, "widget": {"texts": {"de": null}}});
    let changed = rest.patch(PATH, patch).await.is(200);
    assert_eq!(changed["version"], 2);
    assert_eq!(changed["shop"]["name"], "");
    assert_eq!(changed["shop"]["hours"], hours);
    assert_eq!(changed["widget"]["texts"], json!({}));
}

#[tokio::test]
async fn a_change_of_another_version_is_a_conflict_and_changes_nothing() {
    let server = TestServer::start().await;
    let rest = &server.admin().await.rest;
    let rename = |version: u64, name: &str| {
        rest.patch(PATH, json!({"version": version, "shop": {"name": name}}))
    };
    rename(0, "first").await.is(200);
    for version in [0, 2] {
        let refused = rename(version, "lost").await;
        refused.problem(409, "conflict");
    }
    let settings = rest.get(PATH).await.is(200);
    assert_eq!(
        (&settings["version"], &settings["shop"]["name"]),
        (&json!(1), &json!("first"))
    );
    rest.patch(PATH, json!({"shop": {"name": "lost"}}))
        .await
        .invalid("version");
}

#[tokio::test]
async fn fields_that_cannot_be_used_are_named_and_settings_have_a_size() {
    let server = TestServer::start().await;
    let rest = &server.admin().await.rest;
    let refused = async |patch: Value| {
        let mut patch = patch;
        patch["version"] = json!(0);
        rest.patch(PATH, patch).await
    };
    let hours = json!([{"day": "someday", "from": "09:00", "to": "17:00"}]);
    for (patch, field) in [
        (
            json!({"shop": {"time_zone": "Mars/Olympus"}}),
            "shop.time_zone",
        ),
        (json!({"shop": {"hours": hours}}), "shop.hours[0].day"),
        (json!({"widget": {"accent": "red"}}), "widget.accent"),
        (
            json!({"widget": {"texts": {"tlh": {}}}}),
            "widget.texts.tlh",
        ),
        (json!({"mail": {"after_ms": 1}}), "mail.after_ms"),
        (json!({"mailbox": 1}), "mailbox"),
    ] {
        refused(patch).await.invalid(field);
    }
    let long = "a".repeat(8_192);
    refused(json!({"shop": {"name": long}}))
        .await
        .problem(413, "too_large");
    assert_eq!(rest.get(PATH).await.is(200)["version"], 0);
}

#[tokio::test]
async fn a_key_of_the_configuration_wins_and_is_shown_as_fixed() {
    let server = TestServer::start_with(|config| config.mail.after_ms = Some(5_000)).await;
    let rest = &server.admin().await.rest;
    let settings = rest.get(PATH).await.is(200);
    assert_eq!(settings["mail"]["after_ms"], 5_000);
    assert_eq!(settings["fixed"], json!(["mail.after_ms"]));
    let patch = json!({"version": 0, "mail": {"after_ms": 9_000}, "shop": {"name": "A"}});
    let changed = rest.patch(PATH, patch).await.is(200);
    assert_eq!(changed["mail"]["after_ms"], 5_000);
    assert_eq!(changed["shop"]["name"], "A");
}

#[tokio::test]
async fn settings_outlive_a_restart_and_each_change_is_in_the_audit() {
    let mut server = TestServer::start().await;
    let admin = server.admin().await.id.clone();
    let patch = json!({"version": 0, "shop": {"name": "Corner"}, "alerts": {"mail_ms": 60_000}});
    let changed = server.admin().await.rest.patch(PATH, patch).await.is(200);
    server.restart().await;
    let rest = &server.admin().await.rest;
    assert_eq!(rest.get(PATH).await.is(200), changed);
    let rows = server.rows(
        "SELECT action, actor, subject FROM audit WHERE action = 'settings_changed' ORDER BY pk",
    );
    assert_eq!(
        rows,
        [[
            "settings_changed",
            admin.as_str(),
            "alerts.mail_ms shop.name"
        ]]
    );
}

#[tokio::test]
async fn visitors_hear_whether_the_shop_is_open_and_when_it_opens() {
    if left_out_on_several_nodes("other nodes know the settings a moment later") {
        return;
    }
    let server = TestServer::start().await;
    let rest = &server.admin().await.rest;
    let opened = server.rest().post("/api/chat/rooms/", json!({})).await;
    let opened = opened.is(201);
    assert_eq!(keys(&opened), ["back_at", "epoch", "open", "room", "token"]);
    assert_eq!(
        (&opened["open"], &opened["back_at"]),
        (&json!(true), &Value::Null)
    );
    let close = |version: u64, until: Value| {
        let shop = json!({"closed_until": until});
        rest.patch(PATH, json!({"version": version, "shop": shop}))
    };
    let visitor = Visitor::from_response(&server, &opened);
    for (version, until) in ["2999-01-01T09:00:00.000Z", "9999-12-31T23:59:59.999Z"]
        .into_iter()
        .enumerate()
    {
        close(version as u64, json!(until)).await.is(200);
        let (_socket, welcome) = visitor.connect().await;
        assert_eq!(
            (&welcome["open"], &welcome["back_at"]),
            (&json!(false), &json!(until)),
            "however far ahead it is"
        );
    }
    let soon = std::time::SystemTime::now() + 10 * DEADLINE;
    let soon = soon
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let soon = shoptalk::chat::Timestamp(soon.as_millis() as i64).to_string();
    close(2, json!(soon)).await.is(200);
    let (_socket, welcome) = visitor.connect().await;
    assert_eq!(
        (&welcome["open"], &welcome["back_at"]),
        (&json!(false), &json!(soon))
    );
    let again = visitor.rest.post("/api/chat/rooms/", json!({})).await;
    let again = again.is(200);
    assert_eq!(
        (&again["open"], &again["back_at"]),
        (&json!(false), &json!(soon))
    );
    close(3, Value::Null).await.is(200);
    let (_socket, welcome) = visitor.connect().await;
    assert_eq!(welcome["open"], true);
}

#[tokio::test]
async fn an_open_socket_is_shown_when_the_shop_closes_and_opens() {
    let server = TestServer::start().await;
    let rest = &server.admin().await.rest;
    let mut socket = Visitor::arrive(&server).await.online().await;
    let until = std::time::SystemTime::now() + 10 * DEADLINE;
    let until = until.duration_since(std::time::UNIX_EPOCH);
    let until = shoptalk::chat::Timestamp(until.expect("after 1970").as_millis() as i64);
    let until = json!(until.to_string());
    for (version, until, open) in [(0, until, false), (1, Value::Null, true)] {
        let shop = json!({"closed_until": until});
        let change = rest.patch(PATH, json!({"version": version, "shop": shop}));
        change.await.is(200);
        let shown = socket
            .expect_where("the change", |frame| {
                frame["type"] == "presence" && frame["open"] == open
            })
            .await;
        assert_eq!(shown["back_at"], until);
        assert_eq!(shown["agents_online"], false);
    }
}

#[cfg(feature = "front-ends")]
#[tokio::test]
async fn the_widget_carries_what_admins_have_set() {
    use crate::common::Response;
    use reqwest::Method;

    if left_out_on_several_nodes("other nodes know the settings a moment later") {
        return;
    }
    let server = TestServer::start().await;
    let rest = &server.admin().await.rest;
    let widget = async |headers: &[(&str, &str)]| {
        let mut request = server.rest().request(Method::GET, "/widget.js");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Response::to(request).await
    };
    let brotli = [("accept-encoding", "gzip, br")];
    let before = widget(&brotli).await;
    assert_eq!(before.header("content-encoding"), "br");
    let texts = json!({"de": {"title": "Fragen?", "away_text": "Bis morgen </script>"}});
    let look = json!({"texts": texts, "accent": "#0a7", "prechat": {"phone": "hidden"}});
    rest.patch(PATH, json!({"version": 0, "widget": look}))
        .await
        .is(200);
    let plain = widget(&[]).await;
    let argument = plain.text.rsplit_once("})(").expect("an argument").1;
    let argument = argument.trim_end().trim_end_matches(");");
    assert_eq!(
        serde_json::from_str::<Value>(argument).expect("JSON"),
        json!({
            "accent": "#0a7", "fields": "name email",
            "de": {"title": "Fragen?", "awayText": "Bis morgen </script>"},
        })
    );
    let after = widget(&brotli).await;
    assert_eq!(after.header("content-encoding"), "br");
    assert_eq!(after.header("cache-control"), "no-cache");
    assert_ne!(after.header("etag"), before.header("etag"));
    let etag = after.header("etag").to_owned();
    let again = widget(&[("accept-encoding", "br"), ("if-none-match", &etag)]).await;
    assert_eq!(again.status, 304);
    // Settings that the widget has by itself are its file of before.
    let look = json!({"texts": null, "accent": null, "prechat": null});
    rest.patch(PATH, json!({"version": 1, "widget": look}))
        .await
        .is(200);
    let unset = widget(&brotli).await;
    assert_eq!(unset.header("etag"), before.header("etag"));
}
