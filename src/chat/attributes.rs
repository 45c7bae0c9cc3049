//! What a shop signs about a visitor beside name, email and phone, for agents to see.

use serde_json::{Map, Value};

use super::Language;

/// Keys of a visitor's attributes, at most.
pub const ATTRIBUTES_MAX: usize = 20;
/// Bytes of a visitor's attributes as JSON, at most.
pub const ATTRIBUTES_BYTES: usize = 2_048;

/// Attributes as a signed identity has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attributes {
    /// They keep to the limits.
    Known(Map<String, Value>),
    /// They do not, so agents get this reason in their place.
    Dropped(String),
}

impl Attributes {
    /// Checks what an identity says.
    pub fn check(value: &Value) -> Self {
        let Value::Object(object) = value else {
            return Self::Dropped("attributes must be a JSON object".into());
        };
        if object.len() > ATTRIBUTES_MAX {
            return Self::Dropped(format!(
                "attributes has {} keys; {ATTRIBUTES_MAX} are allowed",
                object.len()
            ));
        }
        let bytes = value.to_string().len();
        if bytes > ATTRIBUTES_BYTES {
            return Self::Dropped(format!(
                "attributes has {bytes} bytes; {ATTRIBUTES_BYTES} are allowed"
            ));
        }
        Self::Known(object.clone())
    }

    /// The customer's language, if the shop says one of ours.
    pub fn language(&self) -> Option<Language> {
        match self {
            Self::Known(object) => Language::of_tag(object.get("language")?.as_str()?),
            Self::Dropped(_) => None,
        }
    }

    /// As it is stored: an object, or the reason as a string.
    pub fn to_json(&self) -> String {
        match self {
            Self::Known(object) => Value::Object(object.clone()).to_string(),
            Self::Dropped(reason) => Value::String(reason.clone()).to_string(),
        }
    }

    /// Reads what [`to_json`](Self::to_json) has written; `None` for anything else.
    pub fn from_json(text: &str) -> Option<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Some(Self::Known(object)),
            Ok(Value::String(reason)) => Some(Self::Dropped(reason)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_past_their_limits_are_dropped_with_the_reason() {
        let keys = |count: usize| {
            let keys = (0..count).map(|key| (format!("k{key}"), json!(key)));
            Value::Object(keys.collect())
        };
        let long = |bytes: usize| json!({"k": "x".repeat(bytes - 8)});
        for kept in [
            json!({}),
            keys(20),
            long(2_048),
            json!({"a": {"b": [null, 1.5]}}),
        ] {
            let Attributes::Known(object) = Attributes::check(&kept) else {
                panic!("{kept} keeps to the limits");
            };
            let known = Attributes::Known(object);
            assert_eq!(Attributes::from_json(&known.to_json()), Some(known));
        }
        for (dropped, reason) in [
            (keys(21), "21 keys"),
            (long(2_049), "2049 bytes"),
            (json!(["vip"]), "must be a JSON object"),
            (json!(null), "must be a JSON object"),
        ] {
            let attributes = Attributes::check(&dropped);
            let Attributes::Dropped(said) = &attributes else {
                panic!("{dropped} is past the limits");
            };
            assert!(said.contains(reason), "{said}");
            assert_eq!(
                Attributes::from_json(&attributes.to_json()),
                Some(attributes)
            );
        }
        assert_eq!(Attributes::from_json("7"), None);
    }
}
