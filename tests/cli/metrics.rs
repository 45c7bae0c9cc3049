//! What monitoring is given: alert rules and a dashboard.

use std::cell::RefCell;
use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use shoptalk_local_servers::{Nats, Postgres, unless_missing};

use super::process::Place;
use crate::common::{Authority, RawSocket, Response, eventually, json, new_id};

const ALERTS: [&str; 3] = [
    include_str!("../../deploy/alerts.yml"),
    include_str!("../../deploy/alerts-backup.yml"),
    include_str!("../../deploy/alerts-nodes.yml"),
];
const DASHBOARD: &str = include_str!("../../deploy/grafana-dashboard.json");
/// What only a node has that shares its database.
const OF_NODES: [&str; 4] = [
    "shoptalk_store_",
    "shoptalk_node",
    "shoptalk_bus_",
    "shoptalk_notices_",
];
const NAME: &str = "chat.example.com";

/// An alert on a metric that does not exist never fires, and a panel stays empty.
#[tokio::test]
async fn every_metric_of_the_alert_rules_and_of_the_dashboard_is_exported() {
    let node = node().await;
    let has_node = node.is_some();
    let text = [
        plain_server().await,
        tls_server().await,
        node.unwrap_or_default(),
    ]
    .concat();
    let exported: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    for text in ALERTS.iter().chain([&DASHBOARD]) {
        let names: BTreeSet<&str> = words(text)
            .filter(|word| word.starts_with("shoptalk_"))
            .map(|name| histogram(name).unwrap_or(name))
            .collect();
        assert!(!names.is_empty(), "metrics are named");
        for name in names {
            if !has_node && OF_NODES.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            assert!(exported.contains(&name), "{name} is not in {exported:?}");
        }
    }
    for label in legend_labels() {
        // Prometheus adds the instance.
        let exported = label == "instance" || text.contains(&format!("{label}=\""));
        assert!(exported, "no metric has a label {label}");
    }
}

/// The themes that an operator looks for, each with panels.
#[test]
fn the_dashboard_has_a_row_for_each_theme() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut rows = Vec::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64()), "one id each: {panel}");
        let title = panel["title"].as_str().expect("a title");
        if panel["type"] == "row" {
            rows.push(title);
            continue;
        }
        for target in panel["targets"].as_array().expect("targets") {
            let expr = target["expr"].as_str().expect("an expression");
            assert!(expr.contains("shoptalk_"), "{title}: {expr}");
        }
    }
    let themes = [
        "Connections",
        "Messages",
        "Latency",
        "Storage",
        "Backups",
        "TLS",
        "Nodes",
    ];
    assert_eq!(rows, themes);
}

/// The metrics of a server on which everything that is counted by a label has happened.
async fn plain_server() -> String {
    let place = Place::new().with("SHOPTALK_LIMITS__CONNECTIONS_PER_ADDRESS", "4");
    let running = place.serve().await;
    let rest = running.rest();
    let nobody = json!({"username": "eve", "password": "wrong password"});
    rest.post("/api/admin/login/", nobody).await.is(401);
    let opened = rest.post("/api/chat/rooms/", json!({})).await.is(201);
    let id = opened["room"]["id"].as_str().expect("an id");
    let visitor = rest.bearer(opened["token"].as_str().expect("a token"));
    let path = format!("/api/chat/rooms/{id}/messages/");
    let empty = json!({"id": new_id(), "content": ""});
    visitor.post(&path, empty).await.is(400);
    let mut connections = Vec::new();
    for _ in 0..6 {
        connections.push(RawSocket::connect(running.addr).await);
    }
    let mut refused = connections.pop().expect("the last one");
    refused.read_to_end().await;
    drop(connections);
    let text = RefCell::new(String::new());
    eventually("the refused connection is counted", async || {
        // Until those above are closed, this one is refused, too.
        if let Ok(response) = Response::try_to(rest.request(Method::GET, "/metrics")).await {
            text.replace(response.text);
        }
        text.borrow()
            .contains("shoptalk_connections_refused_total{")
    })
    .await;
    running.stop().await;
    text.into_inner()
}

/// The metrics of a node, unless PostgreSQL or NATS is not installed.
async fn node() -> Option<String> {
    let database = Postgres::shared()?.create_database().expect("a database");
    let bus = unless_missing(Nats::start())?;
    let place = Place::new()
        .with("SHOPTALK_STORAGE__URL", &database.url())
        .with("SHOPTALK_CLUSTER__NATS_URL", &bus.url());
    let running = place.serve().await;
    let rest = running.rest();
    eventually("the bus is connected", async || {
        rest.metric("shoptalk_bus_up").await > 0.5
    })
    .await;
    let text = rest.get("/metrics").await.text;
    running.stop().await;
    Some(text)
}

async fn tls_server() -> String {
    let authority = Authority::new();
    let place = Place::new()
        .with("SHOPTALK_SERVER__TLS_CERT", "cert.pem")
        .with("SHOPTALK_SERVER__TLS_KEY", "key.pem");
    authority.issue(&[NAME], 90).write(place.path());
    let running = place.serve().await;
    let mut plain = RawSocket::connect(running.addr).await;
    plain.send(b"GET / HTTP/1.1\r\n\r\n").await;
    plain.read_to_end().await;
    let client = authority.client(&[]);
    let text = RefCell::new(String::new());
    eventually("the handshake is counted", async || {
        text.replace(client.get(running.addr, NAME, "/metrics").await);
        text.borrow()
            .contains("shoptalk_tls_handshakes_failed_total{")
    })
    .await;
    running.stop().await;
    text.into_inner()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

/// The histogram that a series belongs to.
fn histogram(series: &str) -> Option<&str> {
    ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|suffix| series.strip_suffix(suffix))
}

/// The labels in the panels' legends, such as `{{side}}`.
fn legend_labels() -> BTreeSet<&'static str> {
    DASHBOARD
        .split("{{")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("}}")?.0))
        .collect()
}
