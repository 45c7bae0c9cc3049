use serde_json::json;

use super::*;
use crate::settings::LANGUAGES;

fn patched(settings: &Settings, patch: Value) -> Result<Settings, PatchError> {
    let Value::Object(patch) = patch else {
        panic!("a patch is an object");
    };
    settings.patched(patch, &FixedSettings::default())
}

fn after(patch: Value) -> Settings {
    patched(&Settings::default(), patch).expect("it is taken")
}

/// The fields that a patch is refused for.
#[track_caller]
fn refused(patch: Value, fields: &[&str]) {
    match patched(&Settings::default(), patch) {
        Err(PatchError::Invalid(faults)) => {
            let found: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
            assert_eq!(found, fields, "{faults:?}");
        }
        other => panic!("{other:?}"),
    }
}

/// The example of RFC 7396, and its cases for each kind of value.
#[test]
fn merging_is_that_of_rfc_7396() {
    for (target, patch, merged) in [
        (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
        (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
        (json!({"a":"b"}), json!({"a":null}), json!({})),
        (
            json!({"a":"b","b":"c"}),
            json!({"a":null}),
            json!({"b":"c"}),
        ),
        (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
        (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
        (
            json!({"a":{"b":"c"}}),
            json!({"a":{"b":"d","c":null}}),
            json!({"a":{"b":"d"}}),
        ),
        (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
        (json!(["a"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
        (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
        (
            json!({}),
            json!({"a":{"bb":{"ccc":null}}}),
            json!({"a":{"bb":{}}}),
        ),
    ] {
        let mut found = target;
        merge(&mut found, patch);
        assert_eq!(found, merged);
    }
}

#[test]
fn what_a_patch_leaves_out_stays_and_null_is_the_default() {
    let settings = after(json!({
        "shop": {"name": "  Corner Shop ", "time_zone": "europe/berlin",
            "hours": [{"day": "mon", "from": "09:00", "to": "17:00"}]},
        "widget": {"texts": {"de": {"title": "Fragen?"}}, "side": "left"},
    }));
    assert_eq!(settings.shop.name, "Corner Shop");
    assert_eq!(settings.shop.time_zone, "Europe/Berlin");
    let settings = patched(
        &settings,
        json!({
            "shop": {"name": null},
            "widget": {"texts": {"de": {"greeting": "Hallo!"}, "en": {"title": "Ask us"}}},
            "alerts": {"mail_ms": 60_000},
        }),
    )
    .expect("it is taken");
    assert_eq!(settings.shop.name, "");
    assert_eq!(settings.shop.hours.len(), 1);
    assert_eq!(settings.widget.texts["de"].title, "Fragen?");
    assert_eq!(settings.widget.texts["de"].greeting, "Hallo!");
    assert_eq!(settings.alerts.mail_ms, 60_000);
    assert_eq!(settings.alerts.escalate_ms, 180_000);
    let without = patched(&settings, json!({"widget": {"texts": {"de": null}}}));
    let languages: Vec<_> = without
        .expect("it is taken")
        .widget
        .texts
        .into_keys()
        .collect();
    assert_eq!(languages, ["en"]);
}

#[test]
fn every_field_that_cannot_be_used_is_named() {
    refused(
        json!({"shop": {"time_zone": "Mars/Olympus"}}),
        &["shop.time_zone"],
    );
    refused(json!({"shop": {"time_zone": 7}}), &["shop.time_zone"]);
    for day in ["monday", "Mon", ""] {
        let hours = json!([{"day": "tue", "from": "09:00", "to": "10:00"},
            {"day": day, "from": "09:00", "to": "10:00"}]);
        refused(json!({"shop": {"hours": hours}}), &["shop.hours[1].day"]);
    }
    for time in ["9:00", "25:00", "noon"] {
        let hours = json!([{"day": "mon", "from": time, "to": "10:00"}]);
        refused(json!({"shop": {"hours": hours}}), &["shop.hours[0].from"]);
    }
    refused(
        json!({"shop": {"hours": [{"day": "mon", "from": "09:00"}]}}),
        &["shop.hours[0]"],
    );
    refused(
        json!({"shop": {"hours": [{"day": "mon", "from": "09:00", "to": "09:00"},
            {"day": "mon", "from": "24:00", "to": "02:00", "note": "late"}]}}),
        &[
            "shop.hours[1].note",
            "shop.hours[0].to",
            "shop.hours[1].from",
        ],
    );
    refused(
        json!({"shop": {"exceptions": [{"from": "2026-02-30", "to": "2026-03-01"}]}}),
        &["shop.exceptions[0].from"],
    );
    refused(
        json!({"shop": {"exceptions": [{"from": "2026-12-24", "to": "2026-12-23",
            "hours": [{"from": "10:00", "to": "10:00"}]}]}}),
        &["shop.exceptions[0].to", "shop.exceptions[0].hours[0].to"],
    );
    refused(
        json!({"shop": {"closed_until": "tomorrow"}}),
        &["shop.closed_until"],
    );
    for accent in ["red", "#12", "#12345g", "url(x)", "#0a7;"] {
        refused(json!({"widget": {"accent": accent}}), &["widget.accent"]);
    }
    refused(json!({"widget": {"side": "top"}}), &["widget.side"]);
    refused(
        json!({"widget": {"prechat": {"name": "maybe"}}}),
        &["widget.prechat.name"],
    );
    refused(
        json!({"widget": {"texts": {"tlh": {"title": "nuqneH"}}}}),
        &["widget.texts.tlh"],
    );
    refused(
        json!({"widget": {"texts": {"en": {"title": "a".repeat(41), "greeting": "a\u{0}b"}}}}),
        &["widget.texts.en.title", "widget.texts.en.greeting"],
    );
    refused(
        json!({"alerts": {"escalate_ms": 999, "mail_ms": -1}}),
        &["alerts.mail_ms"],
    );
    refused(
        json!({"alerts": {"escalate_ms": 999}, "mail": {"after_ms": 604_800_001}}),
        &["alerts.escalate_ms", "mail.after_ms"],
    );
    refused(
        json!({"shop": {"phone": "1"}, "color": 1}),
        &["color", "shop.phone"],
    );
    refused(json!({"shop": []}), &["shop"]);
    let many = vec![json!({"day": "mon", "from": "09:00", "to": "10:00"}); 71];
    refused(json!({"shop": {"hours": many}}), &["shop.hours"]);
}

#[test]
fn settings_have_a_size() {
    let long = "ä".repeat(4_096);
    let refused = patched(&Settings::default(), json!({"shop": {"name": long}}));
    assert!(
        matches!(refused, Err(PatchError::TooLarge(_))),
        "{refused:?}"
    );
}

#[test]
fn a_fixed_key_wins_and_a_patch_does_not_change_it() {
    let fixed = FixedSettings {
        mail_after_ms: Some(5_000),
        ..FixedSettings::default()
    };
    let patch = json!({"mail": {"after_ms": 9_000}, "shop": {"name": "A"}});
    let Value::Object(patch) = patch else {
        unreachable!()
    };
    let settings = Settings::default()
        .patched(patch, &fixed)
        .expect("it is taken");
    assert_eq!(settings.mail.after_ms, 600_000, "what is stored stays");
    assert_eq!(settings.shop.name, "A");
    assert_eq!(fixed.apply(settings).mail.after_ms, 5_000);
    assert_eq!(fixed.keys(), ["mail.after_ms"]);
    let alerts = FixedSettings {
        alerts_escalate_ms: Some(1_000),
        alerts_mail_ms: Some(2_000),
        mail_after_ms: None,
    };
    let settings = alerts.apply(Settings::default());
    let times = (settings.alerts.escalate_ms, settings.alerts.mail_ms);
    assert_eq!((times, settings.mail.after_ms), ((1_000, 2_000), 600_000));
    assert_eq!(alerts.keys(), ["alerts.escalate_ms", "alerts.mail_ms"]);
    assert!(FixedSettings::default().keys().is_empty());
}

#[test]
fn what_is_stored_is_read_back_also_that_of_a_newer_version() {
    let settings = after(json!({
        "shop": {"closed_until": "2026-12-24T10:00:00Z",
            "exceptions": [{"from": "2026-12-24", "to": "2026-12-26"}]},
        "widget": {"accent": "#0a7", "prechat": {"phone": "hidden"}},
    }));
    let read = Settings::from_stored(3, &settings.to_stored()).expect("it is read");
    assert_eq!(
        read,
        Settings {
            version: 3,
            ..settings
        }
    );
    let newer = r#"{"shop":{"name":"A","motto":"B"},"voice":{}}"#;
    let read = Settings::from_stored(1, newer).expect("it is read");
    assert_eq!(
        (read.shop.name.as_str(), read.alerts.mail_ms),
        ("A", 600_000)
    );
}

#[test]
fn changes_are_named_by_section_key_and_language() {
    let changed = after(json!({
        "shop": {"name": "A", "hours": [{"day": "mon", "from": "09:00", "to": "17:00"}]},
        "widget": {"texts": {"de": {"title": "T", "greeting": "G"}}, "prechat": {"name": "hidden"}},
    }));
    assert_eq!(
        Settings::default().changed_fields(&changed),
        [
            "shop.hours",
            "shop.name",
            "widget.prechat",
            "widget.texts.de"
        ]
    );
    assert!(changed.changed_fields(&changed).is_empty());
}

#[test]
fn the_languages_are_those_of_the_widget() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/web/widget/locales"));
    let mut names: Vec<String> = files
        .expect("the widget's languages")
        .map(|file| {
            file.expect("a file")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    let expected = LANGUAGES.map(|language| format!("{language}.ts"));
    assert_eq!(names, expected);
}
