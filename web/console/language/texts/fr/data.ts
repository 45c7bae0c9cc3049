import type { Translation } from "../../texts";
import type { data as english } from "../en/data";

export const data = {
  "data.title": "Données",
  "backup.title": "Sauvegardes",
  "backup.postgres":
    "La base de données est dans PostgreSQL ; ses propres outils la sauvegardent : pg_dump, ou pg_basebackup avec une archive du WAL.",
  "backup.now": "Sauvegarder maintenant",
  "backup.last": "Dernière sauvegarde : <b>{ago}</b> <dim>({time}, {size})</dim>",
  "backup.none": "Il n’y a pas encore de sauvegarde.",
  "backup.failure": "La tentative suivante a échoué : {reason}",
  "backup.never": "Le serveur n’en fait pas de lui-même : backup.every_ms vaut 0.",
  "every.days":
    "Le serveur en fait une de lui-même {count, plural, one {chaque jour} other {tous les # jours}}.",
  "every.hours":
    "Le serveur en fait une de lui-même {count, plural, one {chaque heure} other {toutes les # heures}}.",
  "every.minutes":
    "Le serveur en fait une de lui-même {count, plural, one {chaque minute} other {toutes les # minutes}}.",
  "every.seconds":
    "Le serveur en fait une de lui-même {count, plural, one {chaque seconde} other {toutes les # secondes}}.",
  "every.milliseconds": "Le serveur en fait une de lui-même toutes les {count, number} ms.",

  "export.title": "Export",
  "export.hint":
    "Les conversations sous forme de fichier : pour un client qui demande ses données, ou pour passer à un autre serveur.",
  "export.whose": "Conversations de qui",
  "export.all": "Tout le monde",
  "export.format": "Format",
  "export.jsonl": "JSON Lines (peut être importé)",
  "export.csv": "CSV (pour les tableurs)",
  "export.submit": "Exporter",
  "person.byEmail": "Une personne, par e-mail",
  "person.byPhone": "Une personne, par téléphone",
  "person.byUser": "Une personne, par identifiant",
  "person.email": "Son e-mail",
  "person.phone": "Son numéro de téléphone",
  "person.user": "Son identifiant",
  "person.userHint": "Exactement le champ sub de son identité signée.",
  "person.hint": "Tel que dans une conversation ; la casse et les espaces n’importent pas.",

  "erase.title": "Effacer une personne",
  "erase.hint":
    "Toutes ses conversations disparaissent, aussi de la recherche, et personne ne peut les récupérer. Vous voyez d’abord ce qui disparaîtrait.",
  "erase.who": "Qui",
  "erase.show": "Montrer ce qui disparaîtrait",
  "erase.nobody": "Personne ne correspond : rien ne serait effacé. Vérifiez l’orthographe.",
  "erase.would":
    "À effacer : {rooms, plural, one {# conversation} other {# conversations}} avec {messages, plural, one {# message} other {# messages}}.",
  "erase.mentions":
    "{count, plural, one {# autre conversation mentionne son e-mail. Elle reste telle quelle :} other {# autres conversations mentionnent son e-mail. Elles restent telles quelles :}}",
  "erase.mentionsOrMore":
    "{count, plural, one {Au moins # autre conversation mentionne son e-mail. Elle reste telle quelle :} other {Au moins # autres conversations mentionnent son e-mail. Elles restent telles quelles :}}",
  "erase.backupsUntil":
    "{count, plural, one {# sauvegarde les contient encore} other {# sauvegardes les contiennent encore}}, la dernière jusqu’au {time}. Le reçu en donne la liste.",
  "erase.backups":
    "{count, plural, one {# sauvegarde les contient encore} other {# sauvegardes les contiennent encore}}, certaines jusqu’à ce que vous supprimiez les fichiers. Le reçu en donne la liste.",
  "erase.type": "Pour effacer, saisissez {name}",
  "erase.submit": "Effacer définitivement",
  "rewrite.title": "Réécrire la base de données",
  "rewrite.hint":
    "Personne ne peut lire ce qui a été effacé, mais il peut en rester des octets dans le fichier jusqu’à sa réécriture. Le serveur la fait de lui-même quand le chat est calme. PostgreSQL les écrase à son rythme.",
  "rewrite.now": "Réécrire maintenant",
  "rewrite.question":
    "Aucun message ne passe jusqu’à la fin : quelques secondes, ou des minutes pour une grande base.",

  "jobs.title": "Dernières 24 heures",
  "jobs.none": "Rien n’a été lancé ici.",
  "jobs.cancel": "Annuler",
  "jobs.cancelName": "Annuler : {job}",
  "jobs.download": "Télécharger",
  "jobs.downloadName": "Télécharger : {job}, {time}",
  "job.backup": "Sauvegarde",
  "job.export": "Export",
  "job.erase": "Effacement",
  "job.rewrite": "Réécriture",
  "job.done": "{what}",
  "job.running": "{what} en cours",
  "job.failed": "{what} : échec",
  "job.cancelled": "{what} : annulation",
  "job.message": "{job} : {message}",
  "progress.rewrite": "Ne peut pas être annulé",
  "progress.waiting": "En attente",
  "progress.verified": "Vérification en cours",
  "progress.percent": "{percent, number} %",
  "progress.decided": "{percent, number} % · Décidé, ne peut plus être annulé",

  "doctor.title": "Diagnostic",
  "doctor.found":
    "{count, plural, =0 {Aucun problème trouvé} one {# problème trouvé} other {# problèmes trouvés}}",
  "doctor.skip": "Passer",
  "doctor.quiet":
    "Une connexion reste silencieuse, encore {seconds, plural, one {# seconde} other {# secondes}}",
  "doctor.widget": "Chargement du widget",
  "doctor.seen": "Question au serveur sur ce qu’il voit",
  "doctor.body": "Envoi d’un grand message",
  "doctor.sockets": "Ouverture de connexions",
  "check.reach": "Serveur",
  "check.certificate": "Certificat",
  "check.public_url": "URL publique",
  "check.upgrade": "Connexion WebSocket",
  "check.http_version": "Version de HTTP",
  "check.subprotocol": "Sous-protocole WebSocket",
  "check.origin": "Origine (Origin)",
  "check.forged_address": "Adresse falsifiée",
  "check.client_address": "Adresse du client",
  "check.buffering": "Mise en tampon",
  "check.quiet": "Connexion silencieuse",
  "check.widget": "Widget en cache",
  "check.body_size": "Taille des requêtes",
  "check.clock": "Horloge",
  "check.data_directory": "Répertoire de données",
  "check.file_system": "Système de fichiers",
  "check.fsync": "Écriture sur le disque",
  "check.open_files": "Fichiers ouverts",
  "check.free_space": "Espace libre",
  "check.backup": "Sauvegarde",
  "check.database": "PostgreSQL",
  "check.bus": "NATS",
  "check.mail_relay": "Relais de messagerie",
  "check.mailbox": "Boîte aux lettres",
  "check.cards": "Fiches de la boutique",
  "check.cards_signature": "Signature des fiches",
  "doctor.ok": "OK",
  "doctor.skipped": "Non vérifié",
  "doctor.problem": "Problème",
} satisfies Translation<typeof english>;
