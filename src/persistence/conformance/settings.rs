use crate::persistence::testing::*;
use crate::persistence::*;

fn change(from_version: u64, content: &str) -> SettingsChange {
    SettingsChange {
        from_version,
        content: content.into(),
        fields: "shop.name".into(),
    }
}

#[tokio::test]
async fn settings_are_replaced_by_changes_of_the_present_version_alone() {
    let store = TestStore::new();
    assert_eq!(store.settings_unless(0).await, Ok(None));
    let by = Principal::CommandLine;
    assert_eq!(store.change_settings(change(0, "one"), by).await, Ok(1));
    for other in [0, 2] {
        let refused = store.change_settings(change(other, "lost"), by).await;
        assert_eq!(refused, Err(Refusal::SettingsMoved.into()), "{other}");
    }
    assert_eq!(store.change_settings(change(1, "two"), by).await, Ok(2));
    let stored = StoredSettings {
        version: 2,
        content: "two".into(),
    };
    assert_eq!(store.settings_unless(1).await, Ok(Some(stored)));
    assert_eq!(store.settings_unless(2).await, Ok(None));
    assert_eq!(
        store.rows("SELECT action, actor, subject FROM audit ORDER BY pk"),
        ["settings_changed|command line|shop.name"; 2]
    );
}

#[tokio::test]
async fn of_changes_at_once_one_is_made() {
    let store = TestStore::new();
    for version in 0..3 {
        let made: Vec<_> = (0..8)
            .map(|_| {
                let store = store.store.clone();
                tokio::spawn(async move {
                    let content = change(version, "new");
                    store.change_settings(content, Principal::CommandLine).await
                })
            })
            .collect();
        let mut outcomes = Vec::new();
        for made in made {
            outcomes.push(made.await.expect("it ends"));
        }
        let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(done, 1, "{outcomes:?}");
    }
}
