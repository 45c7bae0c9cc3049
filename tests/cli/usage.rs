use crate::process::Place;

#[tokio::test]
async fn help_and_version_work_everywhere() {
    let place = Place::new();
    for command in [
        "",
        "demo",
        "serve",
        "backup",
        "verify",
        "restore",
        "check",
        "agent",
        "agent add",
        "agent list",
        "agent passwd",
        "agent disable",
        "agent enable",
    ] {
        let words: Vec<&str> = command.split_whitespace().collect();
        let help = place.run(&[&words[..], &["--help"]].concat()).await.well();
        assert!(help.contains("Usage: shoptalk"), "{command}: {help}");
        assert!(help.contains(command), "{command}: {help}");
        let version = place
            .run(&[&words[..], &["--version"]].concat())
            .await
            .well();
        let version = version.trim_end();
        assert!(
            version.ends_with(env!("CARGO_PKG_VERSION")),
            "{command}: {version}"
        );
        assert!(version.starts_with("shoptalk"), "{command}: {version}");
    }
    assert!(!place.data_dir().exists(), "nothing was made");
}

#[tokio::test]
async fn bad_usage_is_one_line() {
    let place = Place::new();
    for (line, words) in [
        ("", &["'shoptalk' requires a subcommand"][..]),
        ("agent", &["'shoptalk agent' requires a subcommand"]),
        ("sell", &["sell"]),
        ("agent promote mia", &["promote"]),
        ("serve --port 80", &["--port"]),
        (
            "serve --listen here",
            &["--listen", "here", "127.0.0.1:8001"],
        ),
        ("serve --listen 127.0.0.1:99999", &["--listen"]),
        ("serve --listen", &["--listen"]),
        ("serve now", &["now"]),
        ("check --config", &["--config"]),
        ("check --listen 127.0.0.1:0", &["--listen"]),
        ("agent add", &["NAME"]),
        ("agent add mia --role boss", &["boss", "--role"]),
        ("agent disable", &["NAME"]),
        ("agent add mia", &["--password-stdin"]),
        ("demo --listen 0.0.0.0:0", &["0.0.0.0"]),
        ("demo --listen [::]:0", &["[::]"]),
        ("demo --listen 192.0.2.1:8001", &["192.0.2.1"]),
        ("demo --data-dir elsewhere", &["--data-dir"]),
        ("demo --config some.toml", &["--config"]),
    ] {
        let words_of_line: Vec<&str> = line.split_whitespace().collect();
        place.run(&words_of_line).await.misused(words);
    }
    let left = std::fs::read_dir(place.temporary())
        .expect("a directory")
        .count();
    assert_eq!(left, 0, "a refused demo leaves nothing");
}

#[tokio::test]
async fn a_wrong_configuration_is_one_line_that_names_the_key() {
    const COMMANDS: [&[&str]; 3] = [&["check"], &["serve"], &["agent", "list"]];
    for (variable, value, key) in [
        ("SHOPTALK_SERVER__LISEN", "127.0.0.1:0", "lisen"),
        ("SHOPTALK_SERVICE__LISTEN", "127.0.0.1:0", "service"),
        ("SHOPTALK_SERVER__LISTEN", "here", "server.listen"),
        (
            "SHOPTALK_SERVER__PUBLIC_URL",
            "https://a.example/chat",
            "server.public_url",
        ),
        (
            "SHOPTALK_SERVER__ALLOWED_ORIGINS",
            "*",
            "server.allowed_origins",
        ),
        (
            "SHOPTALK_SERVER__TRUSTED_PROXIES",
            "proxy",
            "server.trusted_proxies",
        ),
        (
            "SHOPTALK_STORAGE__SYNCHRONOUS",
            "off",
            "storage.synchronous",
        ),
        ("SHOPTALK_LIMITS__ENABLED", "perhaps", "limits.enabled"),
        (
            "SHOPTALK_ROOMS__IDLE_TIMEOUT_MS",
            "-1",
            "rooms.idle_timeout_ms",
        ),
        (
            "SHOPTALK_SOCKET__HELLO_TIMEOUT_MS",
            "0",
            "socket.hello_timeout_ms",
        ),
        (
            "SHOPTALK_SOCKET__PING_INTERVAL_MS",
            "soon",
            "socket.ping_interval_ms",
        ),
        ("SHOPTALK_LOG__FORMAT", "xml", "log.format"),
        ("SHOPTALK_LOG__FILTER", "shoptalk=loud", "log.filter"),
    ] {
        let place = Place::new().with(variable, value);
        for command in COMMANDS {
            // A command that logs nothing does not read the filter.
            if key == "log.filter" && command[0] == "agent" {
                continue;
            }
            place.run(command).await.misused(&["configuration: ", key]);
        }
    }
    for (text, key) in [
        ("[server]\nlisen = \"127.0.0.1:0\"\n", "lisen"),
        ("[service]\nlisten = \"127.0.0.1:0\"\n", "service"),
        ("surprise = 1\n", "surprise"),
        ("[storage]\nreaders = 0\n", "storage.readers"),
        ("[limits]\nenabled = \"perhaps\"\n", "limits.enabled"),
        ("[server\n", "settings.toml"),
    ] {
        let place = Place::new();
        place.write("settings.toml", text);
        for command in COMMANDS {
            let args = [command, &["--config", "settings.toml"]].concat();
            place.run(&args).await.misused(&["configuration: ", key]);
        }
    }
    let missing = ["check", "--config", "nowhere.toml"];
    Place::new().run(&missing).await.misused(&["nowhere.toml"]);
}

