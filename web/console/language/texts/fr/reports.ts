import type { Translation } from "../../texts";
import type { reports as english } from "../en/reports";

export const reports = {
  "rating.title": "Note",
  "rating.score": "{score, number} sur 5",
  "rating.given": "{name} a noté la conversation {score, number} sur 5",

  "command.reports": "Rapports : conversations, délais d’attente, notes",
  "reports.open": "Ouvrir les rapports",
  "reports.title": "Rapports",
  "reports.from": "Du",
  "reports.to": "Au",
  "reports.by": "Lignes",
  "reports.day": "Jour",
  "reports.agent": "Agent",
  "reports.tag": "Étiquette",
  "reports.show": "Afficher",
  "reports.loading": "Le rapport est en préparation",
  "reports.loaded":
    "{count, plural, one {# conversation} many {# conversations} other {# conversations}}",
  "reports.openHours": "Ne compter que les heures d’ouverture",
  "reports.conversations": "Conversations",
  "reports.unanswered": "Sans réponse",
  "reports.firstAnswer": "Première réponse",
  "reports.firstAnswerMedian": "Première réponse, médiane",
  "reports.firstAnswerP90": "Première réponse, 90 %",
  "reports.wholeMedian": "Durée totale, médiane",
  "reports.wholeP90": "Durée totale, 90 %",
  "reports.rating": "Note",
  "reports.average": "{average} ({count, number})",
  "reports.none": "–",
  "reports.fromCustomers": "Messages des clients",
  "reports.fromAgents": "Messages des agents",
  "reports.total": "Total",
  "reports.nobody": "Personne ou inconnu",
  "reports.noTag": "Sans étiquette",
  "reports.table": "Chiffres",
  "reports.download": "Télécharger en CSV",
  "reports.hint":
    "Les jours commencent dans le fuseau horaire {zone}. Une conversation compte le jour de son premier message, pour l’agent qui a répondu en premier. La moitié des durées ne dépasse pas la médiane, 90 % ne dépassent pas l’autre valeur. Les indésirables ne comptent pas.",
} satisfies Translation<typeof english>;
