import type { Translation } from "../../texts";
import type { notifications as english } from "../en/notifications";

export const notifications = {
  "command.notifications": "Benachrichtigungen: Dienst und Geräte",
  "ring.title": "Benachrichtigungen",
  "ring.you": "Sie",
  "ring.onDuty": "Im Dienst",
  "ring.onDutyHint":
    "Wenn ein Kunde wartet, klingeln die Geräte aller, die im Dienst sind. Außer Dienst klingelt keines von Ihren.",
  "ring.thisDevice": "Dieses Gerät",
  "ring.switch": "Dieses Gerät klingeln lassen",
  "ring.hint":
    "Es klingelt auch bei geschlossener Konsole, bis Sie sich hier abmelden oder die Konsole 30 Tage lang nicht benutzt haben.",
  "ring.test": "Jetzt klingeln lassen",
  "ring.blocked":
    "Der Browser blockiert Benachrichtigungen dieser Seite. Erlauben Sie sie in den Einstellungen des Browsers für diese Seite (das Symbol neben der Adresse), und laden Sie die Seite dann neu.",
  "ring.install":
    "Auf einem iPhone oder iPad installieren Sie zuerst die Konsole: Öffnen Sie in Safari das Teilen-Menü, wählen Sie „Zum Home-Bildschirm“, öffnen Sie Shoptalk von dort und kommen Sie hierher zurück.",
  "ring.unsupported":
    "Dieser Browser kann nicht klingeln. Benutzen Sie Chrome, Edge, Firefox oder Safari in einer aktuellen Version, und öffnen Sie die Konsole über https.",
  "ring.takenBack": "Der Browser erlaubt keine Benachrichtigungen mehr.",
  "ring.browserFailed": "Der Browser konnte das Gerät nicht anmelden: {detail}",
  "ring.accepted": "Die Benachrichtigung ist auf dem Weg zu diesem Gerät.",
  "ring.gone": "Der Push-Dienst kennt dieses Gerät nicht mehr. Schalten Sie es aus und wieder ein.",
  "ring.refused": "Der Push-Dienst nimmt keine Nachrichten für dieses Gerät an: {detail}",
  "ring.failed": "Dieses Gerät war nicht zu erreichen: {detail}",
  "ring.unknown": "Der Server kennt dieses Gerät nicht. Schalten Sie es aus und wieder ein.",
} satisfies Translation<typeof english>;