#[tokio::test]
async fn a_short_secret_is_refused_and_no_refusal_shows_a_secret() {
    let place = Place::new().with("SHOPTALK_IDENTITY__SECRETS", "tooshortone");
    let ended = place.run(&["check"]).await;
    ended.misused(&["identity.secrets", "32"]);
    assert!(!ended.stderr.contains("tooshortone"), "{ended:?}");

    let wrong_types = [
        "[identity]\nsecrets = [\"tooshortone\"]\n",
        "[metrics]\ntoken = [\"tooshortone\"]\n",
        "[identity]\nsecrets = { old = \"tooshortone\" }\n",
    ];
    for text in wrong_types {
        shows_nothing_of(text).await;
    }
    let place = Place::new().with("SHOPTALK_IDENTITY__SECRETS", &"x".repeat(32));
    place.run(&["check"]).await.well();
}

#[tokio::test]
async fn a_file_that_cannot_be_parsed_shows_no_secret() {
    for text in [
        "[identity]\nsecrets = [\"tooshortone\"\n",
        "[identity]\nsecrets = [\"tooshortone]\n",
        "[metrics]\ntoken = \"tooshortone\n",
    ] {
        shows_nothing_of(text).await;
    }
}

/// A file with this text is refused in a line that does not show its secret.
async fn shows_nothing_of(text: &str) {
    let place = Place::new();
    place.write("settings.toml", text);
    let ended = place.run(&["check", "--config", "settings.toml"]).await;
    ended.misused(&["configuration: "]);
    assert!(!ended.stderr.contains("tooshortone"), "{ended:?}");
}

#[tokio::test]
async fn flags_override_the_environment_which_overrides_the_file() {
    let place = Place::new()
        .with("SHOPTALK_STORAGE__DATA_DIR", "of-the-environment")
        .with("SHOPTALK_ROOMS__IDLE_TIMEOUT_MS", "222");
    place.write(
        "settings.toml",
        "[storage]\ndata_dir = \"of-the-file\"\n[rooms]\nidle_timeout_ms = 111\npresence_grace_ms = 333\n",
    );
    let value = |printed: &str, key: &str| {
        let line = printed.lines().find(|line| line.starts_with(key));
        let line = line.unwrap_or_else(|| panic!("{key} in {printed}"));
        line[key.len()..].trim().to_owned()
    };
    let printed = place.run(&["check"]).await.well();
    assert_eq!(value(&printed, "storage.data_dir "), "of-the-environment");
    assert_eq!(
        value(&printed, "rooms.presence_grace_ms "),
        "10000",
        "the default"
    );
    // Both flags are allowed anywhere on the line.
    for line in [
        "--config settings.toml --data-dir of-the-flag check",
        "--config settings.toml check --data-dir of-the-flag",
        "check --data-dir=of-the-flag --config=settings.toml",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let printed = place.run(&words).await.well();
        assert_eq!(
            value(&printed, "storage.data_dir "),
            "of-the-flag",
            "{line}"
        );
        assert_eq!(value(&printed, "rooms.idle_timeout_ms "), "222", "{line}");
        assert_eq!(value(&printed, "rooms.presence_grace_ms "), "333", "{line}");
    }
    for line in [
        "--data-dir of-the-flag agent list",
        "agent --data-dir of-the-flag list",
        "agent list --data-dir of-the-flag --config settings.toml",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Names the directory that it looks into.
        place.run(&words).await.failed(&["of-the-flag"]);
    }
    assert!(!place.path().join("of-the-environment").exists());
}

