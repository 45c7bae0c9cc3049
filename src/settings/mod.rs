//! What admins set for the whole shop while the server runs: its name and hours, how the widget
//! looks, when alerts and mail go out.
//!
//! Plain values and pure functions: `hours` says when the shop is open, `patch` changes settings by
//! a JSON merge patch, `check` refuses what cannot be used. Nothing here reads or writes anything;
//! `src/current_settings.rs` holds those of a running server.
//!
//! What an operator sets once and for all is in `src/config.rs`. A key that is set there wins
//! ([`FixedSettings`]).

mod check;
mod hours;
mod open_hours;
mod patch;
mod widget;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::check::Fault;
pub use self::hours::{Date, Day, Exception, Interval, OpenState, TimeOfDay, TimeSpan};
pub use self::open_hours::OpenHours;
pub use self::patch::{PatchError, SETTINGS_BYTES};
use crate::chat::{Language, Timestamp};

/// The languages that the widget speaks.
pub const LANGUAGES: [&str; 5] = {
    let [ar, de, en, es, fr] = Language::ALL;
    [ar.code(), de.code(), en.code(), es.code(), fr.code()]
};

/// All settings of a shop.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Counts the changes; 0 until the first one.
    #[serde(skip)]
    pub version: u64,
    /// The shop and its hours.
    pub shop: Shop,
    /// How the widget looks and what it says.
    pub widget: Widget,
    /// When a customer who waits rings whom.
    pub alerts: Alerts,
    /// When unread replies go by mail.
    pub mail: MailSettings,
}

/// The shop and its hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct Shop {
    /// At most 100 characters.
    pub name: String,
    /// An IANA name such as `Europe/Berlin`; the hours are in it.
    pub time_zone: String,
    /// The hours of each week. Empty: always open.
    pub hours: Vec<Interval>,
    /// Days with other hours.
    pub exceptions: Vec<Exception>,
    /// Closed until then, whatever the hours say.
    pub closed_until: Option<Timestamp>,
}

impl Default for Shop {
    fn default() -> Self {
        Self {
            name: String::new(),
            time_zone: "UTC".to_owned(),
            hours: Vec::new(),
            exceptions: Vec::new(),
            closed_until: None,
        }
    }
}

/// How the widget looks and what it says, where the tag on the shop's page does not say otherwise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct Widget {
    /// By language: `ar`, `de`, `en`, `es` or `fr`.
    pub texts: BTreeMap<String, WidgetTexts>,
    /// `#rgb` or `#rrggbb`. Empty: the widget's own colour.
    pub accent: String,
    /// Where the button is.
    pub side: WidgetSide,
    /// Which fields are asked before the chat.
    pub prechat: Prechat,
}

/// Texts of the widget in one language. An empty one is the widget's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct WidgetTexts {
    /// The button and the dialog's title; at most 40 characters.
    pub title: String,
    /// What stands above the conversation; at most 300 characters.
    pub greeting: String,
    /// What stands under the title while nobody is there; at most 300 characters.
    pub away_text: String,
}

/// The side of the page that the widget's button is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum WidgetSide {
    /// On the left.
    Left,
    /// On the right.
    #[default]
    Right,
}

/// Which fields the widget asks for before a conversation. If all are hidden, it asks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct Prechat {
    /// The customer's name.
    pub name: Ask,
    /// Their email address.
    pub email: Ask,
    /// Their phone number.
    pub phone: Ask,
}

/// How a field is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// It may be left empty.
    #[default]
    Optional,
    /// It must be filled in.
    Required,
    /// It is not asked for.
    Hidden,
}

/// When a customer who waits rings whom. The first alert is at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct Alerts {
    /// After this time everybody on duty is rung. 1 second to 7 days.
    pub escalate_ms: u64,
    /// After this time a mail is sent. 1 second to 7 days.
    pub mail_ms: u64,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            escalate_ms: 3 * 60 * 1_000,
            mail_ms: 10 * 60 * 1_000,
        }
    }
}

/// When unread replies go by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct MailSettings {
    /// How long a customer must be away before a reply goes by mail. 1 second to 7 days.
    pub after_ms: u64,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            after_ms: 10 * 60 * 1_000,
        }
    }
}

/// Settings that the configuration has, which admins cannot change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FixedSettings {
    /// `alerts.escalate_ms`.
    pub alerts_escalate_ms: Option<u64>,
    /// `alerts.mail_ms`.
    pub alerts_mail_ms: Option<u64>,
    /// `mail.after_ms`.
    pub mail_after_ms: Option<u64>,
}

impl FixedSettings {
    /// The keys that are fixed, as `section.key`.
    pub fn keys(&self) -> Vec<&'static str> {
        let keys = [
            ("alerts.escalate_ms", self.alerts_escalate_ms),
            ("alerts.mail_ms", self.alerts_mail_ms),
            ("mail.after_ms", self.mail_after_ms),
        ];
        let fixed = keys.into_iter().filter(|(_, value)| value.is_some());
        fixed.map(|(key, _)| key).collect()
    }

    /// The settings that hold: those of the configuration win.
    pub fn apply(&self, mut settings: Settings) -> Settings {
        let (alerts, mail) = (&mut settings.alerts, &mut settings.mail);
        for (fixed, setting) in [
            (self.alerts_escalate_ms, &mut alerts.escalate_ms),
            (self.alerts_mail_ms, &mut alerts.mail_ms),
            (self.mail_after_ms, &mut mail.after_ms),
        ] {
            *setting = fixed.unwrap_or(*setting);
        }
        settings
    }
}
