//! `shoptalk health`, as a container's check calls it.

use super::process::Place;
use crate::common::Authority;

#[tokio::test]
async fn a_ready_server_is_healthy_and_a_stopped_one_is_not() {
    let place = Place::new();
    let running = place.serve().await;
    let url = format!("http://{}", running.addr);
    assert_eq!(place.run(&["health", &url]).await.well(), "ready\n");
    // The same by the configuration, as in a container.
    let configured = Place::new().with("SHOPTALK_SERVER__LISTEN", &running.addr.to_string());
    assert_eq!(configured.run(&["health"]).await.well(), "ready\n");
    running.stop().await;
    let ended = place.run(&["health", &url]).await;
    ended.failed(&["cannot connect"]);
    assert_eq!(ended.stdout, "");
}

/// Its certificate is for another name, and has expired: that is no reason to restart it.
#[tokio::test]
async fn the_own_server_is_asked_through_its_tls() {
    let authority = Authority::new();
    let place = Place::new()
        .with("SHOPTALK_SERVER__TLS_CERT", "cert.pem")
        .with("SHOPTALK_SERVER__TLS_KEY", "key.pem");
    authority
        .issue(&["chat.example.com"], -1)
        .write(place.path());
    let running = place.serve().await;
    let addr = running.addr.to_string();
    let config =
        format!("[server]\nlisten = \"{addr}\"\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n");
    place.write("shoptalk.toml", &config);
    let asked = place.run(&["health", "--config", "shoptalk.toml"]).await;
    assert_eq!(asked.well(), "ready\n");
    // From outside, the certificate counts.
    let asked = place.run(&["health", &format!("https://{addr}")]).await;
    asked.failed(&["TLS", "failed"]);
    running.stop().await;
}

#[tokio::test]
async fn the_response_of_another_server_is_shown() {
    let place = Place::new();
    let running = place.serve().await;
    let url = format!("http://{}/api/nothing", running.addr);
    place
        .run(&["health", &url])
        .await
        .failed(&["responded 404"]);
    running.stop().await;
    for url in ["chat.example.com", "ftp://chat.example.com"] {
        let words = ["is not the URL of a server"];
        place.run(&["health", url]).await.misused(&words);
    }
    let free_port = place.with("SHOPTALK_SERVER__LISTEN", "127.0.0.1:0");
    free_port.run(&["health"]).await.misused(&["port 0"]);
}
