use super::*;
use crate::config::{Secret, TlsConfig};

fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(None, variables, Overrides::default())
}

fn error(variables: &[(&str, &str)]) -> String {
    load(variables).expect_err("it is refused").to_string()
}

#[test]
fn the_environment_overrides_the_file_and_flags_override_both() {
    let file = tempfile::NamedTempFile::with_suffix(".conf").expect("a file");
    std::fs::write(
        file.path(),
        "[server]\nlisten = \"127.0.0.1:1\"\n[storage]\nreaders = 7\n",
    )
    .expect("written");
    let variables = [(
        "SHOPTALK_SERVER__LISTEN".to_owned(),
        "127.0.0.1:2".to_owned(),
    )];
    let config =
        Config::load(Some(file.path()), variables.clone(), Overrides::default()).expect("valid");
    assert_eq!(
        (config.server.listen.port(), config.storage.readers),
        (2, 7)
    );
    let flags = Overrides {
        listen: Some("127.0.0.1:3".parse().expect("an address")),
        data_dir: None,
    };
    let config = Config::load(Some(file.path()), variables, flags).expect("valid");
    assert_eq!(config.server.listen.port(), 3);
}

/// A shell passes `<(…)` as a pipe, which can be read once.
#[test]
fn a_file_may_be_a_pipe_and_may_begin_with_a_byte_order_mark() {
    use std::io::Write;
    use std::os::fd::AsRawFd;

    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let text = b"\xef\xbb\xbf[storage]\nreaders = 7\n";
    writer.write_all(text).expect("it fits into the pipe");
    drop(writer);
    let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
    let config = Config::load(Some(Path::new(&path)), [], Overrides::default()).expect("valid");
    assert_eq!(config.storage.readers, 7);
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, reason) in [("", "directory"), ("missing", "No such file")] {
        let path = directory.path().join(name);
        let error = Config::load(Some(&path), [], Overrides::default()).expect_err("refused");
        let message = error.to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn only_names_with_two_underscores_are_configuration() {
    assert!(
        load(&[
            ("SHOPTALK_HOME", "/x"),
            ("PATH", "/bin"),
            ("SHOPTALK_TEST_LISTEN", "y")
        ])
        .is_ok()
    );
    let message = error(&[("SHOPTALK_SERVER__LISEN", "127.0.0.1:2")]);
    assert!(message.contains("lisen"), "{message}");
    assert!(message.contains("SHOPTALK_SERVER__LISEN"), "{message}");
    for name in [
        "SHOPTALK_SERVICE__LISTEN",
        "SHOPTALK_SERVER__LISTEN__X",
        "SHOPTALK_SERVER__",
        "SHOPTALK___LISTEN",
    ] {
        let message = error(&[(name, "127.0.0.1:2")]);
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn a_name_that_lacks_an_underscore_has_no_effect_and_warns() {
    for (name, right) in [
        ("SHOPTALK_SERVER_LISTEN", "SHOPTALK_SERVER__LISTEN"),
        ("SHOPTALK_STORAGE_DATA_DIR", "SHOPTALK_STORAGE__DATA_DIR"),
    ] {
        let config = load(&[(name, "x"), ("SHOPTALK_PORT", "1")]).expect("it is ignored");
        let warnings = config.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        for part in [name, right] {
            assert!(warnings[0].contains(part), "{warnings:?}");
        }
    }
}

#[test]
fn a_variable_may_name_a_file_that_holds_the_value() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("UTF-8");
    let secrets = format!("{},{}", "a".repeat(32), "1".repeat(40));
    std::fs::write(file.path(), format!("{secrets}\n")).expect("written");
    let config = load(&[("SHOPTALK_IDENTITY__SECRETS_FILE", path)]).expect("valid");
    let exposed: Vec<&str> = config.identity.secrets.iter().map(Secret::expose).collect();
    assert_eq!(exposed, ["a".repeat(32), "1".repeat(40)]);

    std::fs::write(file.path(), "007\r\n").expect("written");
    let config = load(&[("SHOPTALK_METRICS__TOKEN_FILE", path)]).expect("valid");
    let token = config.metrics.token.as_ref().map(Secret::expose);
    assert_eq!(token, Some("007"));
}

#[test]
fn the_file_of_a_variable_is_refused_by_its_name_without_its_content() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("UTF-8");
    std::fs::write(file.path(), "1234567").expect("written");
    let both = error(&[
        ("SHOPTALK_METRICS__TOKEN", "7654321"),
        ("SHOPTALK_METRICS__TOKEN_FILE", path),
    ]);
    assert!(both.contains("SHOPTALK_METRICS__TOKEN_FILE"), "{both}");
    let cards = error(&[
        ("SHOPTALK_CARDS__URL", "https://shop.example/"),
        ("SHOPTALK_CARDS__SECRET_FILE", path),
    ]);
    assert!(cards.contains("cards.secret"), "{cards}");
    let short = error(&[("SHOPTALK_IDENTITY__SECRETS_FILE", path)]);
    assert!(short.contains("identity.secrets"), "{short}");
    let unknown = error(&[("SHOPTALK_METRICS__TOKN_FILE", path)]);
    assert!(unknown.contains("SHOPTALK_METRICS__TOKN_FILE"), "{unknown}");
    for message in [both, cards, short, unknown] {
        assert!(!message.contains("1234567"), "{message}");
        assert!(!message.contains("7654321"), "{message}");
    }
    let missing = error(&[("SHOPTALK_METRICS__TOKEN_FILE", "/nowhere/token")]);
    for part in ["SHOPTALK_METRICS__TOKEN_FILE", "/nowhere/token"] {
        assert!(missing.contains(part), "{missing}");
    }
}

fn error_of_file(content: &str) -> String {
    let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    std::fs::write(file.path(), content).expect("written");
    Config::load(Some(file.path()), [], Overrides::default())
        .expect_err("it is refused")
        .to_string()
}

#[test]
fn an_unknown_key_of_a_file_is_named_with_the_file() {
    for (content, key) in [
        ("[server]\nlisen = \"127.0.0.1:2\"", "server.lisen"),
        ("[servant]\nlisten = \"127.0.0.1:2\"", "servant.listen"),
        ("listen = \"127.0.0.1:2\"", "listen"),
        ("[server.listen]\nport = 1", "server.listen.port"),
    ] {
        let message = error_of_file(content);
        assert!(
            message.contains(&format!("unknown key {key} (")),
            "{message}"
        );
        assert!(message.contains(".toml"), "{message}");
    }
}

#[test]
fn a_secret_is_a_string_and_never_quoted_in_an_error() {
    for content in [
        "[metrics]\ntoken = 1234567",
        "[metrics]\ntoken = 1234567.5",
        "[metrics]\ntoken = \"1234567",
        "[metrics]\ntoken = [\"1234567\"]",
        "[identity]\nsecrets = [\"1234567]",
        "[identity]\nsecrets = [1234567]",
        "[identity]\nsecrets = 1234567",
        "[identity]\nsecrets = \"1234567\"",
        "[server]\npublic_url = \"https://ann:1234567@shop.example\"",
    ] {
        let message = error_of_file(content);
        assert!(!message.contains("1234567"), "{content}: {message}");
        assert!(!message.contains('\n'), "one line: {message}");
    }
}

#[test]
fn every_key_is_described() {
    let described = Config::default().describe();
    let mut section = "";
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let key = format!("{section}.{name} ");
            assert!(
                described.lines().any(|line| line.starts_with(&key)),
                "{key}"
            );
        }
    }
}

