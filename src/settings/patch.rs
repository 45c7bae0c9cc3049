//! Changes settings by a JSON merge patch (RFC 7396).

use serde_json::{Map, Value};

use super::check::{self, Fault};
use super::{FixedSettings, Settings};

/// Bytes of all settings together, as JSON.
pub const SETTINGS_BYTES: usize = 8_192;

/// Why a patch is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The result is larger than [`SETTINGS_BYTES`].
    #[error("the settings would have {0} bytes, and may have {SETTINGS_BYTES}; shorten the texts")]
    TooLarge(usize),
    /// Fields that cannot be used.
    #[error("some fields cannot be used")]
    Invalid(Vec<Fault>),
}

impl Settings {
    /// The settings after a merge patch, checked. Fixed keys stay as they are; the version is not
    /// part of the patch.
    pub fn patched(
        &self,
        mut patch: Map<String, Value>,
        fixed: &FixedSettings,
    ) -> Result<Self, PatchError> {
        for key in fixed.keys() {
            remove(&mut patch, key);
        }
        let mut merged = self.to_json();
        merge(&mut merged, Value::Object(patch));
        let bytes = merged.to_string().len();
        if bytes > SETTINGS_BYTES {
            return Err(PatchError::TooLarge(bytes));
        }
        let mut settings = read(&merged).map_err(|fault| PatchError::Invalid(vec![fault]))?;
        let mut faults = Vec::new();
        unknown_keys(&merged, &settings.to_json(), "", &mut faults);
        check::check(&mut settings, &mut faults);
        if !faults.is_empty() {
            return Err(PatchError::Invalid(faults));
        }
        settings.version = self.version;
        Ok(settings)
    }

    /// Reads stored settings. What another version of the program has stored is ignored where this
    /// one does not know it.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn from_stored(version: u64, text: &str) -> Result<Self, serde_json::Error> {
        let settings = serde_json::from_str(text)?;
        Ok(Self {
            version,
            ..settings
        })
    }

    /// As they are stored.
    pub fn to_stored(&self) -> String {
        self.to_json().to_string()
    }

    /// The fields in which two settings differ, such as `shop.hours` and `widget.texts.de`.
    pub fn changed_fields(&self, other: &Self) -> Vec<String> {
        let mut changed = Vec::new();
        differences(&self.to_json(), &other.to_json(), "", &mut changed);
        changed
    }

    fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Removes `section.key` from a patch.
fn remove(patch: &mut Map<String, Value>, key: &str) {
    if let Some((section, key)) = key.split_once('.')
        && let Some(section) = patch.get_mut(section).and_then(Value::as_object_mut)
    {
        section.remove(key);
    }
}

/// RFC 7396, section 2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(target) = target.as_object_mut() else {
        return;
    };
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(&key);
            }
            value => merge(target.entry(key).or_insert(Value::Null), value),
        }
    }
}

fn read(merged: &Value) -> Result<Settings, Fault> {
    serde_path_to_error::deserialize(merged).map_err(|error| {
        let field = error.path().to_string();
        Fault::new(field, expected(&error.into_inner().to_string()))
    })
}

/// Turns serde's message into one about a field.
fn expected(message: &str) -> String {
    if let Some((_, expected)) = message.rsplit_once("expected ") {
        return match expected {
            "u64" => "must be a whole number".to_owned(),
            object if object.starts_with("struct ") => "must be a JSON object".to_owned(),
            expected => format!("must be {}", expected.replace('`', "")),
        };
    }
    if let Some(field) = message.strip_prefix("missing field `") {
        let field = field.split('`').next().unwrap_or_default();
        return format!("must have {field}");
    }
    message.to_owned()
}

/// Finds keys that were given and mean nothing: `known` is what was understood.
fn unknown_keys(given: &Value, known: &Value, path: &str, faults: &mut Vec<Fault>) {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            for (key, value) in given {
                let path = join(path, key);
                match known.get(key) {
                    Some(known) => unknown_keys(value, known, &path, faults),
                    None => faults.push(Fault::new(path, "is not a setting")),
                }
            }
        }
        (Value::Array(given), Value::Array(known)) => {
            for (at, (given, known)) in given.iter().zip(known).enumerate() {
                unknown_keys(given, known, &format!("{path}[{at}]"), faults);
            }
        }
        // A list is read as an object whose fields are all missing.
        (Value::Array(_), Value::Object(_)) => faults.push(Fault::new(path, "must be an object")),
        _ => {}
    }
}

fn differences(one: &Value, other: &Value, path: &str, changed: &mut Vec<String>) {
    if one == other {
        return;
    }
    // One field per text of a language would be too much; sections and languages are enough.
    let depth = path.matches('.').count() + usize::from(!path.is_empty());
    let is_branch = depth < 2 || path == "widget.texts";
    let (Value::Object(one), Value::Object(other), true) = (one, other, is_branch) else {
        changed.push(path.to_owned());
        return;
    };
    let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    for key in keys {
        let side = |side: &Map<String, Value>| side.get(key).cloned().unwrap_or_default();
        differences(&side(one), &side(other), &join(path, key), changed);
    }
}

fn join(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

#[cfg(test)]
mod tests;
