//! What the server itself says to people in their language: mail to customers, notifications for
//! agents. `{shop}` stands for the shop's name.
//!
//! A text is there in every language, or it does not compile. What the widget and the console show
//! is in `web/`.

use crate::chat::Language;

/// All texts in one language.
pub(crate) struct Texts {
    /// Of mail. The same for all mail of a conversation, so that mail programs show it together.
    pub(crate) subject: &'static str,
    pub(crate) answers: &'static str,
    pub(crate) replies_are_read: &'static str,
    pub(crate) replies_are_not_read: &'static str,
    pub(crate) transcript: &'static str,
    pub(crate) transcript_was_asked_for: &'static str,
    /// A customer without a name, in mail and in notifications.
    pub(crate) visitor: &'static str,
    pub(crate) closed: &'static str,
    pub(crate) reopened: &'static str,
    /// A notification that an agent tries.
    pub(crate) device_rings: &'static str,
}

const ENGLISH: Texts = Texts {
    subject: "Your conversation with {shop}",
    answers: "{shop} has answered you in the chat:",
    replies_are_read: "You can reply to this mail: {shop} reads your reply in the chat.",
    replies_are_not_read: "Please do not reply to this mail: nobody reads replies. Use the chat \
                           instead.",
    transcript: "This is your conversation with {shop}:",
    transcript_was_asked_for: "You get this mail because somebody asked for it in the chat. \
                               Please do not reply to it: nobody reads replies.",
    visitor: "Visitor",
    closed: "Conversation closed",
    reopened: "Conversation reopened",
    device_rings: "This device rings when a customer waits.",
};

const GERMAN: Texts = Texts {
    subject: "Ihre Unterhaltung mit {shop}",
    answers: "{shop} hat Ihnen im Chat geantwortet:",
    replies_are_read: "Sie können auf diese Mail antworten: {shop} liest Ihre Antwort im Chat.",
    replies_are_not_read: "Bitte antworten Sie nicht auf diese Mail: Antworten liest niemand. \
                           Schreiben Sie stattdessen im Chat.",
    transcript: "Dies ist Ihre Unterhaltung mit {shop}:",
    transcript_was_asked_for: "Sie erhalten diese Mail, weil sie im Chat angefordert wurde. Bitte \
                               antworten Sie nicht darauf: Antworten liest niemand.",
    visitor: "Besucher",
    closed: "Unterhaltung beendet",
    reopened: "Unterhaltung wieder geöffnet",
    device_rings: "Dieses Gerät klingelt, wenn ein Kunde wartet.",
};

const FRENCH: Texts = Texts {
    subject: "Votre conversation avec {shop}",
    answers: "{shop} vous a répondu dans le chat :",
    replies_are_read: "Vous pouvez répondre à cet e-mail : {shop} lit votre réponse dans le chat.",
    replies_are_not_read: "Merci de ne pas répondre à cet e-mail : personne ne lit les réponses. \
                           Écrivez plutôt dans le chat.",
    transcript: "Voici votre conversation avec {shop} :",
    transcript_was_asked_for: "Vous recevez cet e-mail parce qu’il a été demandé dans le chat. \
                               Merci de ne pas y répondre : personne ne lit les réponses.",
    visitor: "Visiteur",
    closed: "Conversation terminée",
    reopened: "Conversation rouverte",
    device_rings: "Cet appareil sonne quand un client attend.",
};

const SPANISH: Texts = Texts {
    subject: "Su conversación con {shop}",
    answers: "{shop} le ha respondido en el chat:",
    replies_are_read: "Puede responder a este correo: {shop} lee su respuesta en el chat.",
    replies_are_not_read: "Por favor, no responda a este correo: nadie lee las respuestas. \
                           Escriba en el chat.",
    transcript: "Esta es su conversación con {shop}:",
    transcript_was_asked_for: "Recibe este correo porque alguien lo ha pedido en el chat. Por \
                               favor, no responda: nadie lee las respuestas.",
    visitor: "Visitante",
    closed: "Conversación terminada",
    reopened: "Conversación reabierta",
    device_rings: "Este dispositivo suena cuando un cliente espera.",
};

const ARABIC: Texts = Texts {
    subject: "محادثتك مع {shop}",
    answers: "وصلك رد من {shop} في الدردشة:",
    replies_are_read: "يمكنك الرد على هذه الرسالة، وسيصل ردك إلى {shop} في الدردشة.",
    replies_are_not_read: "يرجى عدم الرد على هذه الرسالة، فلا أحد يقرأ الردود. اكتب في الدردشة بدلًا \
                           من ذلك.",
    transcript: "هذه محادثتك مع {shop}:",
    transcript_was_asked_for: "وصلتك هذه الرسالة لأنها طُلبت في الدردشة. يرجى عدم الرد عليها، فلا أحد \
                               يقرأ الردود.",
    visitor: "زائر",
    closed: "انتهت المحادثة",
    reopened: "أعيد فتح المحادثة",
    device_rings: "يرن هذا الجهاز عندما ينتظر عميل.",
};

/// The texts in a language.
pub(crate) fn texts(language: Language) -> &'static Texts {
    match language {
        Language::Arabic => &ARABIC,
        Language::German => &GERMAN,
        Language::English => &ENGLISH,
        Language::Spanish => &SPANISH,
        Language::French => &FRENCH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_names_the_shop_where_english_does() {
        let all = |language| {
            let texts = texts(language);
            [
                texts.subject,
                texts.answers,
                texts.replies_are_read,
                texts.replies_are_not_read,
                texts.transcript,
                texts.transcript_was_asked_for,
                texts.visitor,
                texts.closed,
                texts.reopened,
                texts.device_rings,
            ]
        };
        let names = |text: &str| text.matches("{shop}").count();
        for language in Language::ALL {
            for (text, english) in all(language).into_iter().zip(all(Language::English)) {
                assert_eq!(names(text), names(english), "{text}");
                assert_eq!(text.matches('{').count(), names(text), "{text}");
            }
        }
    }
}
