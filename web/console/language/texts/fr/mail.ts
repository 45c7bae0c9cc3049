import type { Translation } from "../../texts";
import type { mail as english } from "../en/mail";

export const mail = {
  "mail.title": "E-mails sans conversation",
  "mail.hint":
    "Ce qui est arrivé par e-mail sans devenir un message, avec la raison. C’est conservé 30 jours.",
  "mail.none": "Il n’y en a pas.",
  "mail.noSender": "Aucun expéditeur",
  "mail.open": "Ouvrir la conversation",
  "mail.undeliverable":
    "Les e-mails à cette adresse n’arrivent pas, aucun n’est donc envoyé : {reason}",
  "settings.openMail": "Ouvrir E-mails sans conversation",
  "mail.reason.too_large": "Il est trop volumineux.",
  "mail.reason.unreadable": "Il est illisible.",
  "mail.reason.automatic": "Un programme l’a envoyé : une réponse automatique ou une liste.",
  "mail.reason.own_mail": "Ce serveur l’a envoyé.",
  "mail.reason.delivery_report": "Il signale qu’un e-mail n’est pas arrivé.",
  "mail.reason.no_reply_address": "Il n’a été envoyé à aucune adresse de réponse.",
  "mail.reason.forged": "Son adresse de réponse ne vient pas de ce serveur.",
  "mail.reason.no_sender": "Il n’a aucun expéditeur, ou plusieurs.",
  "mail.reason.foreign_sender": "Il ne vient pas de l’adresse à laquelle nous avons écrit.",
  "mail.reason.no_room": "La conversation n’existe plus.",
  "mail.reason.blocked": "Le client est bloqué.",
  "mail.reason.empty": "Il ne contient aucun texte.",
  "command.mail": "E-mails sans conversation",
  "bounced.title": "Adresses que les e-mails n’atteignent pas",
  "bounced.hint":
    "Rien n’est envoyé à ces adresses, car un serveur de messagerie les a refusées. Autorisez-en une de nouveau quand vous savez qu’elle fonctionne.",
  "bounced.none": "Il n’y en a pas.",
  "bounced.newest": "Voici les {count, number} plus récentes.",
  "bounced.since": "depuis le {time}",
  "bounced.allow": "Autoriser de nouveau",
  "bounced.allowOf": "Autoriser de nouveau : {address}",
  "settings.openBounced": "Ouvrir Adresses que les e-mails n’atteignent pas",
} satisfies Translation<typeof english>;
