use crate::common::Authority;
use crate::process::Place;

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