#[tokio::test]
async fn variables_of_others_are_ignored() {
    let place = Place::new()
        .with("SHOPTALK_HOME", "/nowhere")
        .with("SHOPTALK_LISTEN", "here")
        .with("SHOPTALK_SERVER_LISTEN", "here")
        .with("SERVER__LISTEN", "here");
    let ended = place.run(&["check"]).await;
    // The only one that looks like a mistake.
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(
        ended.stderr.contains("SHOPTALK_SERVER__LISTEN"),
        "{ended:?}"
    );
    let printed = ended.well();
    assert!(printed.contains("127.0.0.1:8001"), "{printed}");
    assert!(!printed.contains("here"), "{printed}");
}

#[tokio::test]
async fn check_prints_every_key_without_secrets() {
    let secrets = format!("{},{}", "s3cret-of-the-shop-".repeat(2), "t".repeat(40));
    let place = Place::new()
        .with("SHOPTALK_IDENTITY__SECRETS", &secrets)
        .with("SHOPTALK_METRICS__TOKEN", "token-of-the-metrics")
        .with("SHOPTALK_CARDS__URL", "https://shop.example/cards")
        .with("SHOPTALK_CARDS__SECRET", &"c4rds".repeat(8))
        .with(
            "SHOPTALK_SERVER__ALLOWED_ORIGINS",
            "https://a.example, https://b.example",
        );
    let ended = place.run(&["check"]).await;
    assert_eq!(ended.stderr, "", "nothing to warn about");
    let printed = ended.well();
    for hidden in ["s3cret", "tttt", "token-of", "c4rds"] {
        assert!(!printed.contains(hidden), "{printed}");
    }
    for (section, keys) in [
        (
            "server",
            "listen public_url allowed_origins trusted_proxies",
        ),
        ("storage", "data_dir synchronous"),
        ("identity", "secrets"),
        ("cards", "url secret allow_private"),
        ("metrics", "token"),
        ("limits", "enabled"),
        ("rooms", "idle_timeout_ms"),
        ("socket", "hello_timeout_ms ping_interval_ms"),
    ] {
        for key in keys.split(' ') {
            let key = format!("{section}.{key} ");
            assert!(
                printed.lines().any(|line| line.starts_with(&key)),
                "{key}: {printed}"
            );
        }
    }
    assert!(
        printed.contains("https://a.example, https://b.example"),
        "{printed}"
    );
    assert!(!place.data_dir().exists(), "it only looks");
}

#[tokio::test]
async fn listening_beyond_this_machine_without_public_url_is_warned_about() {
    let open = || Place::new().with("SHOPTALK_SERVER__LISTEN", "0.0.0.0:0");
    let ended = open().run(&["check"]).await;
    assert!(ended.stderr.contains("public_url"), "{ended:?}");
    ended.well();
    let ended = open()
        .with("SHOPTALK_SERVER__PUBLIC_URL", "https://chat.example")
        .run(&["check"])
        .await;
    assert_eq!(ended.stderr, "");
    ended.well();

    let place = open();
    let mut running = place.start(&["serve"]).await;
    running.line("public_url").await;
    running.stop().await;
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "there is no /dev/full")]
async fn output_that_cannot_be_written_is_a_runtime_failure() {
    let place = Place::new();
    place.add("mia", crate::common::PASSWORD, &[]).await.well();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    for command in [&["check"][..], &["agent", "list"], &serve] {
        place.run_into_full(command).await.failed(&["No space"]);
    }
}
