import type { Translation } from "../../texts";
import type { customer as english } from "../en/customer";

export const customer = {
  "suggestion.name": "Vorschlag",
  "suggestion.by": "{name} schlägt vor",
  "suggestion.stale": "Der Kunde hat seitdem geschrieben.",
  "suggestion.take": "Übernehmen",
  "suggestion.dismiss": "Verwerfen",
  "profile.name": "Über den Kunden",
  "profile.firstVisit": "Erster Besuch",
  "profile.lastVisit": "Letzter Besuch",
  "profile.language": "Sprache",
  "profile.localTime": "Ortszeit",
  "profile.attributes": "Vom Shop",
  "profile.dropped": "Was der Shop signiert hat, wurde verworfen:",
  "profile.pages": "Seiten",
  "profile.others": "Andere Gespräche",
  "cards.name": "Im Shop",
  "cards.again": "Neu laden",
  "cards.loading": "Vom Shop wird geladen",
  "cards.none": "Der Shop hat nichts über diesen Kunden.",
  "cards.failed": "Vom Shop konnte nicht geladen werden:",
} satisfies Translation<typeof english>;
