use super::super::FORGED_ADDRESS;
use super::super::check::Level;
use super::super::observations::{BodyProbe, Certificate, ClockProbe, Seen, Validity, WidgetProbe};
use super::*;

/// What a doctor sees through a proxy that does everything right.
fn good() -> Observations {
    let opened = UpgradeProbe {
        opened: true,
        status: Some(101),
        subprotocol: Some(SUBPROTOCOL.to_owned()),
        refusal: None,
    };
    let refused = |status: u16| UpgradeProbe {
        status: Some(status),
        refusal: Some("refused".to_owned()),
        ..UpgradeProbe::default()
    };
    Observations {
        origin: "https://chat.example.com".to_owned(),
        server_header: Some("nginx/1.22.1".to_owned()),
        certificate: Some(Certificate {
            refused: None,
            validity: Some(Validity {
                left_s: 60 * 24 * 60 * 60,
                whole_s: 90 * 24 * 60 * 60,
            }),
        }),
        upgrade: Some(opened),
        unknown_subprotocol: Some(refused(400)),
        foreign_origin: Some(refused(403)),
        seen: Some(Seen {
            http_version: "HTTP/1.1".to_owned(),
            peer: "127.0.0.1:40000".to_owned(),
            peer_is_trusted: true,
            peer_is_loopback: true,
            client: "198.51.100.7".to_owned(),
            forwarded_for: vec!["198.51.100.7".to_owned()],
            is_forwarded: true,
            forwarded_proto: Some("https".to_owned()),
            origin: Some("https://chat.example.com".to_owned()),
            own_origins: vec!["https://chat.example.com".to_owned()],
            has_public_url: true,
            widget: Some("abc".to_owned()),
            now_ms: 1_000_000,
        }),
        unseen: None,
        unreachable: None,
        sent_origin: Some("https://chat.example.com".to_owned()),
        local_address: Some("198.51.100.7:50000".to_owned()),
        ticks_ms: Some(vec![0, 250, 500, 750]),
        quiet: Some(QuietProbe {
            wanted_s: 120,
            lasted_s: 120,
            was_cut: false,
        }),
        widget: Some(WidgetProbe {
            status: 200,
            cache_control: Some("no-cache".to_owned()),
            expires: None,
            age: None,
            etag: Some("\"abc-plain\"".to_owned()),
            allow_origin: Some("*".to_owned()),
        }),
        body: Some(BodyProbe {
            bytes: 102_400,
            status: 400,
            is_from_server: true,
        }),
        clock: Some(ClockProbe {
            server_ms: 1_000_000,
            local_ms: 1_000_020,
            round_trip_ms: 40,
        }),
    }
}

/// The checks that end with this level.
fn with_level(seen: &Observations, level: Level) -> Vec<Check> {
    judge(seen)
        .into_iter()
        .filter(|finding| finding.level == level)
        .map(|finding| finding.check)
        .collect()
}

/// Exactly these problems follow from a change of what is right.
fn check(change: impl FnOnce(&mut Observations), expected: &[Check]) {
    let mut seen = good();
    change(&mut seen);
    let problems = with_level(&seen, Level::Problem);
    assert_eq!(problems, expected, "{:#?}", judge(&seen));
}

/// The same for what the server saw.
fn check_seen(change: impl FnOnce(&mut Seen), expected: &[Check]) {
    check(|it| change(it.seen.as_mut().expect("seen")), expected);
}

#[test]
fn a_correct_proxy_is_no_problem() {
    let findings = judge(&good());
    assert_eq!(findings.len(), 14);
    for finding in findings {
        assert_eq!(finding.level, Level::Ok, "{finding:#?}");
        assert!(finding.advice.is_empty());
    }
}

#[test]
fn no_proxy_is_no_problem() {
    check_seen(
        |seen| {
            seen.peer = "198.51.100.7:50000".to_owned();
            seen.peer_is_trusted = false;
            seen.peer_is_loopback = false;
            seen.forwarded_for = vec![FORGED_ADDRESS.to_string()];
            seen.client = "198.51.100.7".to_owned();
        },
        &[],
    );
}

#[test]
fn a_certificate_that_ends_soon_is_a_problem() {
    let left = |left_s| {
        let validity = Some(Validity {
            left_s,
            whole_s: 90 * 24 * 60 * 60,
        });
        let refused = None;
        Some(Certificate { refused, validity })
    };
    check(
        |it| it.certificate = left(13 * 24 * 60 * 60),
        &[Check::Certificate],
    );
    check(|it| it.certificate = left(14 * 24 * 60 * 60), &[]);
}

#[test]
fn an_unreachable_server_is_the_only_finding() {
    check(
        |it| it.unreachable = Some("timed out".to_owned()),
        &[Check::Reach],
    );
    let refused = Some(Certificate {
        refused: Some("expired".to_owned()),
        validity: None,
    });
    check(|it| it.certificate = refused, &[Check::Certificate]);
}

#[test]
fn an_upgrade_that_does_not_pass_is_a_problem() {
    let refused = |status, refusal: Option<&str>| UpgradeProbe {
        status,
        refusal: refusal.map(str::to_owned),
        ..UpgradeProbe::default()
    };
    for upgrade in [
        refused(
            Some(400),
            Some("this URL accepts WebSocket connections only"),
        ),
        refused(Some(502), None),
        refused(None, None),
    ] {
        check(|it| it.upgrade = Some(upgrade), &[Check::Upgrade]);
    }
    let foreign = refused(Some(403), Some("not allowed"));
    check(|it| it.upgrade = Some(foreign), &[Check::Origin]);
    let busy = refused(Some(503), Some("busy"));
    check(|it| it.upgrade = Some(busy), &[]);
}

