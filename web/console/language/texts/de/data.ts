import type { Translation } from "../../texts";
import type { data as english } from "../en/data";

export const data = {
  "data.title": "Daten",
  "backup.title": "Sicherungen",
  "backup.postgres":
    "Die Datenbank liegt in PostgreSQL, also sichern dessen eigene Werkzeuge sie: pg_dump, oder pg_basebackup mit einem Archiv des WAL.",
  "backup.now": "Jetzt sichern",
  "backup.last": "Letzte Sicherung: <b>{ago}</b> <dim>({time}, {size})</dim>",
  "backup.none": "Es gibt noch keine Sicherung.",
  "backup.failure": "Der Versuch danach ist fehlgeschlagen: {reason}",
  "backup.never": "Der Server macht von selbst keine: backup.every_ms ist 0.",
  "every.days":
    "Der Server macht von selbst {count, plural, one {jeden Tag} other {alle # Tage}} eine.",
  "every.hours":
    "Der Server macht von selbst {count, plural, one {jede Stunde} other {alle # Stunden}} eine.",
  "every.minutes":
    "Der Server macht von selbst {count, plural, one {jede Minute} other {alle # Minuten}} eine.",
  "every.seconds":
    "Der Server macht von selbst {count, plural, one {jede Sekunde} other {alle # Sekunden}} eine.",
  "every.milliseconds": "Der Server macht von selbst alle {count, number} ms eine.",

  "export.title": "Export",
  "export.hint":
    "Unterhaltungen als Datei: für Kunden, die nach ihren Daten fragen, oder für den Umzug auf einen anderen Server.",
  "export.whose": "Wessen Unterhaltungen",
  "export.all": "Alle",
  "export.format": "Format",
  "export.jsonl": "JSON Lines (kann importiert werden)",
  "export.csv": "CSV (für Tabellen)",
  "export.submit": "Exportieren",
  "person.byEmail": "Eine Person, nach E-Mail",
  "person.byPhone": "Eine Person, nach Telefonnummer",
  "person.byUser": "Eine Person, nach Benutzerkennung",
  "person.email": "E-Mail der Person",
  "person.phone": "Telefonnummer der Person",
  "person.user": "Benutzerkennung der Person",
  "person.userHint": "Genau der Wert sub der signierten Identität.",
  "person.hint": "Wie in einer Unterhaltung; Großschreibung und Leerzeichen sind egal.",

  "erase.title": "Eine Person löschen",
  "erase.hint":
    "Alle ihre Unterhaltungen verschwinden, auch aus der Suche, und niemand kann sie zurückholen. Vorher sehen Sie, was gelöscht würde.",
  "erase.who": "Wer",
  "erase.show": "Zeigen, was gelöscht würde",
  "erase.nobody":
    "Keine Person passt dazu, also würde nichts gelöscht. Bitte prüfen Sie die Schreibweise.",
  "erase.would":
    "{rooms, plural, one {# Unterhaltung} other {# Unterhaltungen}} mit {messages, plural, one {# Nachricht} other {# Nachrichten}} würden gelöscht.",
  "erase.mentions":
    "{count, plural, one {# andere Unterhaltung erwähnt die E-Mail-Adresse. Sie bleibt, wie sie ist:} other {# andere Unterhaltungen erwähnen die E-Mail-Adresse. Sie bleiben, wie sie sind:}}",
  "erase.mentionsOrMore":
    "{count, plural, one {Mindestens # andere Unterhaltung erwähnt die E-Mail-Adresse. Sie bleibt, wie sie ist:} other {Mindestens # andere Unterhaltungen erwähnen die E-Mail-Adresse. Sie bleiben, wie sie sind:}}",
  "erase.backupsUntil":
    "{count, plural, one {# Sicherung enthält} other {# Sicherungen enthalten}} sie noch, die letzte bis {time}. Die Quittung zählt sie auf.",
  "erase.backups":
    "{count, plural, one {# Sicherung enthält} other {# Sicherungen enthalten}} sie noch, manche, bis Sie die Dateien löschen. Die Quittung zählt sie auf.",
  "erase.type": "Zum Löschen bitte {name} eingeben",
  "erase.submit": "Endgültig löschen",
  "rewrite.title": "Datenbank neu schreiben",
  "rewrite.hint":
    "Niemand kann lesen, was gelöscht wurde, aber bis die Datei neu geschrieben ist, können Reste darin stehen. Der Server tut das von selbst, wenn im Chat Ruhe ist. PostgreSQL überschreibt sie von sich aus.",
  "rewrite.now": "Jetzt neu schreiben",
  "rewrite.question":
    "Bis es fertig ist, kommt keine Nachricht durch: einige Sekunden, bei einer großen Datenbank Minuten.",

  "jobs.title": "Letzte 24 Stunden",
  "jobs.none": "Hier wurde nichts gestartet.",
  "jobs.cancel": "Abbrechen",
  "jobs.cancelName": "Abbrechen: {job}",
  "jobs.download": "Herunterladen",
  "jobs.downloadName": "Herunterladen: {job}, {time}",
  "job.backup": "Sicherung",
  "job.export": "Export",
  "job.erase": "Löschung",
  "job.rewrite": "Neuschreiben",
  "job.done": "{what}",
  "job.running": "{what} läuft",
  "job.failed": "{what} fehlgeschlagen",
  "job.cancelled": "{what} abgebrochen",
  "job.message": "{job}: {message}",
  "progress.rewrite": "Kann nicht abgebrochen werden",
  "progress.waiting": "Wartet",
  "progress.verified": "Wird geprüft",
  "progress.percent": "{percent, number} %",
  "progress.decided": "{percent, number} % · Entschieden, kann nicht mehr abgebrochen werden",

  "doctor.title": "Diagnose",
  "doctor.found":
    "{count, plural, =0 {Keine Probleme gefunden} one {# Problem gefunden} other {# Probleme gefunden}}",
  "doctor.skip": "Überspringen",
  "doctor.quiet":
    "Eine Verbindung wird still gehalten, noch {seconds, plural, one {# Sekunde} other {# Sekunden}}",
  "doctor.widget": "Das Widget wird geladen",
  "doctor.seen": "Der Server wird gefragt, was er sieht",
  "doctor.body": "Eine große Nachricht wird gesendet",
  "doctor.sockets": "Verbindungen werden geöffnet",
  "check.reach": "Server",
  "check.certificate": "Zertifikat",
  "check.public_url": "Öffentliche URL",
  "check.upgrade": "WebSocket-Verbindung",
  "check.http_version": "HTTP-Version",
  "check.subprotocol": "WebSocket-Unterprotokoll",
  "check.origin": "Herkunft (Origin)",
  "check.forged_address": "Gefälschte Adresse",
  "check.client_address": "Adresse des Clients",
  "check.buffering": "Pufferung",
  "check.quiet": "Stille Verbindung",
  "check.widget": "Widget im Cache",
  "check.body_size": "Größe von Anfragen",
  "check.clock": "Uhr",
  "check.data_directory": "Datenverzeichnis",
  "check.file_system": "Dateisystem",
  "check.fsync": "Schreiben auf die Festplatte",
  "check.open_files": "Offene Dateien",
  "check.free_space": "Freier Speicherplatz",
  "check.backup": "Sicherung",
  "check.database": "PostgreSQL",
  "check.bus": "NATS",
  "check.mail_relay": "Mail-Relay",
  "check.mailbox": "Postfach",
  "check.cards": "Karten vom Shop",
  "check.cards_signature": "Signatur der Karten",
  "doctor.ok": "OK",
  "doctor.skipped": "Nicht geprüft",
  "doctor.problem": "Problem",
} satisfies Translation<typeof english>;
