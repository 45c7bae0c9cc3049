//! What the widget gets of the settings: the attributes of its tag, where the tag has none.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Map, Value, json};

use super::{Ask, Widget, WidgetSide, WidgetTexts};

/// Bytes, compressed by itself, of what the widget gets. With it the file that each page of the shop
/// loads has at most 1,024 bytes more, also with texts that compress badly.
pub(super) const COMPRESSED_BYTES: usize = 896;

impl Widget {
    /// An object of the tag's attributes, as JavaScript: those of all languages, and by language
    /// those that are texts. `mail` if the server `sends_mail`. `{}` if everything is as the widget
    /// has it by itself.
    pub fn as_attributes(&self, sends_mail: bool) -> String {
        let mut attributes = Map::new();
        let mut set = |name: &str, value: &str| {
            if !value.is_empty() {
                attributes.insert(name.to_owned(), value.into());
            }
        };
        set("accent", &self.accent);
        if self.side == WidgetSide::Left {
            set("side", "left");
        }
        if sends_mail {
            set("mail", "on");
        }
        let fields = [
            ("name", self.prechat.name),
            ("email", self.prechat.email),
            ("phone", self.prechat.phone),
        ];
        let which = |is_one: &dyn Fn(Ask) -> bool| {
            let which = fields.iter().filter(|(_, ask)| is_one(*ask));
            which.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
        };
        let asked = which(&|ask| ask != Ask::Hidden);
        set("require", &which(&|ask| ask == Ask::Required));
        match asked.as_str() {
            "" => set("prechat", "off"),
            "name email phone" => {}
            asked => set("fields", asked),
        }
        for (language, texts) in &self.texts {
            let texts = texts.as_attributes();
            if !texts.is_empty() {
                attributes.insert(language.clone(), Value::Object(texts));
            }
        }
        json!(attributes).to_string()
    }

    /// Bytes of that, compressed.
    pub(super) fn compressed_bytes(&self) -> usize {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder
            .write_all(self.as_attributes(true).as_bytes())
            .and_then(|()| encoder.finish())
            .map_or(usize::MAX, |bytes| bytes.len())
    }
}

impl WidgetTexts {
    fn as_attributes(&self) -> Map<String, Value> {
        [
            ("title", &self.title),
            ("greeting", &self.greeting),
            ("awayText", &self.away_text),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), text.clone().into()))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Prechat, Settings};
    use super::*;

    fn attributes(widget: Value) -> Value {
        let widget: Widget = serde_json::from_value(widget).expect("a widget");
        serde_json::from_str(&widget.as_attributes(false)).expect("JSON")
    }

    #[test]
    fn settings_become_attributes_of_the_tag() {
        assert_eq!(Widget::default().as_attributes(false), "{}");
        assert_eq!(Widget::default().as_attributes(true), r#"{"mail":"on"}"#);
        assert_eq!(
            attributes(json!({
                "accent": "#0a7", "side": "left",
                "prechat": {"name": "required", "phone": "hidden"},
                "texts": {"de": {"title": "Fragen?", "away_text": "Bis morgen."}, "fr": {}},
            })),
            json!({
                "accent": "#0a7", "side": "left", "fields": "name email", "require": "name",
                "de": {"title": "Fragen?", "awayText": "Bis morgen."},
            })
        );
        let hidden = json!({"name": "hidden", "email": "hidden", "phone": "hidden"});
        assert_eq!(
            attributes(json!({"prechat": hidden, "side": "right"})),
            json!({"prechat": "off"})
        );
        assert_eq!(Prechat::default().name, Ask::Optional);
    }

    /// About as much as a shop says in five languages.
    #[test]
    fn texts_of_usual_length_in_every_language_fit() {
        let texts = json!({
            "en": {"title": "Questions?", "greeting": "Hello! What are you looking for today?",
                "away_text": "We answer by tomorrow noon. Leave us a message and your address."},
            "de": {"title": "Noch Fragen?", "greeting": "Hallo! Was suchen Sie heute?",
                "away_text": "Wir antworten bis morgen Mittag. Schreiben Sie uns eine Nachricht."},
            "fr": {"title": "Des questions ?", "greeting": "Bonjour ! Que cherchez-vous aujourd'hui ?",
                "away_text": "Nous répondrons d'ici demain midi. Laissez-nous un message."},
            "es": {"title": "¿Preguntas?", "greeting": "¡Hola! ¿Qué busca hoy?",
                "away_text": "Respondemos antes de mañana al mediodía. Déjenos un mensaje."},
            "ar": {"title": "أسئلة؟", "greeting": "مرحبًا! عمّ تبحث اليوم؟",
                "away_text": "نجيب قبل ظهر الغد. اترك لنا رسالة وعنوانك."},
        });
        let Value::Object(patch) = json!({"widget": {"texts": texts}}) else {
            unreachable!()
        };
        Settings::default()
            .patched(patch, &Default::default())
            .expect("they fit");
    }
}