#[test]
fn lists_are_comma_separated_in_the_environment_and_tokens_stay_strings() {
    let secrets = format!("{}, {}", "a".repeat(32), "1".repeat(40));
    let config = load(&[
        ("SHOPTALK_IDENTITY__SECRETS", &secrets),
        ("SHOPTALK_METRICS__TOKEN", "007"),
    ]);
    let config = config.expect("valid");
    let exposed: Vec<&str> = config.identity.secrets.iter().map(Secret::expose).collect();
    assert_eq!(exposed, ["a".repeat(32), "1".repeat(40)]);
    assert_eq!(
        config.metrics.token.as_ref().map(Secret::expose),
        Some("007")
    );
    assert!(!format!("{config:?}").contains("aaaa"));
    assert!(!config.describe().contains("007"));
}

#[test]
fn closed_conversations_are_kept_unless_days_are_set() {
    let retention = Config::default().retention;
    assert_eq!((retention.closed_days, retention.spam_days), (0, 0));
    let set = load(&[
        ("SHOPTALK_RETENTION__CLOSED_DAYS", "90"),
        ("SHOPTALK_RETENTION__SPAM_DAYS", "7"),
    ]);
    let retention = set.expect("valid").retention;
    assert_eq!((retention.closed_days, retention.spam_days), (90, 7));
    let problem = error(&[("SHOPTALK_RETENTION__CLOSED_DAYS", "36501")]);
    assert!(problem.contains("retention.closed_days"), "{problem}");
}