#[test]
fn headers_that_a_proxy_changes_are_problems() {
    check_seen(
        |seen| seen.http_version = "HTTP/1.0".to_owned(),
        &[Check::HttpVersion],
    );
    check_seen(|seen| seen.origin = None, &[Check::Origin]);
    let accepted = good().upgrade;
    check(|it| it.foreign_origin = accepted.clone(), &[Check::Origin]);
    check(
        |it| it.unknown_subprotocol = accepted,
        &[Check::Subprotocol],
    );
    check(
        |it| it.upgrade.as_mut().expect("opened").subprotocol = None,
        &[Check::Subprotocol],
    );
}

#[test]
fn wrong_client_addresses_are_problems() {
    let forged = FORGED_ADDRESS.to_string();
    // The proxy passes on what the client says.
    check_seen(
        |seen| {
            seen.forwarded_for = vec![forged.clone()];
            seen.client = forged.clone();
        },
        &[Check::ForgedAddress],
    );
    // It appends, which is safe.
    check_seen(|seen| seen.forwarded_for.insert(0, forged.clone()), &[]);
    // It appends, and the doctor itself is trusted.
    let mut seen = good();
    let server = seen.seen.as_mut().expect("seen");
    server.forwarded_for = vec![forged.clone(), "127.0.0.1".to_owned()];
    server.client = forged;
    assert_eq!(with_level(&seen, Level::Skipped), [Check::ForgedAddress]);
    // It says nothing.
    check_seen(
        |seen| {
            seen.forwarded_for.clear();
            seen.client = "127.0.0.1".to_owned();
        },
        &[Check::ClientAddress],
    );
    // It is not trusted.
    check_seen(
        |seen| {
            seen.peer_is_trusted = false;
            seen.client = "127.0.0.1".to_owned();
        },
        &[Check::ClientAddress],
    );
    // It says something else than an address.
    check_seen(
        |seen| seen.forwarded_for = vec!["unknown".to_owned()],
        &[Check::ClientAddress],
    );
}

#[test]
fn a_wrong_public_url_is_a_problem() {
    check_seen(
        |seen| seen.own_origins = vec!["http://chat.example.com".to_owned()],
        &[Check::PublicUrl],
    );
    check_seen(
        |seen| {
            seen.own_origins = vec!["http://127.0.0.1:8001".to_owned()];
            seen.has_public_url = false;
        },
        &[Check::PublicUrl],
    );
}

#[test]
fn late_frames_and_cut_sockets_are_problems() {
    check(
        |it| it.ticks_ms = Some(vec![0, 1, 1, 2]),
        &[Check::Buffering],
    );
    check(|it| it.ticks_ms = Some(vec![0, 250]), &[Check::Buffering]);
    check(
        |it| {
            it.quiet = Some(QuietProbe {
                wanted_s: 120,
                lasted_s: 60,
                was_cut: true,
            });
        },
        &[Check::Quiet],
    );
}

#[test]
fn a_widget_that_a_cache_keeps_is_a_problem() {
    let changes: [fn(&mut WidgetProbe); 5] = [
        |widget| widget.cache_control = Some("max-age=604800".to_owned()),
        |widget| widget.cache_control = None,
        |widget| widget.age = Some("17".to_owned()),
        |widget| widget.etag = Some("W/\"older-gzip\"".to_owned()),
        |widget| widget.allow_origin = Some("*, *".to_owned()),
    ];
    for change in changes {
        check(
            |it| change(it.widget.as_mut().expect("a widget")),
            &[Check::Widget],
        );
    }
    // Compressing on the way weakens the tag and is no harm.
    check(
        |it| it.widget.as_mut().expect("a widget").etag = Some("W/\"abc-plain\"".to_owned()),
        &[],
    );
}

#[test]
fn refused_bodies_and_wrong_clocks_are_problems() {
    let refused = BodyProbe {
        bytes: 102_400,
        status: 413,
        is_from_server: false,
    };
    check(|it| it.body = Some(refused), &[Check::BodySize]);
    for local_ms in [900_000, 1_100_000] {
        let clock = |round_trip_ms| {
            Some(ClockProbe {
                server_ms: 1_000_000,
                local_ms,
                round_trip_ms,
            })
        };
        check(|it| it.clock = clock(40), &[Check::Clock]);
        // A response that took minutes says nothing.
        check(|it| it.clock = clock(200_000), &[]);
    }
}

#[test]
fn every_problem_of_a_proxy_names_a_line_of_each() {
    let mut seen = good();
    seen.server_header = None;
    seen.body.as_mut().expect("a body").is_from_server = false;
    let finding = judge(&seen)
        .into_iter()
        .find(|finding| finding.level == Level::Problem)
        .expect("a problem");
    assert_eq!(finding.advice.len(), 4);
}

#[test]
fn a_quiet_socket_is_needless_only_on_a_direct_connection_to_the_same_machine() {
    let seen = |local_address: &str, peer: &str, peer_is_loopback: bool| {
        let mut seen = good();
        seen.local_address = Some(local_address.to_owned());
        let server = seen.seen.as_mut().expect("seen");
        server.peer = peer.to_owned();
        server.peer_is_loopback = peer_is_loopback;
        seen
    };
    let needless = |seen: &Observations| quiet_is_needless(seen).map(|finding| finding.level);
    let direct = seen("127.0.0.1:50000", "127.0.0.1:50000", true);
    assert_eq!(needless(&direct), Some(Level::Skipped));
    let proxy = seen("127.0.0.1:50000", "127.0.0.1:50001", true);
    assert_eq!(needless(&proxy), None);
    let far = seen("198.51.100.7:50000", "198.51.100.7:50000", false);
    assert_eq!(needless(&far), None);
    assert_eq!(needless(&Observations::default()), None);
}
