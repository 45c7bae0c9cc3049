import type { Translation } from "../../texts";
import type { replies as english } from "../en/replies";

export const replies = {
  "composer.unfilled": "Bitte füllen Sie {place} aus, bevor Sie senden.",
  "replies.title": "Textbausteine",
  "replies.hint":
    "Tippen Sie beim Schreiben / und einige Buchstaben, und wählen Sie mit den Pfeiltasten und der Eingabetaste. Gesendet wird erst, wenn Sie es tun.",
  "replies.none": "Es gibt noch keine.",
  "replies.shortcut": "Kürzel",
  "replies.shortcutHint": "Ein Wort, das hinter einem Schrägstrich getippt wird.",
  "replies.name": "Titel",
  "replies.nameHint": "Worum es geht; nur Mitarbeiter sehen das.",
  "replies.content": "Text",
  "replies.places": "Das wird beim Einfügen ausgefüllt: {places}",
  "replies.shared": "Für alle",
  "replies.own": "Nur für Sie",
  "replies.share": "Für alle Mitarbeiter",
  "replies.actions": "Aktionen",
  "replies.edit": "Bearbeiten",
  "replies.editOf": "Bearbeiten: /{shortcut}",
  "replies.delete": "Löschen",
  "replies.deleteOf": "Löschen: /{shortcut}",
  "replies.deleteQuestion": "/{shortcut} löschen?",
  "replies.deleted": "/{shortcut} ist gelöscht.",
  "replies.new": "Neuer Textbaustein",
  "replies.change": "/{shortcut} ändern",
  "replies.save": "Textbaustein speichern",
  "replies.saved": "/{shortcut} ist gespeichert.",
  "replies.cancel": "Abbrechen",
  "replies.file": "CSV-Datei",
  "replies.fileHint": "Eine Tabelle mit den Spalten shortcut, title, content und shared.",
  "replies.export": "CSV exportieren",
  "replies.import": "CSV importieren",
  "replies.imported":
    "{count, plural, one {# Textbaustein wurde hinzugefügt.} other {# Textbausteine wurden hinzugefügt.}}",
  "replies.refused": "Zeile {line, number}, /{shortcut}: {reason}",
  "replies.noCsv":
    "Das ist keine CSV-Datei mit den Spalten shortcut und content in der ersten Zeile. Es wurde nichts hinzugefügt.",
  "command.replies": "Textbausteine",
} satisfies Translation<typeof english>;
