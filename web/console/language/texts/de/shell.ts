import type { Translation } from "../../texts";
import type { shell as english } from "../en/shell";

export const shell = {
  "signIn.title": "Bei Shoptalk anmelden",
  "signIn.username": "Benutzername",
  "signIn.password": "Passwort",
  "signIn.submit": "Anmelden",
  "signIn.wrong": "Benutzername oder Passwort ist falsch.",
  "setup.title": "Willkommen bei Shoptalk",
  "setup.hint": "Legen Sie das erste Konto an. Es kann weitere hinzufügen.",
  "setup.passwordHint": "Mindestens 8 Zeichen.",
  "setup.again": "Zur Bestätigung wiederholen",
  "setup.notSame": "Die beiden Passwörter stimmen nicht überein.",
  "setup.submit": "Konto anlegen",
  "setup.used":
    "Dieser Link wurde schon benutzt oder ist abgelaufen. Starten Sie den Server neu, um einen neuen zu erhalten, oder führen Sie dort „{command}“ aus.",

  "bar.title": "Shoptalk",
  "bar.skip": "Zur Antwort springen",
  "bar.commands": "Befehle (Strg+K)",
  "bar.agents": "Mitarbeiter",
  "bar.keys": "Tastenkürzel",
  "bar.settings": "Einstellungen",
  "bar.signOut": "Abmelden",
  "dialog.close": "Dialog schließen",
  "confirm.cancel": "Abbrechen",
  "title.waiting": "({count, number}) Shoptalk",

  "status.connected": "In Echtzeit verbunden",
  "status.catching-up": "Wird aktualisiert",
  "status.offline":
    "Offline. {count, plural, =0 {Nicht gesendete Nachrichten werden} one {# nicht gesendete Nachricht wird} other {# nicht gesendete Nachrichten werden}} aufbewahrt und gesendet, sobald der Server wieder erreichbar ist",
  "status.unhealthy": "{state}, aber der Server arbeitet nicht: {problem}",
  "health.silent": "er antwortet nicht",
  "health.status": "er antwortet mit {status}",
  "banner.tryAgain": "Erneut versuchen",
  "banner.restarting": "Der Server wird neu gestartet.",
  "banner.disk": "Der Server kann nicht auf seine Festplatte schreiben. Er versucht es weiter.",
  "banner.busy": "Der Server ist stark ausgelastet. Er versucht es weiter.",
  "stop.tooMany":
    "Sie haben zu viele Konsolen geöffnet. Schließen Sie eine und versuchen Sie es erneut.",
  "stop.notAllowed":
    "Sie dürfen die Konsole nicht mehr benutzen. Wenden Sie sich an einen Administrator.",
  "stop.tooOld": "Diese Seite ist für den Server zu alt. Bitte laden Sie sie neu.",
  "session.ended": "Ihre Sitzung ist beendet.",
  "session.endedSignIn": "Ihre Sitzung ist beendet. Bitte melden Sie sich erneut an.",

  "alerts.soundWaits": "Der Ton ist ab Ihrem ersten Klick auf dieser Seite an",
  "alerts.blocked": "Der Browser blockiert Benachrichtigungen",
  "alerts.off": "Ton und Benachrichtigungen sind aus",

  "error.unreachable":
    "Der Server ist nicht erreichbar. Es wurde nichts geändert. Bitte versuchen Sie es erneut.",
  "error.waitMinutes":
    "Zu viele Versuche. Bitte versuchen Sie es in {minutes, plural, one {# Minute} other {# Minuten}} erneut.",
  "error.waitSeconds":
    "Zu viele Versuche. Bitte versuchen Sie es in {seconds, plural, one {# Sekunde} other {# Sekunden}} erneut.",
  "problem.bad_frame":
    "Der Server hat diese Nachricht nicht verstanden. Bitte laden Sie die Seite neu.",
  "problem.invalid": "Eine Eingabe ist ungültig: {detail}",
  "problem.unauthorized": "Ihre Sitzung ist beendet. Bitte melden Sie sich erneut an.",
  "problem.bad_credentials": "Das Passwort ist falsch.",
  "problem.forbidden": "Dazu fehlt Ihnen die Berechtigung.",
  "problem.not_found": "Das gibt es nicht oder nicht mehr.",
  "problem.method_not_allowed": "Der Server unterstützt das nicht. Bitte laden Sie die Seite neu.",
  "problem.conflict": "Das ist so nicht möglich: {detail}",
  "problem.gone": "Das gibt es nicht mehr.",
  "problem.too_large": "Das ist zu lang.",
  "problem.unsupported_media_type":
    "Der Server unterstützt das nicht. Bitte laden Sie die Seite neu.",
  "problem.rate_limited": "Das waren zu viele Versuche. Bitte warten Sie einen Augenblick.",
  "problem.internal": "Im Server ist ein Fehler aufgetreten. Sein Protokoll nennt die Ursache.",
  "problem.busy": "Der Server ist stark ausgelastet. Bitte versuchen Sie es erneut.",
  "problem.storage_unavailable":
    "Der Server kann zurzeit nicht auf seine Festplatte schreiben. Es wurde nichts geändert.",
  "problem.draining": "Der Server wird neu gestartet. Bitte versuchen Sie es erneut.",
} satisfies Translation<typeof english>;
