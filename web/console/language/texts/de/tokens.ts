import type { Translation } from "../../texts";
import type { tokens as english } from "../en/tokens";

export const tokens = {
  "tokens.title": "API-Tokens",
  "tokens.hint":
    "Für Programme des Shops: Ein Programm schickt sein Token als Bearer und darf, was dessen Rechte sagen.",
  "tokens.list": "Tokens",
  "tokens.none": "Es gibt keine Tokens.",
  "tokens.make": "Token erstellen",
  "tokens.name": "Name des Programms",
  "tokens.nameHint": "Kunden sehen ihn neben dem, was das Programm schreibt.",
  "tokens.lifetime": "Gültig",
  "tokens.days": "{count, plural, one {# Tag} other {# Tage}}",
  "tokens.endless": "Bis es beendet wird",
  "tokens.rights": "Es darf",
  "tokens.right.rooms:read": "Gespräche lesen",
  "tokens.right.messages:write": "Kunden schreiben",
  "tokens.right.drafts:write": "Agenten Antworten vorschlagen",
  "tokens.right.export": "Gespräche exportieren",
  "tokens.submit": "Token erstellen",
  "tokens.made": "Das Token {name} ist erstellt.",
  "tokens.secret": "Das Token, nur dieses eine Mal sichtbar",
  "tokens.secretHint":
    "Bewahren Sie es dort auf, wo das Programm seine Geheimnisse liest. Geht es verloren, beenden Sie es und erstellen ein neues.",
  "tokens.copy": "Kopieren",
  "tokens.copied": "Kopiert",
  "tokens.used": "benutzt {ago}",
  "tokens.unused": "noch nicht benutzt",
  "tokens.until": "bis {time}",
  "tokens.past": "abgelaufen {time}",
  "tokens.end": "Beenden",
  "tokens.endOf": "{name} beenden",
  "tokens.question": "{name} beenden? Programme, die es benutzen, funktionieren dann nicht mehr.",
  "tokens.ended": "Das Token {name} ist beendet.",
  "command.tokens": "API-Tokens",
  "settings.openTokens": "API-Tokens öffnen",
} satisfies Translation<typeof english>;
