import type { Translation } from "../../texts";
import type { customer as english } from "../en/customer";

export const customer = {
  "suggestion.name": "Sugerencia",
  "suggestion.by": "{name} sugiere",
  "suggestion.stale": "El cliente ha escrito desde entonces.",
  "suggestion.take": "Usar",
  "suggestion.dismiss": "Descartar",
  "profile.name": "Sobre el cliente",
  "profile.firstVisit": "Primera visita",
  "profile.lastVisit": "Última visita",
  "profile.language": "Idioma",
  "profile.localTime": "Hora local",
  "profile.attributes": "De la tienda",
  "profile.dropped": "Lo que firmó la tienda se descartó:",
  "profile.pages": "Páginas",
  "profile.others": "Otras conversaciones",
} satisfies Translation<typeof english>;
