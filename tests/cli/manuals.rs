//! What packages contain beside the binary: completions, man pages, settings.

use super::process::Place;

#[tokio::test]
async fn completions_know_every_command() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.run(&["completions", shell]).await.well();
        for word in ["serve", "agent", "backup", "health", "data-dir"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    place
        .run(&["completions", "csh"])
        .await
        .misused(&["csh", "bash"]);
    place.run(&["completions"]).await.misused(&["SHELL"]);
    let ended = place.run_into_full(&["completions", "bash"]).await;
    ended.failed(&["No space"]);
}

#[tokio::test]
async fn there_is_a_man_page_of_each_command() {
    let place = Place::new();
    place.run(&["man-pages", "."]).await.well();
    for page in ["shoptalk.1", "shoptalk-serve.1", "shoptalk-health.1"] {
        let text = std::fs::read_to_string(place.path().join(page)).expect(page);
        assert!(text.contains(".TH "), "{page}");
    }
    let help = place.run(&["--help"]).await.well();
    assert!(!help.contains("man-pages"), "only packages need it: {help}");
    let missing = place.run(&["man-pages", "missing"]).await;
    missing.failed(&["cannot write man pages to missing"]);
}

#[tokio::test]
async fn the_settings_that_packages_install_are_valid() {
    let place = Place::new();
    place.write("shoptalk.toml", include_str!("../../deploy/shoptalk.toml"));
    let checked = place.run(&["check", "--config", "shoptalk.toml"]).await;
    let settings = checked.well();
    assert!(settings.contains("/var/lib/shoptalk"), "{settings}");
}
