import type { Translation } from "../../texts";
import type { customer as english } from "../en/customer";

export const customer = {
  "suggestion.name": "Suggestion",
  "suggestion.by": "{name} suggère",
  "suggestion.stale": "Le client a écrit depuis.",
  "suggestion.take": "Reprendre",
  "suggestion.dismiss": "Écarter",
  "profile.name": "À propos du client",
  "profile.firstVisit": "Première visite",
  "profile.lastVisit": "Dernière visite",
  "profile.language": "Langue",
  "profile.localTime": "Heure locale",
  "profile.attributes": "De la boutique",
  "profile.dropped": "Ce que la boutique a signé a été écarté :",
  "profile.pages": "Pages",
  "profile.others": "Autres conversations",
  "cards.name": "Dans la boutique",
  "cards.again": "Recharger",
  "cards.loading": "Chargement depuis la boutique",
  "cards.none": "La boutique n’a rien sur ce client.",
  "cards.failed": "Le chargement depuis la boutique a échoué :",
} satisfies Translation<typeof english>;
