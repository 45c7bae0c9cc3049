import type { Translation } from "../../texts";
import type { tokens as english } from "../en/tokens";

export const tokens = {
  "tokens.title": "Jetons d’API",
  "tokens.hint":
    "Pour les programmes de la boutique : un programme envoie son jeton comme Bearer et peut faire ce que disent ses droits.",
  "tokens.list": "Jetons",
  "tokens.none": "Il n’y a pas de jetons.",
  "tokens.make": "Créer un jeton",
  "tokens.name": "Nom du programme",
  "tokens.nameHint": "Les clients le voient à côté de ce que le programme écrit.",
  "tokens.lifetime": "Valable",
  "tokens.days": "{count, plural, one {# jour} other {# jours}}",
  "tokens.endless": "Jusqu’à sa révocation",
  "tokens.rights": "Il peut",
  "tokens.right.rooms:read": "lire les conversations",
  "tokens.right.messages:write": "écrire aux clients",
  "tokens.right.drafts:write": "suggérer des réponses aux agents",
  "tokens.right.export": "exporter les conversations",
  "tokens.submit": "Créer le jeton",
  "tokens.made": "Le jeton {name} est créé.",
  "tokens.secret": "Le jeton, affiché cette seule fois",
  "tokens.secretHint":
    "Gardez-le là où le programme lit ses secrets. S’il est perdu, révoquez-le et créez-en un autre.",
  "tokens.copy": "Copier",
  "tokens.copied": "Copié",
  "tokens.used": "utilisé {ago}",
  "tokens.unused": "pas encore utilisé",
  "tokens.until": "jusqu’au {time}",
  "tokens.past": "expiré le {time}",
  "tokens.end": "Révoquer",
  "tokens.endOf": "Révoquer {name}",
  "tokens.question": "Révoquer {name} ? Les programmes qui l’utilisent ne fonctionneront plus.",
  "tokens.ended": "Le jeton {name} est révoqué.",
  "command.tokens": "Jetons d’API",
  "settings.openTokens": "Ouvrir Jetons d’API",
} satisfies Translation<typeof english>;
