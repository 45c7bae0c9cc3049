import type { Translation } from "../../texts";
import type { mail as english } from "../en/mail";

export const mail = {
  "mail.title": "Mails ohne Unterhaltung",
  "mail.hint":
    "Was per Mail kam und keine Nachricht wurde, mit dem Grund. Es wird 30 Tage aufbewahrt.",
  "mail.none": "Es gibt keine.",
  "mail.noSender": "Kein Absender",
  "mail.open": "Unterhaltung öffnen",
  "mail.undeliverable":
    "Mails an diese Adresse kommen nicht an, deshalb wird keine gesendet: {reason}",
  "settings.openMail": "Mails ohne Unterhaltung öffnen",
  "mail.reason.too_large": "Sie ist zu groß.",
  "mail.reason.unreadable": "Sie lässt sich nicht lesen.",
  "mail.reason.automatic":
    "Ein Programm hat sie gesendet: eine automatische Antwort oder ein Verteiler.",
  "mail.reason.own_mail": "Dieser Server hat sie gesendet.",
  "mail.reason.delivery_report": "Sie meldet, dass eine Mail nicht angekommen ist.",
  "mail.reason.no_reply_address": "Sie ging an keine Antwortadresse.",
  "mail.reason.forged": "Ihre Antwortadresse stammt nicht von diesem Server.",
  "mail.reason.no_sender": "Sie hat keinen oder mehrere Absender.",
  "mail.reason.foreign_sender": "Sie kommt nicht von der Adresse, an die geschrieben wurde.",
  "mail.reason.no_room": "Die Unterhaltung gibt es nicht mehr.",
  "mail.reason.blocked": "Der Kunde ist blockiert.",
  "mail.reason.empty": "Es steht nichts darin.",
  "command.mail": "Mails ohne Unterhaltung",
  "bounced.title": "Adressen, die keine Mail erreicht",
  "bounced.hint":
    "An diese Adressen wird nichts gesendet, weil ein Mailserver sie abgelehnt hat. Lassen Sie eine wieder zu, sobald Sie wissen, dass sie funktioniert.",
  "bounced.none": "Es gibt keine.",
  "bounced.newest": "Dies sind die neuesten {count, number}.",
  "bounced.since": "seit {time}",
  "bounced.allow": "Wieder zulassen",
  "bounced.allowOf": "Wieder zulassen: {address}",
  "settings.openBounced": "Adressen, die keine Mail erreicht, öffnen",
} satisfies Translation<typeof english>;
