use crate::chat::{API_TOKENS_MAX, ApiToken, ApiTokenId, Right, Timestamp};
use crate::persistence::rules::{RuleSettings, sessions};
use crate::persistence::{NewApiToken, Refusal};

/// A new token, when there are `count` others.
pub(crate) fn add(
    count: usize,
    id: ApiTokenId,
    new: NewApiToken,
    now: Timestamp,
) -> Result<ApiToken, Refusal> {
    if count >= API_TOKENS_MAX {
        return Err(Refusal::TooManyTokens);
    }
    Ok(ApiToken {
        id,
        name: new.name,
        rights: new.rights,
        created_by: new.created_by,
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
    })
}

/// Whether it can be used now.
pub(crate) fn is_valid(token: &ApiToken, now: Timestamp) -> bool {
    token.expires_at.is_none_or(|expires_at| expires_at > now)
}

/// Whether a use is to be noted now: noting each one would make a write of every read.
pub(crate) fn is_touch_due(settings: &RuleSettings, token: &ApiToken, now: Timestamp) -> bool {
    let before = sessions::touch_before(settings, now);
    token.last_used_at.is_none_or(|used_at| used_at < before)
}

/// What the audit says of a token that was made: its id, by which everything else names it, and its
/// name.
pub(crate) fn subject(token: &ApiToken) -> String {
    format!("{} {}", token.id, token.name)
}

/// How the rights are stored: as a JSON array of words.
pub(crate) fn rights_text(rights: &[Right]) -> String {
    serde_json::to_string(rights).unwrap_or_default()
}

/// Reads what [`rights_text`] has written. Rights that a later version has added give nothing here.
pub(crate) fn rights(text: &str) -> Vec<Right> {
    let words: Vec<String> = serde_json::from_str(text).unwrap_or_default();
    words.iter().filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::persistence::TokenHash;

    fn new() -> NewApiToken {
        NewApiToken {
            token: TokenHash([0; 32]),
            name: "Robot".into(),
            rights: vec![Right::RoomsRead],
            created_by: Uuid::nil(),
            expires_at: Some(Timestamp(2_000)),
        }
    }

    #[test]
    fn a_token_ends_at_its_time_and_one_too_many_is_refused() {
        let token = add(0, Uuid::nil(), new(), Timestamp(1_000)).expect("made");
        assert!(is_valid(&token, Timestamp(1_999)));
        assert!(!is_valid(&token, Timestamp(2_000)));
        let endless = ApiToken {
            expires_at: None,
            ..token
        };
        assert!(is_valid(&endless, Timestamp(i64::MAX)));
        let refused = add(API_TOKENS_MAX, Uuid::nil(), new(), Timestamp(1_000));
        assert_eq!(refused, Err(Refusal::TooManyTokens));
    }

    #[test]
    fn rights_of_a_later_version_give_nothing() {
        assert_eq!(rights(&rights_text(&Right::ALL)), Right::ALL);
        let later = r#"["rooms:read","rooms:paint"]"#;
        assert_eq!(rights(later), [Right::RoomsRead]);
        assert_eq!(rights("nonsense"), []);
    }
}