#[test]
fn errors_name_the_key() {
    for (name, value, key) in [
        ("SHOPTALK_SERVER__LISTEN", "here", "server.listen"),
        (
            "SHOPTALK_SERVER__PUBLIC_URL",
            "https://a.example/chat",
            "server.public_url",
        ),
        (
            "SHOPTALK_SERVER__PUBLIC_URL",
            "ftp://a.example",
            "server.public_url",
        ),
        (
            "SHOPTALK_SERVER__ALLOWED_ORIGINS",
            "https://Shop.example",
            "server.allowed_origins",
        ),
        (
            "SHOPTALK_SERVER__ALLOWED_ORIGINS",
            "*",
            "server.allowed_origins",
        ),
        (
            "SHOPTALK_SERVER__ALLOWED_ORIGINS",
            "https://*.shop.example",
            "server.allowed_origins",
        ),
        (
            "SHOPTALK_SERVER__TRUSTED_PROXIES",
            "proxy",
            "server.trusted_proxies",
        ),
        ("SHOPTALK_IDENTITY__SECRETS", "short", "identity.secrets"),
        (
            "SHOPTALK_STORAGE__SYNCHRONOUS",
            "off",
            "storage.synchronous",
        ),
        ("SHOPTALK_STORAGE__READERS", "0", "storage.readers"),
        (
            "SHOPTALK_BACKUP__RECIPIENTS",
            "age1xyz",
            "backup.recipients",
        ),
        (
            "SHOPTALK_BACKUP__RECIPIENTS",
            "AGE-SECRET-KEY-1XYZ",
            "backup.recipients",
        ),
        ("SHOPTALK_STORAGE__READERS", "many", "storage.readers"),
        ("SHOPTALK_LIMITS__ENABLED", "perhaps", "limits.enabled"),
        ("SHOPTALK_LOG__FORMAT", "xml", "log.format"),
        ("SHOPTALK_SERVER__TLS_CERT", "cert.pem", "server.tls_key"),
        ("SHOPTALK_SERVER__TLS_KEY", "key.pem", "server.tls_cert"),
        (
            "SHOPTALK_SERVER__HTTP_LISTEN",
            "0.0.0.0:80",
            "server.http_listen",
        ),
        (
            "SHOPTALK_SERVER__ACME_DOMAINS",
            "*.example.com",
            "server.acme_domains",
        ),
        (
            "SHOPTALK_SERVER__ACME_DOMAINS",
            "192.0.2.1",
            "server.acme_domains",
        ),
    ] {
        let message = error(&[(name, value)]);
        assert!(message.contains(key), "{key}: {message}");
        assert!(!message.contains('\n'), "one line: {message}");
    }
    let missing = Config::load(Some(Path::new("/nowhere.toml")), [], Overrides::default());
    assert!(
        missing
            .expect_err("it is missing")
            .to_string()
            .contains("nowhere.toml")
    );
}

#[test]
fn certificates_come_from_files_or_by_acme() {
    let acme = (
        "SHOPTALK_SERVER__ACME_DOMAINS",
        "Chat.example.com, b.example",
    );
    let config = load(&[acme]).expect("valid");
    let url = config.server.public_url.map(String::from);
    assert_eq!(url.as_deref(), Some("https://chat.example.com/"));
    let Some(TlsConfig::Acme(found)) = config.server.tls else {
        panic!("ACME: {:?}", config.server.tls);
    };
    assert_eq!(found.domains, ["chat.example.com", "b.example"]);
    assert!(found.directory.contains("letsencrypt"));

    for (name, value, key) in [
        ("CONTACT", "nobody", "server.acme_contact"),
        (
            "DIRECTORY",
            "http://ca.example/dir",
            "server.acme_directory",
        ),
    ] {
        let name = format!("SHOPTALK_SERVER__ACME_{name}");
        let message = error(&[acme, (&name, value)]);
        assert!(message.contains(key), "{message}");
    }
    let cert = ("SHOPTALK_SERVER__TLS_CERT", "cert.pem");
    let key = ("SHOPTALK_SERVER__TLS_KEY", "key.pem");
    assert!(error(&[acme, cert, key]).contains("server.acme_domains"));
    let http = ("SHOPTALK_SERVER__PUBLIC_URL", "http://chat.example.com");
    assert!(error(&[cert, key, http]).contains("server.public_url"));
    let redirect = ("SHOPTALK_SERVER__HTTP_LISTEN", "127.0.0.1:80");
    let config = load(&[cert, key, redirect]).expect("valid");
    assert_eq!(config.server.http_listen.map(|at| at.port()), Some(80));
    assert_eq!(config.server.public_url, None);
}

#[test]
fn listening_beyond_loopback_without_a_public_url_warns() {
    assert!(Config::default().warnings().is_empty());
    let open = load(&[("SHOPTALK_SERVER__LISTEN", "0.0.0.0:8001")]).expect("allowed");
    assert!(open.warnings()[0].contains("public_url"));
}

#[test]
fn trusting_every_address_warns() {
    let warnings_of = |proxies| {
        let config = load(&[("SHOPTALK_SERVER__TRUSTED_PROXIES", proxies)]);
        config.expect("allowed").warnings()
    };
    assert!(warnings_of("127.0.0.1, 10.0.0.0/8").is_empty());
    for all in ["127.0.0.1, 0.0.0.0/0", "::/0"] {
        let warnings = warnings_of(all);
        assert!(
            warnings[0].contains("server.trusted_proxies"),
            "{warnings:?}"
        );
    }
}
